"""The datasets of an ablation's controls: other training rows, the same held-out pairs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from udasa_data.config import resolve
from udasa_data.errors import UserError
from udasa_data.pipeline import build
from udasa_data.runs import key_of
from udasa_data.schema import Stage
from udasa_data.storage import read_parquet, replace_folder

from ..staged.data import SAID, load_split, open_source
from ..staged.derived import Parts, is_new, write_derived

STAGES: Final = tuple(stage.value for stage in Stage)
# variants whose chosen answer has the most of a column of the samples, and whose rejected the least
_EXTREMES: Final = {"longest": "n_tokens", "likeliest": "mean_logprob"}
_OF_SAMPLES: Final = ("prompt_id", "text", *_EXTREMES.values())


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
        self.train = pl.concat([split.train for split in self.splits.values()])
        self.key = key_of({name: split.fingerprint for name, split in self.splits.items()})

    def dataset(self, variant: str, seed: int) -> Path:
        """Return the folder of a variant's dataset, made if it is not there."""
        if variant in {"random_pairs", "random_stages"}:
            target = self.folder / f"{variant}-{seed}-{self.key[:12]}"
            make = self._random_pairs if variant == "random_pairs" else self._random_stages
            if not target.is_dir():
                self._write(target, make(seed))
            return target
        if variant in _EXTREMES:
            target = self.folder / f"{variant}-{self.key[:12]}"
            if not target.is_dir():
                self._write(target, self._extremes(_EXTREMES[variant]))
            return target
        if variant.startswith("without_"):
            target = self.folder / f"{variant}-{self.key[:12]}"
            if not target.is_dir():
                self._write(target, self._without(variant.removeprefix("without_")))
            return target
        return self.run / "dataset"

    def _random_stages(self, seed: int) -> pl.DataFrame:
        """Return the training pairs, each in a random stage; the stages keep their sizes."""
        order = np.random.default_rng(seed).permutation(len(self.train))
        return self.train.with_columns(self.train["stage"][order].alias("stage"))

    def _random_pairs(self, seed: int) -> pl.DataFrame:
        """Return pairs of two random answers, to the same prompts in the same stages."""
        rng = np.random.default_rng(seed)
        texts = {
            key[0]: sorted(set(rows["text"].to_list()) - {""})
            for key, rows in self._samples.group_by("prompt_id")
        }
        ids = self.train["prompt_id"].to_list()
        return self._with_answers([rng.permutation(texts[i])[:2].tolist() for i in ids])

    def _extremes(self, best: str) -> pl.DataFrame:
        """Return pairs of the most and the least of a column, to the same prompts and stages."""
        ordered = self._samples.filter(pl.col("text") != "").sort(
            best, "text", descending=[True, False], nulls_last=True
        )
        texts = {
            key[0]: list(dict.fromkeys(rows["text"].to_list()))
            for key, rows in ordered.group_by("prompt_id", maintain_order=True)
        }
        ids = self.train["prompt_id"].to_list()
        return self._with_answers([[texts[i][0], texts[i][-1]] for i in ids])

    def _with_answers(self, pairs: Sequence[Sequence[str]]) -> pl.DataFrame:
        """Return the training rows with other (chosen, rejected) texts."""
        unknown = dict.fromkeys(SAID)  # said before and after those of the row: it is not theirs
        rows = []
        for row, texts in zip(self.train.iter_rows(named=True), pairs, strict=True):
            answers = [[{"role": "assistant", "content": text}] for text in texts]
            rows.append(row | unknown | {"chosen": answers[0], "rejected": answers[1]})
        return pl.DataFrame(rows, schema=self.train.schema)

    @cached_property
    def _samples(self) -> pl.DataFrame:
        files = sorted((self.run / "dataset" / "data" / "samples").glob("train-*.parquet"))
        return pl.concat([read_parquet(file, columns=list(_OF_SAMPLES)) for file in files])

    def _without(self, dimension: str) -> pl.DataFrame:
        """Return the training pairs of a build that leaves a dimension out: paired anew."""
        config = resolve(None, {"weights": {dimension: 0.0}}, file=self.run / "config.yaml")
        copy = self.folder / f"build-without-{dimension}"
        if not copy.is_dir():
            kept = ("manifest.json", "config.yaml", "prompts.parquet", "samples", "scores")
            replace_folder(copy, lambda path: _copy(self.run, path, kept), is_new)
        place = open_source(str(build(config, copy).folder))
        return pl.concat([load_split(place, name).train for name in STAGES])

    def _write(self, target: Path, train: pl.DataFrame) -> None:
        stages: dict[str, Parts] = {
            name: {
                "train": train.filter(pl.col("stage") == name),
                "test": self.splits[name].test,
            }
            for name in STAGES
        }
        write_derived(target, stages, self.run / "dataset")


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = source / name
        if path.is_dir():
            shutil.copytree(path, target / name)
        else:
            shutil.copyfile(path, target / name)
