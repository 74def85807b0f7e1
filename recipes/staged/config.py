"""The configuration of a staged DPO run: one YAML file, strict, each fault one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from udasa_data.config import (
    MIN_SAMPLES,
    ModelRef,
    NliRef,
    Positive,
    Strict,
    Unit,
    check_template_options,
    convert,
)
from udasa_data.errors import UserError, nearest
from udasa_data.schema import Stage

from .settings import read_with_settings
from .stage_options import Count, StageOptions

SFT: Final = "sft"
CONFIGS: Final = (*(stage.value for stage in Stage), "all")


class Lora(Strict, frozen=True):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) in place of all weights.

    ``continue`` trains one adapter through all stages; ``merge_new`` merges it into the weights
    at a stage's end and begins the next stage with a new one.
    """

    adapter: Literal["continue", "merge_new"] = "continue"
    rank: Count = 16
    alpha: Positive = 32.0
    targets: str | tuple[str, ...] = "all-linear"
    # QLoRA (Dettmers et al. 2023, arXiv 2305.14314): the frozen weights in 4-bit NF4, on a GPU
    quantize: Literal["none", "nf4"] = "none"


class Thresholds(Strict, frozen=True):
    """The shares of a stage's rows above which the run stops before it trains."""

    set_aside: Unit = 0.05  # too long, alike once tokenised, or other tokens than the build saw
    truncated: Unit = 0.2  # an answer cut at max_length


class Measures(Strict, frozen=True):
    """What is measured at a stage's end, and sampled afresh from held-out prompts."""

    stages: Literal["each", "last"] = "each"  # last: the start and the end of all alone
    kept: bool = True  # how much of what was learnt is in the weights as they are saved
    prompts: Annotated[int, Meta(ge=0)] = 64  # 0: no fresh samples
    samples: Annotated[int, Meta(ge=MIN_SAMPLES)] = 4
    max_tokens: Count = 256
    nli: NliRef | None = None  # counts distinct meanings; without it words alone are compared


class Stop(Strict, frozen=True):
    """When to stop; everything is off by default."""

    max_kl: Positive | None = None  # abort after a stage above it, nats an answer
    min_distinct: Unit | None = None  # abort after a stage below it, distinct share of samples
    patience: Count | None = None  # end a stage after so many evaluations without a lower loss
    every: Count = 50  # steps between those evaluations


class Recipe(Strict, frozen=True):
    """All that decides a staged DPO run."""

    policy: ModelRef
    dataset: str | None = None  # folder of a build, or Hub id; --data wins
    revision: str = "main"  # of a dataset on the Hub
    order: Annotated[tuple[str, ...], Meta(min_length=1)] = CONFIGS[:3]
    training: StageOptions = StageOptions()
    # options that differ in a stage, by its name
    stages: dict[str, dict[str, object]] = msgspec.field(default_factory=dict)
    optimizer: Literal["reset", "carry"] = "reset"
    lora: Lora | None = None
    weights: Literal["auto", "float32", "bfloat16"] = "auto"  # in training
    # of the policy that is saved, measured and pushed; auto: the type of the base's weights
    served: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device_batch: Count = 4  # pairs one device reads at a time
    gradient_checkpointing: bool = False
    precompute: bool = True  # reference log-probabilities once, before training
    # thoughts before an answer: trained on as they were said, or left out
    reasoning: Literal["keep", "drop"] = "keep"
    chat_template_kwargs: dict[str, Any] | None = None  # none: those of the build
    completion_rows: Literal["train", "drop"] = "train"  # texts to be continued: no chat template
    save_every: Count = 100  # steps between checkpoints
    # where each step's figures are sent as well, by packages that must be installed
    report_to: tuple[Literal["trackio", "wandb", "tensorboard"], ...] = ()
    keep_stages: bool = True  # each stage's policy, not the last alone
    thresholds: Thresholds = Thresholds()
    measures: Measures = Measures()
    stop: Stop = Stop()
    seed: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        if len(set(self.order)) != len(self.order):
            raise ValueError("key 'order': a stage is named twice")
        if self.optimizer == "carry" and self.lora and self.lora.adapter == "merge_new":
            raise ValueError("optimizer: carry has nothing to carry to a new adapter (merge_new)")
        if not self.precompute and any(_reads_p(self, name) for name in self.order):
            raise ValueError("label_smoothing: by_p and curriculum: weight need precompute: true")
        if not self.measures.prompts and (self.stop.max_kl or self.stop.min_distinct):
            raise ValueError("stop: max_kl and min_distinct need fresh samples (measures.prompts)")
        if self.measures.stages == "last" and (self.stop.max_kl or self.stop.min_distinct):
            raise ValueError("stop: max_kl and min_distinct need measures.stages: each")
        check_template_options(self.chat_template_kwargs or {}, "chat_template_kwargs")


def read_recipe(path: Path, settings: Mapping[str, object] | None = None) -> Recipe:
    """Read a recipe from a YAML file.

    Args:
        path: of the file.
        settings: keys in the place of the file's, nested as they are there.

    Raises:
        UserError: unreadable, an unknown key or stage (the nearest is named), or a wrong value.
    """
    return read_with_settings(path, settings, parse_recipe)


def parse_recipe(plain: Mapping[str, object], where: str) -> Recipe:
    """Check the keys and values of a recipe.

    Raises:
        UserError: an unknown key or stage, or a wrong value; ``where`` comes first.
    """
    recipe = convert(plain, Recipe, where=where)
    for name in (*recipe.order, *recipe.stages):
        if name not in CONFIGS:
            raise UserError(f"{where}: unknown stage '{name}'{nearest(name, CONFIGS)}")
    for name in recipe.stages:
        options_of(recipe, name, where=where)
    return recipe


def _reads_p(recipe: Recipe, stage: str) -> bool:
    """Return whether the loss of a stage reads P(chosen better); unknown keys are told later."""
    told = {**msgspec.to_builtins(recipe.training), **recipe.stages.get(stage, {})}
    return bool(told["label_smoothing"] == "by_p" or told["curriculum"] == "weight")


def options_of(recipe: Recipe, stage: str, where: str = "recipe") -> StageOptions:
    """Return a stage's options: what ``training`` says, with ``stages.<stage>`` laid over it.

    Raises:
        UserError: an unknown key or a wrong value there.
    """
    base: dict[str, object] = msgspec.to_builtins(recipe.training)
    merged = base | recipe.stages.get(stage, {})
    return convert(merged, StageOptions, where=f"{where}: stages.{stage}")
