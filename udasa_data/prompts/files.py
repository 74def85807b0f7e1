"""A place → the files of rows in it: one file, a folder, a pattern, here or in an object store."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from udasa_data.config import is_there
from udasa_data.errors import UserError, nearest
from udasa_data.prompts.formats import KNOWN, is_packed, kind_of, unpacked
from udasa_data.storage import Place, Remote, did_you_mean, names_in, parse_json, place_of, reached

_PATTERN: Final = re.compile(r"[*?\[]")
_SPLIT: Final = re.compile(
    r"(?:^|[-_./])(train|test|validation|valid|val|dev|eval)(?=[-_./])", re.IGNORECASE
)
# of data sets as `save_to_disk` writes them and of ours, which say themselves what is read of them
_LISTS: Final = ("dataset_dict.json", "state.json", "manifest.json")
# of files beside the rows, that say what they are
_ABOUT: Final = re.compile(
    r"(readme|licen[cs]e|notice|requirements|dataset_infos?|dataset_dict|state|manifest|metadata"
    r"|config|croissant)(\.[a-z]{2})?\.(json|txt)",
    re.IGNORECASE,
)


class DataFile(NamedTuple):
    """A file of rows.

    Attributes:
        place: where it is.
        label: its name within its folder or pattern; empty where it is the only one.
        kind: of its rows, see :func:`udasa_data.prompts.formats.kind_of`.
    """

    place: Place
    label: str
    kind: str

    def content(self) -> bytes:
        """Return what it holds, decompressed.

        Raises:
            UserError: it is missing, no file, or cannot be read.
        """
        if isinstance(self.place, Path) and is_there(str(self.place)) and not self.place.is_file():
            kind = "a folder" if self.place.is_dir() else "a pipe or a device"
            raise UserError(f"{self.place}: is {kind}; give a file")
        try:
            return unpacked(self.place, self.place.read_bytes())
        except OSError as error:
            problem = error.strerror or "No such file"
            raise UserError(f"{self.place}: cannot be read ({problem})") from error

    @property
    def is_plain(self) -> bool:
        """Whether it can be read where it lies, without being fetched or decompressed."""
        return isinstance(self.place, Path) and not is_packed(self.place.name)


def data_file(path: Path) -> DataFile:
    """Return a file by its very path.

    Raises:
        UserError: its name does not say what it holds.
    """
    return _one(path, path.name)


def is_pattern(place: str) -> bool:
    """Return whether a place has one of ``*?[``, which stand for names where none is called so."""
    return _PATTERN.search(place) is not None


def matches(pattern: str) -> list[str]:
    """Return the files that a pattern matches, sorted; ``**`` stands for folders in folders.

    Folders at its beginning that are there are themselves, whatever is in their names.
    """
    path = Path(pattern)
    folder = next((parent for parent in path.parents if is_there(str(parent))), Path())
    rest = str(path.relative_to(folder))
    found = glob.glob(rest, root_dir=folder, recursive=True)  # noqa: PTH207 - as shells do
    return sorted(str(folder / name) for name in found if (folder / name).is_file())


def files_of(place: str, config: str | None = None, split: str | None = None) -> list[DataFile]:
    """Return the files of a place, in the order of their names.

    Args:
        place: a path, an address (``s3://…``, ``https://…``), or a pattern of either.
        config: a folder in the place.
        split: of a folder that holds several.

    Raises:
        UserError: nothing is there, no file of a known kind, several kinds, or several splits of
            which none is named.
    """
    where = place_of(place)
    is_url = place.startswith(("http://", "https://"))  # "?" is no pattern there; nor are folders
    if is_pattern(place) and not is_url and not _exists(where):
        return _matched(where)
    if isinstance(where, Path) and not is_there(str(where)):
        raise UserError(f"{place}: no such file or folder{did_you_mean(place)}")
    is_folder = where.is_dir() if isinstance(where, Path) else kind_of(_name(where)) is None
    if is_folder and not is_url:
        try:
            return _in_folder(where, config, split)
        except OSError as error:
            raise UserError(f"{place}: cannot be read ({error.strerror})") from error
    if config or split:
        raise UserError(f"{place}: is one file, without configurations or splits; leave them out")
    return [_one(where, _name(where))]


def passed_over(place: str, files: Sequence[DataFile]) -> list[str]:
    """Return the files of rows in folders of a folder whose own files are read instead, by name.

    Args:
        place: as :func:`files_of` took it.
        files: what it returned.
    """
    folder, own = Path(place), {file.place for file in files}
    are_its_own = all(isinstance(p, Path) and p.parent == folder for p in own)
    if not own or not are_its_own or not folder.is_dir():
        return []
    if any((folder / name).is_file() for name in _LISTS):
        return []
    return [name for name, below in _below(folder).items() if "/" in name and below not in own]


def _exists(place: Place) -> bool:
    return is_there(str(place)) if isinstance(place, Path) else place.exists()


def _name(place: Place) -> str:
    return place.name if isinstance(place, Path) else urlsplit(place.url).path.rpartition("/")[2]


def _one(place: Place, name: str) -> DataFile:
    kind = kind_of(name)
    if kind is None:
        raise UserError(f"{place}: unknown kind of file (known: {KNOWN})")
    return DataFile(place, "", kind)


def _matched(pattern: Place) -> list[DataFile]:
    if isinstance(pattern, Path):
        found: list[Place] = [Path(name) for name in matches(str(pattern))]
    else:
        with reached(pattern) as (fs, path):
            found = [Remote(fs.unstrip_protocol(name)) for name in sorted(fs.glob(path))]
    if not found:
        raise UserError(f"{pattern}: matches no file")
    names = {_name(place): place for place in found}
    labels = names if len(names) == len(found) else {str(place): place for place in found}
    return _of_one_kind(pattern, labels)


def _in_folder(folder: Place, config: str | None, split: str | None) -> list[DataFile]:
    names = names_in(folder)
    if not names:
        raise UserError(f"{folder}: no such folder, or an empty one; give a file or a folder")
    if config:
        if config not in names:
            raise UserError(f"{folder}: no folder '{config}' in it{nearest(config, names)}")
        return _in_folder(folder / config, None, split)
    if "dataset_dict.json" in names:
        splits = _json_in(folder, "dataset_dict.json").get("splits", [])
        return _in_folder(folder / _chosen(folder, splits, split), None, None)
    if "state.json" in names:
        listed = _json_in(folder, "state.json").get("_data_files", [])
        shards = [str(shard.get("filename")) for shard in listed if isinstance(shard, dict)]
        return _of_one_kind(folder, {name: folder / name for name in shards if name in names})
    if {"manifest.json", "prompts.parquet"} <= names:  # a run of ours
        return [DataFile(folder / "prompts.parquet", "", "parquet")]
    if {"manifest.json", "data"} <= names and (samples := names_in(folder / "data" / "samples")):
        inside = {name: folder / "data" / "samples" / name for name in sorted(samples)}
        return _of_one_kind(folder, _of_split(folder, inside, split) if split else inside)
    found = _below(folder)
    direct = {name: place for name, place in found.items() if "/" not in name}
    return _of_one_kind(folder, _of_split(folder, direct or found, split))


def _json_in(folder: Place, name: str) -> dict[str, Any]:
    try:
        value = parse_json((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / name}: cannot be read; save the data set again") from error
    return value if isinstance(value, dict) else {}


def _below(folder: Place) -> dict[str, Place]:
    """Return the files of rows in a folder and those in it, by their names within it, sorted."""
    if isinstance(folder, Path):
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    else:
        with reached(folder) as (fs, root):
            names = [name.removeprefix(root).lstrip("/") for name in fs.find(root)]
    rows = [name for name in names if kind_of(name) and not fnmatch(f"/{name}", "*/.*")]
    return {name: folder / name for name in sorted(rows) if not _ABOUT.fullmatch(Path(name).name)}


def _of_split(folder: Place, files: dict[str, Place], split: str | None) -> dict[str, Place]:
    """Return the files of one split, known by their names; all where they name none or one."""
    if split is None:
        splits = {match[1].lower() for name in files if (match := _SPLIT.search(name))}
        split = _chosen(folder, splits, None) if len(splits) > 1 else None
    if split is None:
        return files
    named = re.compile(rf"(^|[-_./]){re.escape(split)}[-_./]", re.IGNORECASE)
    found = {name: place for name, place in files.items() if named.search(name)}
    if not found:
        raise UserError(f"{folder}: no file of the split '{split}' among {_few(files)}")
    return found


def _chosen(folder: Place, splits: Iterable[str], split: str | None) -> str:
    known = sorted(splits)
    if split is None and len(known) == 1:
        return known[0]
    if split in known:
        return str(split)
    problem = f"no split '{split}'" if split else "several splits"
    form = f"; write {folder}:/{known[0]}" if known else ""
    raise UserError(f"{folder}: {problem} (known: {', '.join(known) or 'none'}){form}")


def _of_one_kind(folder: Place, files: dict[str, Place]) -> list[DataFile]:
    kinds = {name: kind for name in files if (kind := kind_of(name))}
    if len(set(kinds.values())) > 1:
        raise UserError(
            f"{folder}: holds files of several kinds ({_few(files)}); name those meant by a "
            f"pattern in quotes, as '{folder}/*{Path(next(iter(files))).suffix}'"
        )
    found = [DataFile(files[name], name, kind) for name, kind in kinds.items()]
    if not found:
        raise UserError(f"{folder}: holds no file of a known kind (known: {KNOWN})")
    return [found[0]._replace(label="")] if len(found) == 1 else found


def _few(names: Iterable[str] | Sequence[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:5]) + (", …" if len(shown) > 5 else "")
