"""Tables of files and of checks, for ``push`` and ``verify``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from udasa_data.cli.tables import plain_table

if TYPE_CHECKING:
    from udasa_data.publish import Verified

_SAID: Final = {True: "ok", False: "FAILED", None: "not checked"}


def checks_table(verified: Verified) -> None:
    """Print what was checked and what came of it."""
    console = Console()
    rows = [(check.name, _SAID[check.passed], check.detail) for check in verified.checks]
    console.print(Text(verified.where), soft_wrap=True)
    console.print(plain_table(("check", "", "found"), rows))


def files_table(sizes: Mapping[str, int], repo_id: str) -> None:
    """Print the files that a push would commit, with their sizes."""
    console = Console()
    rows = [(path, f"{size:,}") for path, size in sizes.items()]
    rows.append((f"{len(sizes)} files in one commit", f"{sum(sizes.values()):,}"))
    console.print(plain_table((f"to {repo_id}", "bytes"), rows, right={1}))
