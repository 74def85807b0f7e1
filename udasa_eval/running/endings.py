"""How answers ended: counted, and told where a budget of tokens was too small for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import polars as pl

from udasa_eval.results import TaskRecord

_TOLD: Final = 0.02  # of a task's answers that were cut


def with_endings(records: Sequence[TaskRecord], generations: pl.DataFrame) -> list[TaskRecord]:
    """Return tasks' records with the reasons for which their answers ended.

    Args:
        records: of the run's tasks.
        generations: their answers, schema GENERATIONS.
    """
    drawn = generations.filter(pl.col("finish_reason").is_not_null())
    counts = drawn.group_by("task", "finish_reason").len().sort("finish_reason")
    reasons: dict[str, dict[str, int]] = {}
    for task, reason, n in counts.iter_rows():
        reasons.setdefault(task, {})[reason] = n
    thought = drawn.filter(pl.col("reasoning").fill_null("").str.strip_chars() != "")
    thinking = dict(thought.group_by("task").len().iter_rows())
    return [
        msgspec.structs.replace(
            record,
            finish_reasons=reasons.get(record.name, {}),
            thinking=thinking.get(record.name, 0),
        )
        for record in records
    ]


def of_cut_answers(records: Iterable[TaskRecord]) -> Iterable[str]:
    """Yield a line for each task of which many answers to a chat were cut at their budget.

    Texts that are continued are cut by design.
    """
    for record in records:
        cut, n = record.finish_reasons.get("length", 0), sum(record.finish_reasons.values())
        if record.mode != "chat" or record.decoding is None or cut <= _TOLD * n:
            continue
        way = "max_tokens in a suite file raises it"
        if record.thinking:
            way = "--thoughts N, or max_tokens in a suite file, raises it"
        yield (
            f"{record.name}: {cut:,} of {n:,} answers were cut at {record.decoding.max_tokens:,} "
            f"tokens; they are scored as they stand ({way})"
        )
