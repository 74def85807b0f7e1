"""The program ``udasa-train``: its commands, and ``--version``."""

from __future__ import annotations

from udasa_data.terminal import program

from .ablate import ablate
from .dpo import dpo
from .evidence import evidence
from .rounds import rounds
from .running import run
from .sft import sft

app = program("udasa-train", "Train a policy on a staged dataset, and see what its stages do.")


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 1."""
    run(app)


for command in (dpo, sft, ablate, rounds, evidence):
    app.command()(command)
