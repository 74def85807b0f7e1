"""`udasa-eval leaderboard`: results folders as one table, a page, and a Hub dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udasa_data.terminal import echo, print_json
from udasa_eval.cli.options import Json


def leaderboard(
    results: Annotated[list[Path], typer.Argument(help="Results folders.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for index.html, README.md and the dataset.", file_okay=False
        ),
    ] = None,
    push: Annotated[str | None, typer.Option(help="Hub dataset ORG/NAME to publish it as.")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Show runs in one table, with their intervals.

    And with what makes numbers doubtful; --out writes a page and a dataset of it.
    """
    import tempfile

    from udasa_eval.leaderboard import build_leaderboard, claim_folder, to_markdown

    if out is not None:
        claim_folder(out)
    board = build_leaderboard(results)
    if as_json:
        print_json(board)
    elif as_markdown:
        echo(to_markdown(board), end="")
    else:
        from udasa_data.terminal import print_table
        from udasa_eval.leaderboard import cells, header, notes

        # a suite has more tasks than a terminal has columns: runs stand side by side instead
        first, *heads = header(board)
        names, *rows = zip(*cells(board), strict=True)
        shown = [(head, *row) for head, row in zip(heads, rows, strict=True)]
        print_table([first, *names], shown)
        for note in notes(board):
            echo(note)
    if out is None and push is None:
        return
    from udasa_eval.leaderboard import PAGE, content_of, write_folder

    with tempfile.TemporaryDirectory() as scratch:
        folder = out or Path(scratch)
        write_folder(board, folder)
        if out is not None:
            echo(f"page: {out / PAGE}", err=as_json)
        if push is not None:
            from udasa_eval.leaderboard import push as publish

            pushed = publish(content_of(board, folder), push, f"{len(board.rows)} runs")
            outcome = "pushed" if pushed.changed else "nothing to do"
            echo(f"{outcome}: {push} at {pushed.commit}", err=as_json)
