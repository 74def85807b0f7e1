"""docs/real.md: what came of the way, as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from benchmarks.real_aligned.steps import Steps
from benchmarks.report import processor
from udasa_data.runs import read_manifest
from udasa_data.schema import Stage
from udasa_recipes.staged import ledger
from udasa_recipes.staged.report import matrix_rows

_REMARKS: Final = "\n## Remarks\n"  # from here on the page is people's
_SHOWN: Final = 280  # characters of a text
_PLACES: Final = (1 / 4, 3 / 4)  # of a stage's gaps, from the smallest, whose pairs are shown


def write_page(page: Path, out: Path, policy: Path, judge: Path, steps: Steps) -> None:
    """Write the page.

    Args:
        page: the file.
        out: the folder of the way.
        policy: the policy's folder.
        judge: the judge's.
        steps: what was done.
    """
    manifest = read_manifest(out / "build" / "dataset")
    pairs = pl.read_parquet(out / "build" / "pairs.parquet")
    record = ledger.read(out / "policy" / "stages.json")
    header, rows = matrix_rows(record)
    facts = {
        "prompts": manifest.counts.prompts,
        "answers": manifest.counts.samples,
        "pairs": manifest.counts.pairs,
    }
    counted = ", ".join(f"{n:,} {what}" for what, n in facts.items())
    date = datetime.now(UTC).date().isoformat()
    models = f"Policy: {policy.name}, {manifest.policy.fingerprint[:19]}…; judge: {judge.name}"
    text = f"""# The whole way with real models

Written by `make real-aligned` on {date}, on {processor()}, from what the commands left behind.
{models}, behind vLLM's server. {counted}.

## Steps

{_table(("step", "minutes", "memory, GB"), _steps(steps))}

Notes of the build: {_sentences(note.replace(str(policy), policy.name) for note in manifest.notes)}

## Stages

{_table(("stage", "pairs", "Δu, mean", "axes"), _stages(pairs))}

Pairs as they are, a quarter and three quarters up a stage's gaps, cut at {_SHOWN} characters:

{_table(("stage, Δu", "prompt", "chosen", "rejected"), _examples(pairs))}

## Training

Margin against the policy as it began / accuracy, on held-out pairs; the rest is of fresh samples
from held-out prompts.

{_table(header, rows)}

## Before and after

{_table(("metric", "n", "before", "after", "difference, 95%"), _comparison(out / "compare.json"))}
"""
    page.write_text(text + _remarks(page), encoding="utf-8")
    print(f"{page}: written")


def _steps(steps: Steps) -> list[list[str]]:
    return [
        [name, f"{step.seconds / 60:.1f}", f"{step.gigabytes:.1f}"]
        for name, step in steps.steps.items()
    ]


def _stages(pairs: pl.DataFrame) -> list[list[str]]:
    rows = []
    for stage in Stage:
        table = pairs.filter(pl.col("stage") == stage.value)
        axes = table["axis"].value_counts(sort=True).rows()
        mean: float | None = table.select(pl.col("delta_u").mean()).item()
        rows.append(
            [
                stage.value,
                f"{len(table):,}",
                "–" if mean is None else f"{mean:.3f}",
                ", ".join(f"{axis} {n}" for axis, n in axes),
            ]
        )
    return rows


def _examples(pairs: pl.DataFrame) -> list[list[str]]:
    rows = []
    for stage in Stage:
        table = pairs.filter(pl.col("stage") == stage.value).sort("delta_u")
        places = dict.fromkeys(int(place * len(table)) for place in _PLACES) if len(table) else ()
        for row in (table.row(place, named=True) for place in places):
            sides = (row["prompt"][-1]["content"], row["chosen"], row["rejected"])
            texts = [side if isinstance(side, str) else side[-1]["content"] for side in sides]
            rows.append([f"{stage.value}, {row['delta_u']:.3f}", *texts])
    return rows


def _comparison(file: Path) -> list[list[str]]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return [
        [
            f"{metric['task']}: {metric['metric']}",
            str(metric["n"]),
            *(f"{metric[value]:.3f}" for value in ("value_b", "value_a")),
            _difference(metric),
        ]
        for metric in found["metrics"]
        if metric["difference"] is not None
    ]


def _difference(metric: dict[str, Any]) -> str:
    """Return a difference with its interval; one that no prompt shows has none."""
    if metric["low"] is None:
        return f"{metric['difference']:+.3f}"
    return f"{metric['difference']:+.3f} [{metric['low']:+.3f}, {metric['high']:+.3f}]"


def _remarks(page: Path) -> str:
    """Return what people wrote below the page of before."""
    written = page.read_text(encoding="utf-8") if page.exists() else ""
    _, heading, remarks = written.partition(_REMARKS)
    return heading + remarks


def _sentences(notes: Iterable[str]) -> str:
    return "; ".join(map(_cell, notes)) + "."


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Return a text on one line, that Markdown shows as it is."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    line = " ".join(short.split())
    return line.replace("|", "\\|").replace("<", "&lt;") if line != "---" else line
