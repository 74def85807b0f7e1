"""Object stores, and whatever else fsspec speaks to: addresses, and errors in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from udasa_data.errors import UserError, first_line, install_line

_PACKAGES: Final = {"gs": "pip install gcsfs", "gcs": "pip install gcsfs"} | dict.fromkeys(
    ("s3", "s3a"), install_line("s3")
)


@dataclass(frozen=True)
class Remote:
    """A file or folder of an object store, with as much of ``Path`` as a run needs.

    Attributes:
        url: ``protocol://bucket/path``, without a slash at its end.
    """

    url: str

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.url}/{name}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]

    def exists(self) -> bool:
        """Return whether there is such a file, or anything under such a folder."""
        with reached(self) as (fs, path):
            return bool(fs.exists(path))

    def read_bytes(self) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with reached(self) as (fs, path):
            content: bytes = fs.cat_file(path)
        return content


def file_system(place: Remote) -> tuple[Any, str]:
    """Return the file system of an address, and its path there.

    Raises:
        UserError: no such kind of address, or the package that speaks it is missing.
    """
    import fsspec

    protocol = place.url.partition("://")[0]
    try:
        # other processes write there too: a listing of a while ago would be wrong
        fs, path = fsspec.core.url_to_fs(place.url, use_listings_cache=False)
    except ImportError as error:
        line = _PACKAGES.get(protocol, f"the one that fsspec names for '{protocol}'")
        raise UserError(f"{place}: needs another package: {line}") from error
    except ValueError as error:
        raise UserError(f"{place}: no file system '{protocol}' ({error})") from error
    return fs, path


@contextmanager
def reached(place: Remote, *, writing: bool = False) -> Iterator[tuple[Any, str]]:
    """Open an address; what goes wrong there becomes the user's one line.

    Raises:
        FileNotFoundError: no such file to read.
        FileExistsError: there is one.
        UserError: anything else.
    """
    fs, path = file_system(place)
    try:
        yield fs, path
    except Exception as error:  # each store has errors of its own
        if isinstance(error, FileExistsError) or (
            isinstance(error, FileNotFoundError) and not writing
        ):
            raise
        raise UserError(
            f"{place}: cannot be reached or used ({first_line(error)}); check the address, the "
            "credentials and the network, then run the same command again"
        ) from error
