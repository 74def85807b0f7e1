"""One training of an ablation: its recipe, and its figures by prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import polars as pl
from msgspec.structs import replace

from udasa_data.schema import Mode
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.models import Options
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import locate, read_parquet
from udasa_data.terminal import note_position

from ..staged import SFT, Recipe
from ..staged.run import StagedRun
from .config import UNTRAINED, Ablation
from .controls import STAGES, Controls
from .gold import Question, answered, figures_of

ByPrompt: TypeAlias = dict[str, float]


# what the stages of a variant have beside their steps
_OPTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "reference_sft": {"reference": SFT},
    "sft_chosen": {"loss": ["sft"]},
    "weighted": {"curriculum": "weight"},
    "paced": {"curriculum": "order"},
}


class Cell(msgspec.Struct, frozen=True):
    """Metric → prompt → figure, of one training; every variant has the same prompts.

    The policy that is not trained has figures of its answers to the questions alone. The answers
    are kept, to be read.
    """

    variant: str
    seed: int
    steps: int
    figures: dict[str, ByPrompt]
    answers: dict[str, str] = msgspec.field(default_factory=dict)


def recipe_of(variant: str, seed: int, steps: int, recipe: Recipe) -> Recipe:
    """Return a variant's recipe: ``steps`` optimizer steps in all, whatever its stages are."""
    order: tuple[str, ...] = STAGES
    if variant == "reversed":
        order = STAGES[::-1]
    elif variant in {"shuffled", "sft_chosen"}:
        order = ("all",)
    elif variant.startswith("only_"):
        order = (variant.removeprefix("only_"),)
    own = {"steps": steps // len(order), **_OPTIONS.get(variant, {})}
    stages = {name: recipe.stages.get(name, {}) | own for name in order}
    return replace(recipe, order=order, stages=stages, seed=seed)


def run_cell(
    variant: str,
    seed: int,
    config: Ablation,
    recipe: Recipe,
    controls: Controls,
    work: Path,
    questions: Sequence[Question] = (),
) -> Cell:
    """Train a variant and return its figures.

    Args:
        variant: one of ``VARIANTS``.
        seed: of training, of what is random in the controls, and of the fresh samples.
        config: of the ablation.
        recipe: of staged DPO; order, steps and references are the variant's.
        controls: datasets.
        work: folder of the training; it may hold the beginning of the same cell.
        questions: with gold answers.
    """
    if variant == UNTRAINED:
        first = locate(recipe.policy)
        where = (first.load_from, first.weights_kwargs)
        answers = answered(where, questions, config.gold_tokens)
        return Cell(variant, seed, 0, figures_of(answers, questions), answers)
    own = recipe_of(variant, seed, config.steps, recipe)
    place = controls.dataset(variant, seed)
    out = work / f"{variant}-{seed}"
    run = StagedRun(own, str(place), out)
    record = run.train()
    measured = out / "measures"
    last = f"{len(own.order)}-{own.order[-1]}"
    pairs = read_parquet(measured / f"{last}-pairs.parquet")
    fresh = read_parquet(measured / f"{last}-samples.parquet")
    start = read_parquet(measured / "0-start-samples.parquet")
    beta = recipe.training.beta  # one scale for all
    margin = beta * (
        (pl.col("chosen") - pl.col("sft_chosen")) - (pl.col("rejected") - pl.col("sft_rejected"))
    )
    figures = {"margin": _by_prompt(pairs, margin)}
    for name in ("kl", "n_tokens", "distinct"):
        figures[name] = _by_prompt(fresh, pl.col(name))
    for name, ref in config.judges.items():
        scorer = ValueScorer(ref, locate(ref), Options())
        figures[f"win {name}"] = _wins(scorer, fresh, start)
    answers = {}
    if questions:
        note_position(f"{variant}, seed {seed}: {len(questions):,} questions")
        options = run.prepared.renderer.built_with.template_options
        where = run.policy_at(len(own.order))
        answers = answered(where, questions, config.gold_tokens, options)
        figures |= figures_of(answers, questions)
    return Cell(variant, seed, sum(stage.steps for stage in record.stages), figures, answers)


def _by_prompt(table: pl.DataFrame, value: pl.Expr) -> ByPrompt:
    rows = table.group_by("prompt_id").agg(value.mean().alias("value")).sort("prompt_id")
    return dict(rows.select("prompt_id", "value").iter_rows())


def _wins(scorer: ValueScorer, samples: pl.DataFrame, sft: pl.DataFrame) -> ByPrompt:
    """Return each chat prompt's share of samples that beat the SFT policy's of the same seed."""
    scored = []
    for table in (samples, sft):
        chat = table.filter(pl.col("mode") == Mode.CHAT)
        texts = chat.select("question", "text").iter_rows()
        violation = scorer([TextPair(*row) for row in texts], no_progress)
        scored.append(
            chat.select("prompt_id", "sample_id").with_columns(
                bad=pl.Series(violation).fill_nan(None)
            )
        )
    joined = scored[0].join(scored[1], on=["prompt_id", "sample_id"], suffix="_sft")
    better = (pl.col("bad") < pl.col("bad_sft")).cast(pl.Float64)
    tie = (pl.col("bad") == pl.col("bad_sft")).cast(pl.Float64)
    return _by_prompt(joined, better + 0.5 * tie)
