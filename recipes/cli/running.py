"""How a training command runs and ends: one line for a mistake, from one process of several."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import typer

from udasa_data import terminal
from udasa_data.errors import UserError

SETTINGS: Final[dict[str, Any]] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
_NEEDED: Final = ("trl", "peft", "accelerate")
_PATIENCE: Final = 3.0  # seconds


def run_command(command: Callable[..., None]) -> None:
    """Run one command as a program of its own."""
    app = typer.Typer(**SETTINGS)
    app.command()(command)
    run(app)


def run(app: Callable[[], object]) -> None:
    """Run a command line; a user's mistake ends with one line and status 1."""
    quiet()
    terminal.run_app(partial(_first_process_speaks, app))


def _first_process_speaks(app: Callable[[], object]) -> None:
    """Let the first process report what all of them meet.

    A launcher ends the others as soon as one has failed; what only this one met is still said.
    """
    first = os.environ.get("RANK", "0") == "0"
    try:
        app()
    except UserError:
        if not first:
            time.sleep(_PATIENCE)
        raise
    except terminal.Interrupted as interrupted:
        if not first:
            raise SystemExit(interrupted.status) from interrupted
        raise


def quiet() -> None:
    """Keep the libraries' bars and advice out of our own lines."""
    terminal.quiet()
    # TRL 1.16 calls parts of transformers 5 that announce their own removal
    warnings.filterwarnings("ignore", category=FutureWarning)


def check_packages() -> None:
    """Stop before anything is loaded where a package that trains is missing.

    Raises:
        UserError: names it, and the command that installs it.
    """
    missing = [name for name in _NEEDED if not _is_installed(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(f"{', '.join(missing)} {verb} not installed; pip install 'udasa[train]'")


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # one that is half there, or kept away
        return False
