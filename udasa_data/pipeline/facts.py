"""What a run's manifest says that it is made from, before its first step."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from udasa_data.config import ModelRef
from udasa_data.runs import CODE, code_hash

if TYPE_CHECKING:
    from udasa_data.pipeline.preparation import Prepared

_VERSIONS: Final = ("udasa", "torch", "transformers", "datasets", "polars", "numpy")


def facts_of(prepared: Prepared) -> dict[str, Any]:
    """Return what a run is made from, for its manifest."""
    config, models = prepared.config, prepared.models
    refs = [config.policy, *config.scorer_refs]
    noted = prepared.run.manifest.get("notes", {})
    stand_ins = [found.note for found in models.values() if found.note]
    return {
        "sampled_from": prepared.inputs,
        "keys": prepared.keys,
        "prompt_commits": prepared.commits,
        "models": {pinned_name(ref): models[ref.id].fingerprint for ref in refs},
        "engine": {"name": prepared.engine, "reason": prepared.engine_reason},
        "principles": {rule.id: rule.statement for rule in prepared.principles},
        "code": {step: code_hash(names) for step, names in CODE.items()},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _VERSIONS},
        },
        "notes": {**noted, "prompts": list(prepared.loaded.notes), "models": stand_ins},
        "finished": None,
    }


def pinned_name(ref: ModelRef) -> str:
    """Return the name by which a manifest knows a model."""
    return f"{ref.id}@{ref.revision}"
