"""What a build came to where something is missing: why, what to do, and what can be loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.prompts import split_of
from udasa_data.runs.dataset_manifest import FileRecord
from udasa_data.schema import Stage, Why

# What to change where a reason took most; of the option in the configuration, or its flag.
_REMEDIES: Final = {
    Why.MALFORMED: "look at the prompts, or at the policy's chat template",
    Why.TOO_LONG: "lower sampling.max_tokens (--max-tokens), or shorten the prompts",
    Why.CONTROL_TOKENS: "take these prompts out, or another policy",
    Why.SERVER_REFUSED: "see what the server said",
    Why.TOO_FEW_SAMPLES: "four answers to a prompt that are not empty are needed: give more "
    "(--answers), or raise sampling.max_tokens (--max-tokens), which "
    "reasoning before the answer may use up (sampling.chat_template_kwargs may turn it off: "
    "{enable_thinking: false}), and see the samples",
    Why.UNSCORED: "no two answers to a prompt have a score: see the notes on what the scorers "
    "could not read, and take other scorers (--scorers, --config)",
    Why.ALL_REFUSE: "the policy refuses all harm that is asked for, which needs no training",
    Why.UNSURE_REFUSAL: "set pairing.harmful narrower, or take another classifier of prompts "
    "(prompt_harm)",
    Why.VETOED: "raise pairing.veto, or see the answers: the value scorers hold the best harmful",
    Why.TRUNCATED: "raise sampling.max_tokens (--max-tokens), at which the answers were cut",
    Why.REFUSAL: "the policy refuses harmless prompts: take more samples (--samples), or others",
    Why.COMPLIANCE: "the policy's refusals are its least sure answers: see the samples",
    Why.EVASIVE: "the policy says nothing of what is asked: take other prompts, or see the samples",
    Why.EQUAL_TEXTS: "raise sampling.temperature (--temperature), or take more samples (--samples)",
    Why.NEAR_EQUAL_TEXTS: "raise sampling.temperature (--temperature), or pairing.near_equal",
    Why.HOMOGENEOUS: "all answers to a prompt mean the same: raise sampling.temperature "
    "(--temperature), or lower the noise floor pairing.noise_z (--z)",
    Why.BELOW_NOISE: "take more samples (--samples), or lower the noise floor pairing.noise_z "
    "(--z 0 has none)",
    Why.WORSE_IN_DIMENSION: "raise pairing.tolerance",
    Why.LENGTH_RATIO: "raise pairing.length_ratio",
    Why.REVIEWED: "people rejected them (--review)",
}


class Loadable(NamedTuple):
    """A configuration of a dataset and one of its splits, that has rows."""

    config: str
    split: str


def loadable(files: Iterable[FileRecord]) -> Loadable | None:
    """Return what to load first: a stage to train on, else what there is; None: there is nothing.

    Args:
        files: of the dataset.
    """
    there = {Loadable(record.config, record.split) for record in files if record.rows}
    stages = [Loadable(str(stage), split) for split in ("train", "test") for stage in Stage]
    others = [
        Loadable(name, split) for name in ("samples", "dropped") for split in ("train", "test")
    ]
    return next((found for found in [*stages, *others] if found in there), None)


def why_no_pairs(samples: pl.DataFrame, pairs: pl.DataFrame, dropped: pl.DataFrame) -> str | None:
    """Return why a build has no pairs and what to do, in one line; None where it has some.

    Args:
        samples: of the build, any columns.
        pairs: of the build.
        dropped: as ``schema.DROPPED``.
    """
    if len(pairs):
        return None
    what = "no pairs" if len(samples) else "no samples"
    of_prompts = dropped.filter(pl.col("what").is_in(["prompt", "pair"]))
    if of_prompts.is_empty():
        return f"{what}: no prompt was left"
    most = of_prompts.group_by("why").len().sort(["len", "why"], descending=[True, False])
    why, n = most.row(0)
    detail = of_prompts.filter(pl.col("why") == why)["detail"].drop_nulls().first()
    said = f" ({' '.join(str(detail).split())[:160]})" if detail else ""
    reason = why.replace("_", " ")
    return (
        f"{what}: {n:,} of {len(of_prompts):,} prompts are left out as {reason}{said}; "
        + (_REMEDIES[Why(why)])
    )


def stage_notes(pairs: pl.DataFrame, config: BuildConfig) -> list[str]:
    """Return a line for each stage that cannot be trained on, though there are pairs.

    Args:
        pairs: staged.
        config: of the build; its cut-offs and ``held_out`` are used.
    """
    if pairs.is_empty():
        return []
    held = pairs["prompt_id"].map_elements(
        lambda prompt_id: split_of(prompt_id, config.held_out) == "test", return_dtype=pl.Boolean
    )
    table = pairs.select("stage", "p_chosen_better").with_columns(held.alias("held"))
    if held.all():
        all_held = f"all {len(table):,} pairs are held out (split test), none is left to train on"
        return [f"{all_held}: lower held_out, or take more prompts"]
    notes = []
    for stage in Stage:
        of_stage = table.filter(pl.col("stage") == stage.value)
        if of_stage.is_empty():
            notes.append(
                f"stage {stage} has no pairs: {_why_empty(table['p_chosen_better'], config)}"
            )
        elif of_stage["held"].all():
            notes.append(
                f"stage {stage}: its {len(of_stage):,} pairs are all held out (split test): lower "
                "held_out, or take more prompts"
            )
    return notes


def _why_empty(sure: pl.Series, config: BuildConfig) -> str:
    low, high = (float(p) for p in sure.sort().gather([0, -1]))
    if config.stages.cutoffs:
        cutoffs = ", ".join(f"{cutoff:g}" for cutoff in config.stages.cutoffs)
        return (
            f"P(chosen better) goes from {low:.3f} to {high:.3f}, the cut-offs are {cutoffs}: set "
            "stages.cutoffs (--cutoffs; tertiles fills all three)"
        )
    return f"too few pairs differ in P(chosen better) ({len(sure):,}): take more prompts"
