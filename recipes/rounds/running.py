"""Rounds: build a dataset, train on it, build again with the policy that came of it.

python recipes/rounds.py --config recipes/tiny/rounds.yaml --out runs/rounds

It stops by itself when the policy answers most prompts with one meaning: then there is nothing
left to tell answers apart by. Killed, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Annotated, Final

if __name__ == "__main__":  # started as a file, its own folder is where Python looks
    sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
from msgspec import Meta

from udasa_data.config import ModelRef, Strict, Unit, convert, read_yaml
from udasa_data.errors import UserError

NAME: Final = "rounds.json"


class Rounds(Strict, frozen=True):
    """What a round is made of."""

    model: str  # preset of the build
    recipe: str  # of staged DPO, beside this file or from the working directory
    rounds: Annotated[int, Meta(ge=1)] = 2
    max_homogeneous: Unit = 0.5  # share of prompts whose answers all mean the same
    build: dict[str, object] = msgspec.field(default_factory=dict)  # over the preset


class Round(msgspec.Struct, frozen=True):
    """One round; ``trained`` is None where it stopped before training."""

    number: int
    policy: str  # that answered
    run: str  # directory of the build
    pairs: int
    homogeneous: float  # share of the scored prompts
    uncertainty: dict[str, float | None]  # dimension → mean over answers, raw
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
        UserError: from a build or a training; what is done stays.
    """
    from udasa_data.config import read_presets
    from udasa_data.storage import write_text

    from ..staged.config import read_recipe

    found = [p for p in (where / config.recipe, Path(config.recipe)) if p.is_file()]
    if not found:
        raise UserError(f"recipe '{config.recipe}': no such file")
    if config.model not in read_presets().models:
        raise UserError(f"model '{config.model}': not a preset (see: udasa-data models)")
    recipe = read_recipe(found[0])
    policy = recipe.policy
    done: list[Round] = []
    for number in range(1, config.rounds + 1):
        one = _round(number, policy, config, recipe, out)
        done.append(one)
        text = json.dumps(msgspec.to_builtins(done), indent=2) + "\n"
        write_text(out / NAME, text)
        print(_told(one), flush=True)
        if one.stopped or one.trained is None:
            break
        policy = ModelRef(id=one.trained)
    return done


def _round(number: int, policy: ModelRef, config: Rounds, recipe: object, out: Path) -> Round:
    from udasa_data import build, resolve

    from ..staged.config import Recipe
    from ..staged.run import StagedRun

    assert isinstance(recipe, Recipe)
    folder = out / f"round-{number}"
    asked = {**config.build, "policy": msgspec.to_builtins(policy)}
    built = build(resolve(config.model, asked), folder / "build")
    counts = built.summary.counts
    told = built.summary.confounds.homogeneous_share
    share = 1.0 if told is None else told  # no prompt could be scored: no signal either
    one = Round(
        number=number,
        policy=policy.id,
        run=str(folder / "build"),
        pairs=counts.pairs,
        homogeneous=share,
        uncertainty={name: d.mean for name, d in counts.dimensions.items()},
    )
    if share > config.max_homogeneous:
        why = f"{share:.0%} of the prompts are homogeneous, above {config.max_homogeneous:.0%}"
        return msgspec.structs.replace(one, stopped=why)
    mine = msgspec.structs.replace(recipe, policy=policy)
    record = StagedRun(mine, str(built.dataset), folder / "policy").train_and_save()
    start = record.start.fresh if record.start else None
    last = record.stages[-1].measures
    return msgspec.structs.replace(
        one,
        trained=str(folder / "policy"),
        distinct=start.distinct if start else None,
        kl=last.fresh.kl if last and last.fresh else None,
    )


def _told(one: Round) -> str:
    spread = ", ".join(f"u_{k} {v:.3f}" for k, v in one.uncertainty.items() if v is not None)
    end = f"; stopped: {one.stopped}" if one.stopped else f" → {one.trained}"
    return (
        f"round {one.number}: {one.pairs} pairs, {one.homogeneous:.0%} homogeneous, {spread}{end}"
    )


def plot(rounds: list[Round], path: Path) -> None:
    """Draw diversity and uncertainty round by round."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = [one.number for one in rounds]
    left.plot(numbers, [one.homogeneous for one in rounds], "o-", label="homogeneous prompts")
    known = [one for one in rounds if one.distinct is not None]
    left.plot(
        [o.number for o in known], [o.distinct for o in known], "s-", label="distinct meanings"
    )
    for name in rounds[0].uncertainty:
        means = [(one.number, one.uncertainty[name]) for one in rounds]
        right.plot(
            *zip(*[m for m in means if m[1] is not None], strict=True), "o-", label=f"u_{name}"
        )
    for panel, title in ((left, "share"), (right, "mean raw uncertainty")):
        panel.set_xticks(numbers)
        panel.set_xlabel("round")
        panel.set_title(title)
        panel.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the rounds, plot them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    from ..staged_dpo import quiet

    quiet()
    try:
        config = convert(read_yaml(given.config), Rounds, where=str(given.config))
        rounds = run_rounds(config, given.config.parent, given.out)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from here")
    plot(rounds, given.out / "rounds.png")
    print(f"plot: {given.out / 'rounds.png'}")


if __name__ == "__main__":
    main()
