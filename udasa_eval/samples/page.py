"""The page of samples: one HTML file; texts are compressed inside it, a block a task."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from udasa_data.errors import UserError
from udasa_data.storage import claim_file, remove_left_over_of, write_text
from udasa_eval.pages import document
from udasa_eval.samples.records import Sample, SampledTask, SampleKey, ShownRun

_PAGE_SIZE: Final = 20  # samples shown at a time
_MARK: Final = b'<main id="samples">'
_HEAD: Final = 65_536  # bytes of a page that hold it
_LEVEL: Final = 6


def write_samples(runs: Sequence[ShownRun], out: Path, tasks: Iterable[str] = ()) -> None:
    """Write the page of one run's samples, or of two runs' side by side.

    Args:
        runs: one or two.
        out: the HTML file.
        tasks: only these; none are all.

    Raises:
        UserError: no task in common, a task that is not there, or a file that is no such page.
    """
    claim_file(out, is_page, "page of udasa-eval samples")
    text = samples_page(runs, tasks)
    remove_left_over_of(out)
    write_text(out, text)


def is_page(file: Path) -> bool:
    """Return whether a file is a page that this module wrote."""
    try:
        with file.open("rb") as opened:
            return _MARK in opened.read(_HEAD)
    except OSError:
        return False


def samples_page(runs: Sequence[ShownRun], tasks: Iterable[str] = (), home: str = "") -> str:
    """Return the page.

    Args:
        runs: one or two.
        tasks: only these; none are all that the runs have in common.
        home: where a link back leads; empty for none.

    Raises:
        UserError: no task in common, or a task that is not there.
    """
    names = _names(runs, list(tasks))
    labels = [run.label for run in runs]
    blocks = []
    facts: dict[str, Any] = {"runs": labels, "page_size": _PAGE_SIZE, "tasks": []}
    for number, name in enumerate(names):
        sides = [run.tasks[name] for run in runs]
        rows = _rows(sides)
        facts["tasks"].append(_facts(name, sides, rows))
        packed = base64.b64encode(zlib.compress(msgspec.json.encode(rows), _LEVEL)).decode("ascii")
        blocks.append(f'<script type="text/plain" id="t{number}">{packed}</script>\n')
    title = f"Samples: {' and '.join(labels)}"
    # valid JSON with no way out of its element: "<" can stand in strings alone
    plain = json.dumps(facts, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    blocks.append(f'<script type="application/json" id="facts">{plain}</script>\n')
    back = f'<p><a href="{escape(home)}">Leaderboard</a></p>' if home else ""
    body = f"<h1>{escape(title)}</h1>\n{back}\n{_asset('samples.html')}"
    return document(
        title,
        body,
        script=_asset("samples.js"),
        blocks="".join(blocks),
        more_style=_asset("samples.css"),
    )


def _names(runs: Sequence[ShownRun], wanted: Sequence[str]) -> list[str]:
    """Return the tasks of a page, in the order of the first run."""
    shared = [name for name in runs[0].tasks if all(name in run.tasks for run in runs)]
    if not shared:
        raise UserError(f"{' and '.join(run.label for run in runs)}: no task in common")
    if missing := [name for name in wanted if name not in shared]:
        raise UserError(f"no task '{missing[0]}' there; there are {', '.join(shared)}")
    return [name for name in shared if not wanted or name in wanted]


def _facts(name: str, sides: Sequence[SampledTask], rows: Sequence[list[Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "samples": len(rows),
        "metrics": [{"name": m.name, "direction": m.direction} for m in sides[0].metrics],
        "categories": sorted({row[1] for row in rows} - {""}),
        "judges": list(dict.fromkeys(side.judges for side in sides if side.judges)),
    }


def _rows(sides: Sequence[SampledTask]) -> list[list[Any]]:
    """Return [prompt, category, side, …] of each sample; a side is null where a run lacks it."""
    keys: dict[SampleKey, None] = dict.fromkeys(key for side in sides for key in side.samples)
    names = [metric.name for metric in sides[0].metrics]
    rows = []
    for key in keys:
        of_key = [side.samples.get(key) for side in sides]
        first = next(sample for sample in of_key if sample is not None)
        rows.append([first.prompt, first.category, *(_side(sample, names) for sample in of_key)])
    return rows


def _side(sample: Sample | None, metrics: Sequence[str]) -> list[Any] | None:
    if sample is None:
        return None
    scores = [sample.scores.get(name) for name in metrics]
    return [sample.text, sample.reasoning or "", int(sample.cut), scores, sample.said]


def _asset(name: str) -> str:
    return files("udasa_eval.samples").joinpath(name).read_text(encoding="utf-8")
