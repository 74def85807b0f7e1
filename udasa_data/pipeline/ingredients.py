"""All that decides samples, scores and dataset: what their keys are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from udasa_data.config import BuildConfig, Principle
from udasa_data.pairing import curves_to_json, fits_of, read_curves, read_reviews
from udasa_data.runs import CODE, code_hash, key_of
from udasa_data.storage import Located


def rows_key(prompts: pl.DataFrame) -> str:
    """Return the key of what the policy is asked, of a table as ``schema.PROMPTS``."""
    return key_of(prompts.select("prompt_id", "messages", "mode", "axis", "context").rows())


def sampled_from(
    config: BuildConfig, rows: str, models: Mapping[str, Located], engine: str
) -> dict[str, Any]:
    """Return all that decides the samples, by the name a user knows it by.

    Args:
        config: of the build.
        rows: key of the prompts' rows.
        models: located and pinned, by id.
        engine: that samples.
    """
    return {
        "prompts": ", ".join(config.prompts),
        "limit": config.limit,
        "prompt rows": rows,
        "model": config.policy.id,
        "model weights": models[config.policy.id].fingerprint,
        "seed": config.seed,
        "system prompt": config.system_prompt,
        "shard_size": config.shard_size,
        "batch_tokens": config.batch_tokens,
        "engine": engine,
        **_left_out(config),
        **({"vllm.max_model_len": config.vllm.max_model_len} if engine == "vllm" else {}),
        **{f"sampling.{k}": v for k, v in msgspec.to_builtins(config.sampling).items()},
        "code of the sampling step": code_hash(CODE["samples"]),
    }


def _left_out(config: BuildConfig) -> dict[str, Any]:
    if config.server is None or not config.server.leave_out:
        return {}  # as in runs that were begun before there was the option
    return {"server.leave_out": ", ".join(sorted(config.server.leave_out))}


def scored_with(
    config: BuildConfig, models: Mapping[str, Located], principles: Sequence[Principle]
) -> dict[str, Any]:
    """Return all that decides the scores of given samples, but for the code of the step.

    Args:
        config: of the build.
        models: located and pinned, by id.
        principles: that the policy is asked about as judge.
    """
    chosen: dict[str, Any] = msgspec.to_builtins(
        {
            "nli": config.nli,
            "value": config.value,
            "sentiment": config.sentiment,
            "prompt_harm": config.prompt_harm,
            **({"refusal": config.refusal} if config.refusal else {}),
            **({"embedder": config.embedder_in_use} if config.embedder_in_use else {}),
            "scoring": config.scoring,
            "principles": [(rule.id, rule.statement) for rule in principles],
        }
    )
    weights = {name: located.fingerprint for name, located in models.items()}
    return {**chosen, "weights": weights}


def dataset_key(config: BuildConfig, scores_key: str, dropped: pl.DataFrame) -> str:
    """Return the key of the dataset.

    Args:
        config: of the build.
        scores_key: of the scores that it is made of.
        dropped: rows of the sources that were left out.

    Raises:
        UserError: ``calibration.curves`` or ``review`` cannot be read.
    """
    sections = (config.calibration, fits_of(config), config.pairing, config.stages)
    known = config.calibration.curves
    curves = curves_to_json(read_curves(Path(known))) if known else None
    # of what was not given nothing: as before there was the option
    added = [config.license] if config.license else []
    if config.review:
        added.append(key_of(msgspec.to_builtins(read_reviews(Path(config.review)))))
    return key_of(
        scores_key,
        msgspec.to_builtins([*sections, config.held_out]),
        curves,
        dropped.rows(),
        code_hash(CODE["dataset"]),
        *added,
    )
