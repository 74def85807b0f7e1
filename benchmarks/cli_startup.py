"""How fast the command line answers, against a bare Typer program with one command.

The two are run in turn, so that a change in the machine's speed meets both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
RUNS = 15


def seconds(command: list[str]) -> float:
    """Return the wall time of one run of a command."""
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - started


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


def main() -> None:
    """Print the medians and the ratios."""
    parser("cli_startup").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        programs = {
            "bare --help": [sys.executable, str(bare), "--help"],
            "udasa-data --help": [sys.executable, "-m", "udasa_data", "--help"],
            "udasa-data build --help": [sys.executable, "-m", "udasa_data", "build", "--help"],
            "udasa-data build --modle x": [sys.executable, "-m", "udasa_data", "build", "--modle"],
        }
        times: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(RUNS + 1):  # the first round warms the file cache
            for name, command in programs.items():
                times[name].append(seconds(command))
    medians = {name: statistics.median(runs[1:]) for name, runs in times.items()}
    rows = []
    for name, median in medians.items():
        heavy = heavy_imports(programs[name][3:]) if "udasa" in name else []
        rows.append((name, f"{median * 1000:.0f} ms", ", ".join(heavy) or "none"))
    ratios = {
        name.removeprefix("udasa-data ").replace(" ", "_").replace("-", ""): median
        / medians["bare --help"]
        for name, median in medians.items()
        if "udasa" in name
    }
    write_results("cli_startup", ("program", "median", "heavy imports"), rows, ratios)


if __name__ == "__main__":
    main()
