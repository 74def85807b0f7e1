"""``--launch``: the same command again, in the processes that accelerate starts for it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

import typer

from udasa_data.errors import UserError

from .options import LaunchKind
from .running import is_installed

ROOT: Final = Path(__file__).parents[1]
_FILES: Final = {
    "one": "single_gpu.yaml",
    "fsdp2": "fsdp2_8gpu.yaml",
    "zero3": "deepspeed_zero3.yaml",
}
_DEEPSPEED: Final = "deepspeed==0.19.8"


class Launch(NamedTuple):
    """What ``--launch`` and ``--processes`` say; None where they are not given."""

    kind: LaunchKind | None
    processes: int | None


def launched(
    launch: Launch, script: str, options: Mapping[str, object], check: Callable[[int], None]
) -> bool:
    """Run a command under accelerate where that is asked for; return whether it was.

    Args:
        launch: what is asked for.
        script: file of the command, beside the rooms.
        options: of the command, as it was given; None is left out, a list is repeated.
        check: looks at what will be needed by a model that is sharded over so many processes; in
            what is launched, too, which a user may start without us.

    Raises:
        UserError: it cannot be launched so on this machine.
        typer.Exit: it did not end well; the status is passed on.
    """
    kind, processes = launch
    if kind is None:
        if processes is not None:
            raise UserError("--processes: of --launch, which is not given")
        check(int(os.environ.get("WORLD_SIZE", "1")))
        return False
    if "ACCELERATE_MIXED_PRECISION" in os.environ:
        raise UserError("--launch: accelerate has started this process already; leave it out")
    if kind == "zero3" and not is_installed("deepspeed"):
        raise UserError(f"--launch zero3: deepspeed is not installed; pip install {_DEEPSPEED}")
    count = _count(kind, processes)
    check(count)
    status = run_accelerate(launch_arguments(kind, count, ROOT / script, command_line(options)))
    if status:
        raise typer.Exit(status)
    return True


def command_line(options: Mapping[str, object]) -> list[str]:
    """Return options as they are written in a shell; True is a flag that stands alone."""
    words: list[str] = []
    for name, value in options.items():
        for given in value if isinstance(value, list) else [value]:
            if given is not None:
                flag = f"--{name.replace('_', '-')}"
                words += [flag] if given is True else [flag, str(given)]
    return words


def launch_arguments(
    kind: LaunchKind, processes: int, script: Path, options: list[str]
) -> list[str]:
    """Return the arguments of ``accelerate launch``.

    DeepSpeed's own file is named here, since the one of accelerate can only name it relative to the
    working directory.
    """
    folder = ROOT / "accelerate"
    own = ["--deepspeed_config_file", str(folder / "deepspeed_zero3.json")]
    return [
        *("--config_file", str(folder / _FILES[kind])),
        *("--num_processes", str(processes)),
        *("--main_process_port", "0"),  # any that is free
        *(own if kind == "zero3" else []),
        *(str(script), *options),
    ]


def _count(kind: LaunchKind, processes: int | None) -> int:
    """Return the number of processes: as given, else one for each visible GPU."""
    if kind == "one":
        if processes not in {None, 1}:
            raise UserError(f"--processes {processes}: --launch one is one; see fsdp2 and zero3")
        return 1
    if processes is not None:
        return processes
    import torch

    visible = torch.cuda.device_count()
    if not visible:
        raise UserError(f"--launch {kind}: no GPU is visible here; --processes N starts N anyway")
    return visible


def run_accelerate(arguments: list[str]) -> int:
    """Run ``accelerate launch`` in this process, without its traceback; return a shell's status.

    What ends this process ends those that it started: SIGTERM is passed on, and a terminal gives
    Ctrl-C to all of them by itself.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)  # torch's, of processes that ended: they have said why
    before = {number: signal.signal(number, handle) for number, handle in _HANDLERS.items()}
    try:
        launch_command(launch_command_parser().parse_args(arguments))
    except subprocess.CalledProcessError as error:
        return _status(error.returncode)
    except ChildFailedError as error:
        return _status(error.get_first_failure()[1].exitcode)
    except SignalException as error:
        return 128 + error.sigval.value
    finally:
        logging.disable(logging.NOTSET)
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _status(code: int) -> int:
    """Return an exit code as a shell has it: of a killed process, 128 and the signal."""
    return code if code >= 0 else 128 - code


def _pass_on(number: int, _: FrameType | None) -> None:
    import psutil  # which accelerate needs

    for child in psutil.Process().children():
        child.send_signal(number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Wait for the processes that the terminal has interrupted, too."""


_HANDLERS: Final = {signal.SIGTERM: _pass_on, signal.SIGINT: _ignore}
