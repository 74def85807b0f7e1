"""How a command line of ours runs and ends: no foreign lines between ours, no traceback."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import metadata
from typing import Final

from udasa_data.errors import FaultsError, UserError
from udasa_data.terminal.interruption import Interrupted, line_of, watch_signals
from udasa_data.terminal.screen import echo
from udasa_data.terminal.silence import broken_silence

FAULT: Final = 70  # sysexits' EX_SOFTWARE
_PIPE_CLOSED: Final = 141  # 128 + SIGPIPE
_FLAG: Final = "--traceback"


def run_app(app: Callable[[], object]) -> None:
    """Run a command line to its end.

    A user's mistake ends with one line and status 1, a fault of ours with one line and status 70
    (``--traceback`` or ``UDASA_TRACEBACK=1`` shows where it was), Ctrl-C with 130, SIGTERM with
    143, and a reader that went away with 141. Characters that a terminal does not have are escaped.
    """
    if os.name == "nt":
        sys.exit("error: Windows has no file locks of POSIX; run this in WSL, or on Linux or macOS")
    quiet()
    with_traceback = _takes_traceback()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    watch_signals()
    with broken_silence():
        status = _status(app, with_traceback=with_traceback)
    sys.exit(status)


def _status(app: Callable[[], object], *, with_traceback: bool) -> int:
    """Run a command line and return what the program ends with; everything is said by then."""
    try:
        app()
        sys.stdout.flush()
    except SystemExit as error:
        # typer and rich make a status 1 of a reader that went away
        gone = isinstance(error.__context__, BrokenPipeError)
        return _gone() if gone else _unwritten() or _code(error)
    except Interrupted as interrupted:
        return _report(line_of(interrupted), interrupted.status)
    except Exception as error:  # noqa: BLE001 (the net below everything)
        if with_traceback and not isinstance(error, UserError):
            echo(traceback.format_exc(), err=True, end="")  # without keys
        return _of_error(error)
    return 0


def _of_error(error: Exception) -> int:
    if isinstance(error, UserError):
        for line in error.lines if isinstance(error, FaultsError) else (str(error),):
            _report(f"error: {line}", 1)
        return 1
    if isinstance(error, BrokenPipeError):
        return _gone()
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        return _full(error)
    return _report(_fault(error), FAULT)


def _unwritten() -> int:
    """Return the status of output that could not be written; 0 where it could."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _gone()
    except OSError as error:
        return _full(error)
    return 0


def _gone() -> int:
    """Forget what is still to be written: nobody reads it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _PIPE_CLOSED


def _full(error: OSError) -> int:
    _gone()
    what = os.strerror(error.errno or errno.EIO)
    return _report(f"error: the output cannot be written ({what}); the work itself is done", 1)


def _code(error: SystemExit) -> int:
    if isinstance(error.code, int) or error.code is None:
        return error.code or 0
    return _report(str(error.code), 1)


def _report(line: str, status: int) -> int:
    with contextlib.suppress(OSError, ValueError):  # stderr may be closed or full, too
        echo(" ".join(line.splitlines()), err=True)
    return status


def _fault(error: Exception) -> str:
    """Return one line about a fault of ours: what, where, and what to do."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "udasa" in f.filename]
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""  # noqa: PTH119
    words = " ".join(str(error).split())[:200]
    return (
        f"error: a fault of udasa itself ({type(error).__name__}{where}: {words}). Please report "
        f"it at {_tracker()}, with what the same command prints with {_FLAG}"
    )


def _tracker() -> str:
    for line in metadata("udasa").get_all("Project-URL") or []:
        name, _, address = str(line).partition(", ")
        if name == "Issues":
            return address
    return "the project's issue tracker"


def _takes_traceback() -> bool:
    """Return whether tracebacks are wanted; takes the flag out of the command line."""
    asked = _FLAG in sys.argv[1:]
    sys.argv[1:] = [word for word in sys.argv[1:] if word != _FLAG]
    return asked or os.environ.get("UDASA_TRACEBACK", "") not in {"", "0"}


def quiet(*, of_a_program: bool = False) -> None:
    """Keep the libraries' bars and advice out of our own lines; what a user has set stays.

    Args:
        of_a_program: the process is somebody else's, whose own bars must stay.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not of_a_program:
        os.environ.setdefault("TQDM_DISABLE", "1")
