"""Results of earlier schemas, read as those of this one; what they lack is not made up."""

from __future__ import annotations

from typing import Any, Final

from udasa_eval.results.metrics import ADJUSTED, CONTROLLED
from udasa_eval.results.records import SCHEMA_VERSION

_OLDEST: Final = 1
_OVERRULED: Final = "unsafe_compliance"


def migrated(value: dict[str, Any], *, has_difficulties: bool) -> dict[str, Any] | None:
    """Return the content of a ``results.json`` as this schema has it; None where it cannot be.

    Schema 1 called our own estimator length-controlled. That name is AlpacaEval 2's since, whose
    published difficulties lie beside the results it was fitted with; elsewhere it is renamed. Its
    ``unsafe_compliance`` let the judge of refusals overrule that of harm; that cannot be undone
    here, and such results are scored anew.

    Args:
        value: as it was read.
        has_difficulties: whether those lie beside it.
    """
    version = value.get("schema_version")
    if version == SCHEMA_VERSION:
        return value
    metrics = _items(value, "metrics")
    if version != _OLDEST or any(_is_named(metric, _OVERRULED) for metric in metrics):
        return None
    if not has_difficulties:
        value = {
            **value,
            "metrics": [_renamed(metric, "name") for metric in metrics],
            "tasks": [_renamed(task, "headline") for task in _items(value, "tasks")],
        }
    return {**value, "schema_version": SCHEMA_VERSION}


def _items(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _is_named(metric: object, name: str) -> bool:
    return isinstance(metric, dict) and metric.get("name") == name


def _renamed(item: object, field: str) -> object:
    if isinstance(item, dict) and item.get(field) == CONTROLLED:
        return {**item, field: ADJUSTED}
    return item
