"""Measure a subject, print its table, and record it in benchmarks/results/."""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
from typing import Final

from benchmarks.subjects import command, docstrings, environment

LONG: Final = {"preset_memory", "real_aligned"}  # an hour each


def main() -> None:
    """Run the named subject with its options, or list the subjects."""
    summaries = {name: text.splitlines()[0] for name, text in docstrings().items()}
    width = max(map(len, summaries))
    listing = "\n".join(f"  {name:{width}}  {summary}" for name, summary in summaries.items())
    options = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__}\n\n{listing}",
        epilog="python -m benchmarks NAME --help: how it is measured, and its options",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument(
        "subject",
        nargs="?",
        metavar="NAME",
        choices=[*summaries, "all"],
        help=f"a subject, or all: every one but {', '.join(sorted(LONG))}, an hour each",
    )
    options.add_argument("options", nargs=argparse.REMAINDER, help="of the subject")
    arguments = options.parse_args()
    if arguments.subject is None:
        options.print_help()
    elif arguments.subject == "all":
        if arguments.options:
            options.error("all takes no options")
        run_all([name for name in summaries if name not in LONG])
    else:
        sys.argv = [arguments.subject, *arguments.options]
        runpy.run_module(f"benchmarks.{arguments.subject}", run_name="__main__", alter_sys=True)


def run_all(names: list[str]) -> None:
    """Run subjects, each in a process of its own.

    Raises:
        SystemExit: some have failed; the others are measured nevertheless.
    """
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        if subprocess.run(command(name), env=environment(), check=False).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
