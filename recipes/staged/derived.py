"""Datasets made of another one's pairs: written as a build writes them, known by their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import polars as pl

from udasa_data.errors import UserError
from udasa_data.prompts import Split as SplitName
from udasa_data.prompts import splits_of, with_split
from udasa_data.runs import MANIFEST, FileRecord, key_of, open_finished, read_manifest, to_json
from udasa_data.schema import Stage
from udasa_data.storage import file_sha256, replace_folder

from .data import load_split, open_source

Parts: TypeAlias = Mapping[SplitName, pl.DataFrame]
_OF_REJECTED: Final = ("rejected", "reasoning_rejected", "finish_reason_rejected")
_SPLITS: Final[tuple[SplitName, ...]] = ("train", "test")


def write_derived(target: Path, stages: Mapping[str, Parts], like: Path) -> None:
    """Write pairs as a dataset folder, whole or not at all.

    Args:
        target: the folder; it is replaced.
        stages: stage → split → rows; empty ones get no file.
        like: the dataset whose manifest it takes over, but for the files.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_folder(target, lambda folder: _fill(folder, stages, like), is_new)


def is_new(_: str) -> bool:
    """Return True: these folders are made where none was, so that all in them is ours."""
    return True


def _fill(folder: Path, stages: Mapping[str, Parts], like: Path) -> None:
    lines, files = ["---", "configs:"], {}
    for name, splits in stages.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, rows in splits.items():
            if rows.is_empty():
                continue
            path = folder / f"{name}-{split}-{key_of(rows.rows())[:12]}.parquet"
            rows.write_parquet(path)
            files[path.name] = FileRecord(file_sha256(path), len(rows), name, split)
            lines += [f"  - split: {split}", f"    path: {json.dumps(path.name)}"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")
    own_files = msgspec.structs.replace(read_manifest(like), files=files, figures={})
    (folder / MANIFEST).write_text(to_json(own_files), encoding="utf-8")


def restaged(fresh: Path, first: Path, stage: str, target: Path, *, anchor: bool) -> Path:
    """Make a dataset of which all pairs of a build are one stage; return its folder.

    The other stages are as another build has them, so that a policy is measured on them, too.

    Args:
        fresh: dataset of the build, of the prompts of one stage.
        first: dataset that has the other stages.
        stage: which they are.
        target: folder of what is made.
        anchor: reject the answers that ``first`` rejects; see :func:`anchored`.

    Raises:
        UserError: no training pair is left.
    """
    before, now = open_finished(str(first)), open_finished(str(fresh))
    own = now.pairs.with_columns(pl.lit(stage).alias("stage"))
    if anchor:
        rejected = before.pairs.unique("prompt_id", keep="first", maintain_order=True)
        own = _with_rejected(own, rejected.select("prompt_id", *_OF_REJECTED))
    others = before.pairs.filter(pl.col("stage") != stage)
    stages = {
        name: {split: rows.drop("split") for split, rows in parts.items()}
        for name in (known.value for known in Stage)
        if (parts := _by_split(others if name != stage else own, name, before.manifest.held_out))
    }
    if stage not in stages or stages[stage]["train"].is_empty():
        raise UserError(f"{fresh}: no training pair of the stage '{stage}' is left")
    write_derived(target, stages, fresh)
    return target


def _by_split(pairs: pl.DataFrame, stage: str, held_out: float) -> Parts:
    """Return a stage's pairs by split; {} where there are none."""
    table = pairs.filter(pl.col("stage") == stage)
    marked = with_split(table, splits_of(table["prompt_id"], held_out))
    found = {split: marked.filter(pl.col("split") == split) for split in _SPLITS}
    return {} if table.is_empty() else found


def anchored(own: Path, first: Path, target: Path) -> Path:
    """Make a dataset whose rejected answers are another round's; return its folder.

    Pairs of prompts that the other round has no pair of are left out, and so are those whose chosen
    answer is that round's rejected one.

    Args:
        own: dataset of a round.
        first: dataset of the round that answered first, to the same prompts.
        target: folder of what is made.

    Raises:
        UserError: no training pair is left in a stage.
    """
    known = pl.concat(_pairs(first)).unique("prompt_id", keep="first", maintain_order=True)
    rejected = known.select("prompt_id", *_OF_REJECTED)
    source = open_source(str(own))
    stages = {}
    for stage in Stage:
        split = load_split(source, stage.value)
        parts = {"train": split.train, "test": split.test}
        stages[stage.value] = {name: _with_rejected(parts[name], rejected) for name in _SPLITS}
        if stages[stage.value]["train"].is_empty():
            raise UserError(f"{own}, {stage}: the first round has no pair of any of its prompts")
    write_derived(target, stages, own)
    return target


def _pairs(place: Path) -> list[pl.DataFrame]:
    source = open_source(str(place))
    splits = [load_split(source, stage.value) for stage in Stage]
    return [table for split in splits for table in (split.train, split.test)]


def _with_rejected(table: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    joined = table.drop(_OF_REJECTED).join(rejected, on="prompt_id", how="inner")
    return joined.filter(pl.col("chosen") != pl.col("rejected")).select(table.columns)
