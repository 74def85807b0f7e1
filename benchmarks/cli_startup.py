"""How fast the command line answers: against a bare Typer program, and where nothing is to be done.

The programs are run in turn, so that a change in the machine's speed meets all of them. A build
that is finished, ``verify`` and ``import udasa_data`` have bounds of their own, in seconds of CPU
time: other work on the machine does not count against them.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.report import write_results
from benchmarks.subjects import parser

BARE = """import typer
app = typer.Typer()
@app.command()
def build(model: str = typer.Option("tiny", help="Model."), samples: int = 8) -> None:
    "Build."
app()
"""
HEAVY = ("torch", "transformers", "datasets", "polars")
RUNS: Final = 15
RUNS_OF_WORK: Final = 5
BUILD: Final = ("--model", "tiny", "--limit", "16", "--samples", "4", "--max-tokens", "16")
BOUNDS: Final = {"build, finished": 1.5, "verify": 5.0, "import udasa_data": 0.05}  # CPU seconds


class Took(NamedTuple):
    """What a run of a program took, in seconds."""

    wall: float
    cpu: float


def took(command: list[str]) -> Took:
    """Return what one run of a command takes; the CPU time of all its processes."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def medians_of(programs: dict[str, list[str]], runs: int) -> dict[str, Took]:
    """Run programs in turn; return the medians of each, by name."""
    taken: dict[str, list[Took]] = {name: [] for name in programs}
    for _ in range(runs + 1):  # the first round warms the file cache
        for name, command in programs.items():
            taken[name].append(took(command))
    return {
        name: Took(*(statistics.median(column) for column in zip(*rounds[1:], strict=True)))
        for name, rounds in taken.items()
    }


def heavy_imports(arguments: list[str]) -> list[str]:
    """Return which heavy packages a run of udasa-data imports."""
    program = (
        "import sys; from udasa_data.cli import main; sys.argv = ['udasa-data', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in HEAVY if name in done.stderr.splitlines()[-1]]


def answers(folder: Path) -> tuple[dict[str, Took], list[tuple[str, str, str, str]]]:
    """Return the medians of what answers at once, and their rows of the table."""
    bare = folder / "bare.py"
    bare.write_text(BARE)
    ours = [sys.executable, "-m", "udasa_data"]
    programs = {
        "bare --help": [sys.executable, str(bare), "--help"],
        "udasa-data --help": [*ours, "--help"],
        "udasa-data build --help": [*ours, "build", "--help"],
        "udasa-data build --modle x": [*ours, "build", "--modle"],
    }
    medians = medians_of(programs, RUNS)
    rows = []
    for name, median in medians.items():
        heavy = heavy_imports(programs[name][3:]) if "udasa" in name else []
        rows.append((name, *_milliseconds(median), ", ".join(heavy) or "none"))
    return medians, rows


def idle_work(folder: Path) -> tuple[dict[str, Took], list[tuple[str, str, str, str]]]:
    """Return the medians of what has a bound of its own, and their rows of the table.

    Raises:
        SystemExit: the build that is to be finished fails.
    """
    build = [sys.executable, "-m", "udasa_data", "build", *BUILD, "--out", str(folder / "run")]
    first = subprocess.run(build, capture_output=True, text=True, check=False)
    if first.returncode:
        raise SystemExit(f"the build failed:\n{first.stderr}")
    programs = {
        "build, finished": build,
        "verify": [sys.executable, "-m", "udasa_data", "verify", str(folder / "run")],
        "import udasa_data": [sys.executable, "-c", "import udasa_data"],
        "no import": [sys.executable, "-c", "pass"],
    }
    medians = medians_of(programs, RUNS_OF_WORK)
    nothing = medians.pop("no import")
    whole = medians["import udasa_data"]
    medians["import udasa_data"] = Took(whole.wall - nothing.wall, whole.cpu - nothing.cpu)
    rows = [
        (name, *_milliseconds(median), f"at most {BOUNDS[name]:g} s of CPU time")
        for name, median in medians.items()
    ]
    return medians, rows


def _milliseconds(took: Took) -> tuple[str, str]:
    return f"{took.wall * 1000:.0f} ms", f"{took.cpu * 1000:.0f} ms"


def main() -> None:
    """Print the medians and the ratios."""
    parser("cli_startup").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        medians, rows = answers(Path(folder))
        idle, idle_rows = idle_work(Path(folder))
    ratios = {
        name.removeprefix("udasa-data ").replace(" ", "_").replace("-", ""): median.wall
        / medians["bare --help"].wall
        for name, median in medians.items()
        if "udasa" in name
    }
    ratios |= {
        f"{name.replace(', ', '_').replace(' ', '_')}_of_its_bound": median.cpu / BOUNDS[name]
        for name, median in idle.items()
    }
    header = ("program", "median", "CPU time", "heavy imports, or bound")
    write_results("cli_startup", header, [*rows, *idle_rows], ratios)


if __name__ == "__main__":
    main()
