"""How a training command runs and ends: one line for a mistake, of however many processes."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import typer

from udasa_data import terminal
from udasa_data.errors import UserError, install_line

_NEEDED: Final = ("trl", "peft", "accelerate")


def run_command(command: Callable[..., None]) -> None:
    """Run one command as a program of its own."""
    app = typer.Typer(**terminal.SETTINGS)
    app.command()(command)
    run(app)


def run(app: Callable[[], object]) -> None:
    """Run a command line; a user's mistake ends with one line and status 1."""
    quiet()
    terminal.run_app(partial(_reported_once, app))


def _reported_once(app: Callable[[], object]) -> None:
    """Run a command line that may be one process of several: what all of them meet is said once."""
    try:
        app()
    except UserError as error:
        if not _is_first_to_say(hashlib.sha256(str(error).encode()).hexdigest()):
            sys.exit(1)
        raise
    except terminal.Interrupted as interrupted:
        # also by the launcher, which ends the others when one has failed
        if not _is_first_to_say("interrupted", after_others=False):
            sys.exit(interrupted.status)
        raise


def _is_first_to_say(what: str, *, after_others: bool = True) -> bool:
    """Return whether no other process of this launch has said the same.

    torch's launcher gives each process a file for its error, in a folder of its own; what was said
    is marked in the folder above, which all of them share.

    Args:
        what: is to be said, as a part of a file's name.
        after_others: whether it is still to be said when others have said something else.
    """
    error_file = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if error_file is None:
        return True
    shared = Path(error_file).parents[1]
    try:
        if not after_others and any(shared.glob("said-*")):
            return False
        (shared / f"said-{what}").touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:  # better twice than never
        return True
    return True


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
    missing = [name for name in _NEEDED if not is_installed(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(f"{', '.join(missing)} {verb} not installed; {install_line('train')}")


def is_installed(name: str) -> bool:
    """Return whether a package can be imported; imports nothing."""
    try:
        return find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # one that is half there, or kept away
        return False
