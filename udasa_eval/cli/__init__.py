"""The command line of the evaluation: thin wrappers that parse, call, and print.

Each command is a module of its own; nothing heavy is imported here or on the way to ``--help``.
"""

from __future__ import annotations

from udasa_data.terminal import program, run_app
from udasa_eval.cli.check import check
from udasa_eval.cli.compare import compare
from udasa_eval.cli.fetch import fetch
from udasa_eval.cli.frontier import frontier
from udasa_eval.cli.leaderboard import leaderboard
from udasa_eval.cli.plan import plan
from udasa_eval.cli.run import run
from udasa_eval.cli.samples import samples
from udasa_eval.cli.score import score
from udasa_eval.cli.validate import validate

app = program("udasa-eval", "Score a model on four axes, and compare what came out.")


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 1."""
    run_app(app)


app.command()(check)
app.command()(plan)
app.command()(run)
app.command()(score)
app.command()(frontier)
app.command()(fetch)
app.command()(compare)
app.command()(samples)
app.command()(leaderboard)
app.command()(validate)
