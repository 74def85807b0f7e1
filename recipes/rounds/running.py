"""Rounds: build a dataset, train on it, build again with the policy that came of it.

A round trains the whole recipe, or its next stage alone (``by_stage``). It stops by itself when the
policy answers most prompts with one meaning: then there is nothing left that sets answers apart.
Killed, the same call resumes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import msgspec

from udasa_data.config import BuildConfig, ModelRef, resolve
from udasa_data.pipeline import build
from udasa_data.preflight import Lookups, Report, check_build, look_at_model
from udasa_data.runs import Run
from udasa_data.storage import plain_file, write_text
from udasa_data.terminal import echo, watched

from ..staged import Recipe, find_recipe, read_recipe
from ..staged.derived import anchored, restaged
from ..staged.folders import ROUNDS, claim_staged
from ..staged.ledger import Record
from ..staged.preflight import recipe_needs, training_items
from ..staged.run import StagedRun
from .by_stage import check_stages, recipe_of_stage, stage_prompts
from .config import Rounds

NAME: Final = "rounds.json"


class Round(msgspec.Struct, frozen=True):
    """One round; ``trained`` is None where it stopped before training."""

    number: int
    policy: str  # that answered
    run: str  # directory of the build
    pairs: int
    homogeneous: float  # share of the scored prompts
    uncertainty: dict[str, float | None]  # dimension → mean over answers, raw
    stage: str | None = None  # that it trains; None: all of the recipe
    trained: str | None = None
    distinct: float | None = None  # of fresh samples, before training
    kl: float | None = None  # of the trained policy to the round's first
    stopped: str | None = None


def run_rounds(config: Rounds, where: Path, out: Path) -> list[Round]:
    """Run the rounds that are not done yet; return all.

    Args:
        config: of the rounds.
        where: folder that ``config.recipe`` may be relative to.
        out: every round's build and policy, and ``rounds.json``, which links them.

    Raises:
        UserError: from a build or a training; what is done stays. Somebody else's files in ``out``:
            nothing is written.
    """
    recipe = read_recipe(find_recipe(config.recipe, where))
    if config.trains == "stage":
        check_stages(config, recipe)
    folder = Run(out, ROUNDS)
    folder.claim()
    _require(config, recipe, out)
    for number in range(1, _count(config, recipe) + 1):  # before the first is built
        plain_file(out, f"round-{number}/policy")
        Run(out / f"round-{number}" / "build").claim()
        order = _recipe_of(config, recipe, number, recipe.policy).order
        claim_staged(out / f"round-{number}" / "policy", order)
    with folder.locked():
        return _run_rounds(config, recipe, out)


def _require(config: Rounds, recipe: Recipe, out: Path) -> None:
    """Look at what the first build and its training need, once; the later ones need no more.

    Raises:
        UserError: something is wrong; has a line for each fault.
    """
    if (out / NAME).is_file():
        return
    built = check_build(_build_of(config, recipe.policy), out).report
    lookups = Lookups()
    models = [look_at_model(need, lookups) for need in recipe_needs(recipe)]
    download = sum(model.download for model in models)
    trained = training_items(recipe, models[0], out, 1, download)
    Report((*built.items, *(model.item for model in models), *trained)).require()


def _count(config: Rounds, recipe: Recipe) -> int:
    return config.rounds or (len(recipe.order) if config.trains == "stage" else 2)


def _recipe_of(config: Rounds, recipe: Recipe, number: int, policy: ModelRef) -> Recipe:
    if config.trains == "stage":
        return recipe_of_stage(recipe, number, policy)
    return msgspec.structs.replace(recipe, policy=policy)


def _build_of(config: Rounds, policy: ModelRef, prompts: Path | None = None) -> BuildConfig:
    own: dict[str, object] = {} if prompts is None else {"prompts": [str(prompts)], "limit": None}
    return resolve(config.model, {**config.build, **own, "policy": msgspec.to_builtins(policy)})


def _run_rounds(config: Rounds, recipe: Recipe, out: Path) -> list[Round]:
    policy = recipe.policy
    done: list[Round] = []
    for number in range(1, _count(config, recipe) + 1):
        result = _round(number, policy, config, recipe, out)
        done.append(result)
        text = json.dumps(msgspec.to_builtins(done), indent=2) + "\n"
        write_text(out / NAME, text)
        echo(_line(result))
        if result.stopped or result.trained is None:
            break
        policy = ModelRef(id=result.trained)
    return done


def _round(number: int, policy: ModelRef, config: Rounds, recipe: Recipe, out: Path) -> Round:
    folder = out / f"round-{number}"
    own = _recipe_of(config, recipe, number, policy)
    stage = own.order[0] if config.trains == "stage" else None
    prompts = None
    if stage and number > 1:
        prompts = stage_prompts(_dataset(out, 1), stage, folder / "prompts.parquet")
    with watched(None) as shown:
        built = build(_build_of(config, policy, prompts), folder / "build", shown)
    counts = built.summary.counts
    measured = built.summary.confounds.homogeneous_share
    share = 1.0 if measured is None else measured  # no prompt could be scored: no signal either
    result = Round(
        number=number,
        policy=policy.id,
        run=str(folder / "build"),
        pairs=counts.pairs,
        homogeneous=share,
        uncertainty={name: d.mean for name, d in counts.dimensions.items()},
        stage=stage,
    )
    if share > config.max_homogeneous:
        why = f"{share:.0%} of the prompts are homogeneous, above {config.max_homogeneous:.0%}"
        return msgspec.structs.replace(result, stopped=why)
    dataset = _trained_on(number, stage, config, out)
    return _with_training(result, StagedRun(own, str(dataset), folder / "policy").train_and_save())


def _dataset(out: Path, number: int) -> Path:
    return out / f"round-{number}" / "build" / "dataset"


def _trained_on(number: int, stage: str | None, config: Rounds, out: Path) -> Path:
    """Return the dataset that a round trains on: its build's, or one made of it and the first's."""
    own, first = _dataset(out, number), _dataset(out, 1)
    anchor = config.rejected == "first"
    if number > 1 and stage:
        return restaged(own, first, stage, out / f"round-{number}" / "restaged", anchor=anchor)
    if number > 1 and anchor:
        return anchored(own, first, out / f"round-{number}" / "anchored")
    return own


def _with_training(result: Round, record: Record) -> Round:
    start = record.start.fresh if record.start else None
    last = record.stages[-1].measures
    return msgspec.structs.replace(
        result,
        trained=str(Path(result.run).parent / "policy"),
        distinct=start.distinct if start else None,
        kl=last.fresh.kl if last and last.fresh else None,
    )


def _line(result: Round) -> str:
    spread = ", ".join(f"u_{k} {v:.3f}" for k, v in result.uncertainty.items() if v is not None)
    end = f"; stopped: {result.stopped}" if result.stopped else f" → {result.trained}"
    name = f"round {result.number}" + (f", {result.stage}" if result.stage else "")
    return f"{name}: {result.pairs} pairs, {result.homogeneous:.0%} homogeneous, {spread}{end}"
