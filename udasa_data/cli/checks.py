"""Tables of files and of checks, for ``push`` and ``verify``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.text import Text

from udasa_data.publish import Verified
from udasa_data.terminal import Screen, print_table

_OUTCOMES: Final = {True: "ok", False: "FAILED", None: "not checked"}


def checks_table(verified: Verified) -> None:
    """Print what was checked and what came of it."""
    rows = [(check.name, _OUTCOMES[check.passed], check.detail) for check in verified.checks]
    Screen().print(Text(verified.where), soft_wrap=True)
    print_table(("check", "", "found"), rows)


def files_table(sizes: Mapping[str, int], repo_id: str) -> None:
    """Print the files that a push would commit, with their sizes."""
    rows = [(path, f"{size:,}") for path, size in sizes.items()]
    rows.append((f"{len(sizes)} files in one commit", f"{sum(sizes.values()):,}"))
    print_table((f"to {repo_id}", "bytes"), rows, right={1})
