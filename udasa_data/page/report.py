"""``write_report()``: the page of a run, one HTML file that needs no network and no server."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

from udasa_data.config import STAGE_COLOURS
from udasa_data.page.figures import make_figures
from udasa_data.page.rows import ANSWER_BLOCK, COLUMNS, STATES, TEXT_BLOCK, Rows, make_rows
from udasa_data.progress import Progress, Silent
from udasa_data.runs import Finished, open_finished
from udasa_data.storage import claim_file, csp_hash, remove_left_over_of, write_text

PAGE_SIZE: Final = 20  # rows shown at a time
GENERATOR: Final = '<meta name="generator" content="udasa-data report">'  # as report.html has it
_HEAD: Final = 512  # bytes of a page that hold it


class Report(NamedTuple):
    """A written page: where, how many rows its explorer has, how many bytes it is."""

    path: Path
    rows: int
    size: int


def write_report(place: str, out: Path | None = None, progress: Progress | None = None) -> Report:
    """Write the page of a run.

    Args:
        place: a run directory, a dataset folder, or a Hub dataset ``ORG/NAME[@REVISION]``.
        out: the HTML file; None takes ``report.html`` in the run directory, or in the current
            directory where that is not on this machine.
        progress: shows how many prompts are written.

    Raises:
        UserError: no finished run or dataset there, or the file cannot be written, or there is one
            that is no page of ours.
    """
    finished = open_finished(place)
    is_here = not finished.commit and "://" not in place
    path = out or (Path(place) / "report.html" if is_here else Path("report.html"))
    claim_file(path, is_page, "page of udasa-data report")
    rows = make_rows(finished)
    facts = {
        **make_figures(finished),
        "made": _made(finished),
        "key": finished.manifest.made_from.get("keys", {}).get("dataset", finished.scores_key),
        "notes": finished.manifest.notes,
        "names": rows.names,
        "runs": [run["from"] for run in finished.merged],
        "rows": rows.total,
        "columns": COLUMNS,
        "text_block": TEXT_BLOCK,
        "answer_block": ANSWER_BLOCK,
        "page_size": PAGE_SIZE,
    }
    facts["rules"]["states"] = STATES
    page = _page(f"UDASA run: {finished.name}", facts, _blocks(rows, progress or Silent()))
    remove_left_over_of(path)
    write_text(path, page)
    return Report(path, rows.total, path.stat().st_size)


def _blocks(rows: Rows, progress: Progress) -> str:
    """Return the blocks of rows as elements of the page."""
    progress.start("page", rows.total, 0)
    elements = []
    for name, text in rows.blocks:
        elements.append(f'<script type="text/plain" id="{name}">{text}</script>')
        if name.startswith("a"):
            progress.advance(ANSWER_BLOCK)
    progress.finish()
    return "\n".join(elements)


def is_page(file: Path) -> bool:
    """Return whether a file is a page that this module wrote."""
    try:
        with file.open("rb") as opened:
            return GENERATOR.encode() in opened.read(_HEAD)
    except OSError:
        return False


def _page(title: str, facts: Mapping[str, Any], blocks: str) -> str:
    """Return the page, whose policy allows its own script and style and no request at all."""
    style = f"{_colours()}{_asset('report.css')}"
    parts = "".join(map(_asset, ("figures.js", "review.js", "explorer.js")))
    script = f'"use strict";\n{parts}'
    # valid JSON with no way out of its element: "<" can stand in strings alone
    plain = json.dumps(facts, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return Template(_asset("report.html")).substitute(
        title=html.escape(title),
        style=style,
        style_hash=csp_hash(style),
        script=script,
        script_hash=csp_hash(script),
        facts=plain,
        blocks=blocks,
    )


def _colours() -> str:
    """Return the colours of the stages as CSS, for a light and for a dark ground."""

    def of(ground: int) -> str:
        return "".join(f"--{stage}: {shade[ground]}; " for stage, shade in STAGE_COLOURS.items())

    by_choice = ':root:not([data-theme="light"])'
    return (
        f":root {{ {of(0)}}}\n"
        f':root[data-theme="dark"] {{ {of(1)}}}\n'
        f"@media screen and (prefers-color-scheme: dark) {{ {by_choice} {{ {of(1)}}} }}\n"
        f'@media print {{ :root[data-theme="dark"] {{ {of(0)}}} }}\n'
    )


def _made(finished: Finished) -> str:
    manifest = finished.manifest
    policy = manifest.policy
    at = f" at {policy.revision[:12]}" if policy.revision else ""
    commit = f", commit {finished.commit[:12]}" if finished.commit else ""
    version = manifest.versions.get("udasa", "")
    return f"Answers of {policy.id}{at}, scored and paired by UDASA {version}{commit}."


def _asset(name: str) -> str:
    return files("udasa_data.page").joinpath(name).read_text(encoding="utf-8")
