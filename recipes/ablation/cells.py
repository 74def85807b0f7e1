"""One training of an ablation: its control dataset, its recipe, and its figures by prompt."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import numpy as np
import polars as pl
from msgspec.structs import replace

from udasa_data.errors import UserError
from udasa_data.runs import key_of
from udasa_data.schema import Mode, Stage
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.models import Options
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import locate, replace_folder

from ..staged.config import SFT, Recipe
from ..staged.data import load_split, open_source
from ..staged.run import StagedRun

if TYPE_CHECKING:
    from .running import Ablation

STAGES: Final = tuple(stage.value for stage in Stage)
ByPrompt: TypeAlias = dict[str, float]


class Cell(msgspec.Struct, frozen=True):
    """Metric → prompt → figure, of one training; every variant has the same prompts."""

    variant: str
    seed: int
    steps: int
    figures: dict[str, ByPrompt]


class Controls:
    """The datasets of the controls: other training rows, the same held-out pairs.

    Args:
        run: directory of a finished build.
        folder: where the datasets go.
    """

    def __init__(self, run: Path, folder: Path) -> None:
        self.run, self.folder = run, folder
        if not (run / "dataset").is_dir():
            raise UserError(f"{run}: holds no finished build (no dataset/); build first")
        source = open_source(str(run / "dataset"))
        self.splits = {name: load_split(source, name) for name in STAGES}
        self.train = pl.concat([one.train for one in self.splits.values()])
        self.key = key_of({name: one.fingerprint for name, one in self.splits.items()})

    def dataset(self, variant: str, seed: int) -> Path:
        """Return the folder of a variant's dataset, made if it is not there."""
        if variant in {"random_pairs", "random_stages"}:
            target = self.folder / f"{variant}-{seed}-{self.key[:12]}"
            make = self._random_pairs if variant == "random_pairs" else self._random_stages
            if not target.is_dir():
                self._write(target, make(seed))
            return target
        if variant.startswith("without_"):
            target = self.folder / f"{variant}-{self.key[:12]}"
            if not target.is_dir():
                self._write(target, self._without(variant.removeprefix("without_")))
            return target
        return self.run / "dataset"

    def _random_stages(self, seed: int) -> pl.DataFrame:
        """Return the training pairs, each in a stage by lot; the stages keep their sizes."""
        order = np.random.default_rng(seed).permutation(len(self.train))
        return self.train.with_columns(self.train["stage"][order].alias("stage"))

    def _random_pairs(self, seed: int) -> pl.DataFrame:
        """Return pairs of two answers by lot, to the same prompts in the same stages."""
        rng = np.random.default_rng(seed)
        texts = {
            key[0]: sorted(set(rows["text"].to_list()) - {""})
            for key, rows in self._samples.group_by("prompt_id")
        }
        rows = []
        for row in self.train.iter_rows(named=True):
            drawn = rng.permutation(texts[row["prompt_id"]])[:2].tolist()
            answers = [[{"role": "assistant", "content": text}] for text in drawn]
            rows.append(row | {"chosen": answers[0], "rejected": answers[1]})
        return pl.DataFrame(rows, schema=self.train.schema)

    @cached_property
    def _samples(self) -> pl.DataFrame:
        files = sorted((self.run / "dataset" / "data" / "samples").glob("train-*.parquet"))
        return pl.concat([pl.read_parquet(file, columns=["prompt_id", "text"]) for file in files])

    def _without(self, dimension: str) -> pl.DataFrame:
        """Return the training pairs of a build that leaves a dimension out: paired anew."""
        from udasa_data import build, resolve

        config = resolve(None, {"weights": {dimension: 0.0}}, file=self.run / "config.yaml")
        copy = self.folder / f"build-without-{dimension}"
        if not copy.is_dir():
            kept = ("manifest.json", "config.yaml", "prompts.parquet", "samples", "scores")
            replace_folder(copy, lambda path: _copy(self.run, path, kept))
        place = open_source(str(build(config, copy).dataset))
        return pl.concat([load_split(place, name).train for name in STAGES])

    def _write(self, target: Path, train: pl.DataFrame) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_folder(target, lambda folder: self._fill(folder, train))

    def _fill(self, folder: Path, train: pl.DataFrame) -> None:
        lines = ["---", "configs:"]
        for name in STAGES:
            lines += [f"- config_name: {name}", "  data_files:"]
            own = train.filter(pl.col("stage") == name)
            for split, rows in (("train", own), ("test", self.splits[name].test)):
                if rows.is_empty():
                    continue
                path = folder / f"{name}-{split}-{key_of(rows.rows())[:12]}.parquet"
                rows.write_parquet(path)
                lines += [f"  - split: {split}", f"    path: {json.dumps(path.name)}"]
        (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")
        manifest = (self.run / "dataset" / "manifest.json").read_text(encoding="utf-8")
        (folder / "manifest.json").write_text(manifest, encoding="utf-8")


def recipe_of(variant: str, seed: int, steps: int, recipe: Recipe) -> Recipe:
    """Return a variant's recipe: ``steps`` optimizer steps in all, whatever its stages are."""
    order: tuple[str, ...] = STAGES
    if variant == "reversed":
        order = STAGES[::-1]
    elif variant == "shuffled":
        order = ("all",)
    elif variant.startswith("only_"):
        order = (variant.removeprefix("only_"),)
    own = {"steps": steps // len(order)} | (
        {"reference": SFT} if variant == "reference_sft" else {}
    )
    stages = {name: recipe.stages.get(name, {}) | own for name in order}
    return replace(recipe, order=order, stages=stages, seed=seed)


def run_cell(
    variant: str, seed: int, config: Ablation, recipe: Recipe, controls: Controls, work: Path
) -> Cell:
    """Train a variant and return its figures.

    Args:
        variant: one of ``VARIANTS`` of ``recipes.ablate``.
        seed: of training, of the controls' lots and of the fresh samples.
        config: of the ablation.
        recipe: of staged DPO; order, steps and references are the variant's.
        controls: datasets.
        work: folder of the training; it may hold the beginning of the same cell.
    """
    mine = recipe_of(variant, seed, config.steps, recipe)
    place = controls.dataset(variant, seed)
    out = work / f"{variant}-{seed}"
    run = StagedRun(mine, str(place), out)
    record = run.train()
    last = len(mine.order)
    measured = out / "measures"
    pairs = pl.read_parquet(measured / f"{last}-{mine.order[-1]}-pairs.parquet")
    fresh = pl.read_parquet(measured / f"{last}-{mine.order[-1]}-samples.parquet")
    start = pl.read_parquet(measured / "0-start-samples.parquet")
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
    return Cell(variant, seed, sum(one.steps for one in record.stages), figures)


def _by_prompt(table: pl.DataFrame, value: pl.Expr) -> ByPrompt:
    rows = table.group_by("prompt_id").agg(value.mean().alias("value")).sort("prompt_id")
    return dict(rows.select("prompt_id", "value").iter_rows())


def _wins(scorer: ValueScorer, ours: pl.DataFrame, sft: pl.DataFrame) -> ByPrompt:
    """Return each chat prompt's share of samples that beat the SFT policy's of the same seed."""
    scored = []
    for table in (ours, sft):
        chat = table.filter(pl.col("mode") == Mode.CHAT)
        texts = chat.select("question", "text").iter_rows()
        violation = scorer([TextPair(*row) for row in texts], no_progress)
        scored.append(chat.select("prompt_id", "sample_id").with_columns(bad=pl.Series(violation)))
    joined = scored[0].join(scored[1], on=["prompt_id", "sample_id"], suffix="_sft")
    better = (pl.col("bad") < pl.col("bad_sft")).cast(pl.Float64)
    tie = (pl.col("bad") == pl.col("bad_sft")).cast(pl.Float64)
    return _by_prompt(joined, better + 0.5 * tie)


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> Any:
    import shutil

    for name in names:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, target / name)
        else:
            shutil.copyfile(path, target / name)
