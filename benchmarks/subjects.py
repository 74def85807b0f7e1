"""The subjects: found by their files, described by their docstrings, started as processes."""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from typing import Final

from benchmarks.paths import ROOT

FOLDER: Final = ROOT / "benchmarks"
OF_ALL: Final = {"paths", "report", "subjects"}  # modules that every subject reads


def docstrings() -> dict[str, str]:
    """Return the docstring of each subject by name, read without importing it."""
    modules = {path.stem: path for path in FOLDER.glob("[!_]*.py") if path.stem not in OF_ALL}
    mains = FOLDER.glob("*/__main__.py")
    rooms = {path.parent.name: path.with_name("__init__.py") for path in mains}
    return {
        name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for name, path in sorted((modules | rooms).items())
    }


def parser(subject: str) -> argparse.ArgumentParser:
    """Return a parser of a subject's options, whose help is the subject's docstring."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks {subject}",
        description=docstrings()[subject],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def environment() -> dict[str, str]:
    """Return this process's environment, with this package where Python finds it."""
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package in a process of its own."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


def in_own_process(module: str, *arguments: str, **variables: str) -> str:
    """Run a module of this package in a process of its own, and return what it printed.

    Args:
        module: its name below ``benchmarks``.
        arguments: of its command line.
        variables: of its environment, beside those of this process.

    Raises:
        SystemExit: it has failed; with what it wrote to stderr.
    """
    done = subprocess.run(
        command(module, *arguments),
        env=environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"benchmarks.{module} failed:\n{done.stderr}")
    return done.stdout
