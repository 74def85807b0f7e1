"""What was found of all that a command will need, and what is wrong with it: all faults at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

import msgspec

from udasa_data.errors import FaultsError, UserError
from udasa_data.storage import Listing, RepoType, UnreachableError, listing_of


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is needed.

    Attributes:
        what: for what.
        id: of a model or dataset; else what it is.
        revision: the commit of a Hub repository.
        bytes: of what is read of it; None where that is not known.
        licence: as its card says.
        detail: what else was resolved: labels, window, columns.
        faults: why it will not do, a line each.
    """

    what: str
    id: str
    revision: str | None = None
    bytes: int | None = None
    licence: str | None = None
    detail: str = ""
    faults: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """What was found, in the order in which it will be needed."""

    items: tuple[Item, ...]

    @property
    def faults(self) -> list[str]:
        """What is wrong, a line each; what several items have in common once."""
        return list(dict.fromkeys(line for item in self.items for line in item.faults))

    @property
    def facts(self) -> dict[str, object]:
        """The report as one object, for JSON."""
        return {"ok": not self.faults, "items": self.items, "faults": self.faults}

    def require(self) -> None:
        """Raise a UserError unless all is well; of several faults it has a line each."""
        require(self.faults)


class Lookups:
    """Asks the Hub about repositories, each once, and no more once it cannot be reached.

    Args:
        hint: what to do without it; behind the one line that says so.
    """

    def __init__(self, hint: str = "") -> None:
        self._hint = hint
        self._known: dict[tuple[str, str, RepoType], Listing | UserError] = {}
        self._down: UnreachableError | None = None

    def listing(self, repo_id: str, revision: str, repo_type: RepoType) -> Listing:
        """Return what a repository holds.

        Raises:
            UserError: as of ``listing_of``; where the Hub could not be reached before, that again.
        """
        if self._down is not None:
            raise self._down
        key = (repo_id, revision, repo_type)
        if key not in self._known:
            try:
                self._known[key] = listing_of(*key)
            except UnreachableError as error:
                self._down = UnreachableError(f"{error}{self._hint}")
                raise self._down from error
            except UserError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, UserError):
            raise found
        return found


class collected(AbstractContextManager[None]):  # noqa: N801 - as contextlib's own are written
    """Puts what is wrong into a list instead of raising it."""

    def __init__(self, faults: list[str]) -> None:
        self._faults = faults

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Take a UserError, and nothing else."""
        if isinstance(error, UserError):
            self._faults += error.lines if isinstance(error, FaultsError) else [str(error)]
        return isinstance(error, UserError)


def require(faults: Sequence[str]) -> None:
    """Raise a UserError where there are faults."""
    if len(faults) == 1:
        raise UserError(faults[0])
    if faults:
        raise FaultsError(faults)
