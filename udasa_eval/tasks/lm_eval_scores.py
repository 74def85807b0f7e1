"""Answers scored as lm-eval's own tasks score them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from udasa_eval.tasks.building import BuiltTask
from udasa_eval.tasks.rows import Document


def answer_metrics(built: BuiltTask, document: Document, text: str) -> dict[str, float]:
    """Return what lm-eval's own filter and scoring make of an answer; numbers alone.

    Args:
        built: a task that generates.
        document: of the task.
        text: the answer, which is cut at the task's stop texts.
    """
    from lm_eval.api.instance import Instance

    options = built.task.config.generation_kwargs
    request = Instance("generate_until", document, ("", options), 0)
    request.resps = [cut(text, options)]
    built.task._instances = [request]  # noqa: SLF001 - what apply_filters works on
    built.task.apply_filters()
    answer = request.filtered_resps[built.plan.notes.filter]
    metrics = built.task.process_results(document, [answer])
    return {k: float(v) for k, v in metrics.items() if isinstance(v, (bool, int, float))}


def cut(text: str, generation_kwargs: Mapping[str, Any]) -> str:
    """Return a text up to the first of its stop texts."""
    stops = generation_kwargs.get("until") or []
    starts = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop]
    found = [start for start in starts if start >= 0]
    return text[: min(found)] if found else text
