"""A published dataset, from its folder or from the Hub at a pinned commit, as checked tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError, nearest
from udasa_data.runs import checked, key_of
from udasa_data.schema import MESSAGES, Stage
from udasa_data.storage import (
    commit_of,
    did_you_mean,
    file_sha256,
    parse_json,
    plain_file,
    reads_as_path,
)

COLUMNS: Final = {
    "prompt": MESSAGES,
    "chosen": MESSAGES,
    "rejected": MESSAGES,
    "prompt_id": pl.String(),
    "mode": pl.String(),
    "stage": pl.String(),
}
# of datasets of a policy that was asked; null in others
SAID: Final = {
    f"{what}_{side}": pl.String()
    for what in ("reasoning", "finish_reason")
    for side in ("chosen", "rejected")
}
OPTIONAL: Final = {**SAID, "p_chosen_better": pl.Float64()}


class Origin(msgspec.Struct, frozen=True):
    """The model that answered, as the manifest names it."""

    id: str = ""
    revision: str | None = None
    fingerprint: str = ""
    chat_template_sha256: str | None = None


class File(msgspec.Struct, frozen=True):
    """A file of the dataset, by the hash of its content."""

    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What training reads of a dataset's manifest.json; other keys are left alone."""

    policy: Origin = Origin()
    files: dict[str, File] = {}
    scorers: list[dict[str, Any]] = []
    config: dict[str, Any] = {}


class Source(NamedTuple):
    """A dataset, pinned."""

    place: str  # folder or Hub id
    commit: str | None
    manifest: Manifest | None


class Split(NamedTuple):
    """One configuration of a dataset; ``test`` may have no rows."""

    name: str
    train: pl.DataFrame
    test: pl.DataFrame
    fingerprint: str  # of the rows of both


def open_source(place: str, revision: str = "main") -> Source:
    """Pin a dataset and read its manifest.

    Raises:
        UserError: no such folder or repository, or a damaged manifest.
    """
    folder = Path(place).expanduser()
    if folder.is_dir():
        path = folder / "manifest.json"
        manifest = _manifest(path) if path.is_file() else None
        _check_files(folder, manifest)
        return Source(str(folder), None, manifest)
    if place.count("/") != 1 or reads_as_path(place):
        raise UserError(
            f"dataset '{place}': no such folder{did_you_mean(place)}; a build writes one to "
            "RUN/dataset"
        )
    commit = commit_of(place, revision, "dataset")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        name = hf_hub_download(place, "manifest.json", repo_type="dataset", revision=commit)
    except EntryNotFoundError:
        return Source(place, commit, None)
    return Source(place, commit, _manifest(Path(name)))


def _check_files(folder: Path, manifest: Manifest | None) -> None:
    """Refuse a folder whose files are not what its manifest says.

    Raises:
        UserError: names the file.
    """
    for name, file in manifest.files.items() if manifest else ():
        path = plain_file(folder, name)
        try:
            digest = file_sha256(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        if digest != file.sha256:
            raise UserError(
                f"{path}: is damaged: not what the dataset's manifest says; the command that made "
                "the dataset makes it again"
            )


def _manifest(path: Path) -> Manifest:
    try:
        return msgspec.convert(checked(parse_json(read_bytes(path))), Manifest)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise UserError(f"{path}: not the manifest of a dataset ({error})") from error


def load_split(source: Source, name: str) -> Split:
    """Load one configuration, every row of it.

    Raises:
        UserError: no such configuration, no training rows, or a column missing or misshapen.
    """
    from datasets import get_dataset_config_names, get_dataset_split_names, load_dataset

    pinned = {"revision": source.commit} if source.commit else {}
    try:
        known = get_dataset_config_names(source.place, **pinned)
        splits = get_dataset_split_names(source.place, name, **pinned) if name in known else []
        loaded = {
            split: load_dataset(source.place, name, split=split, **pinned)
            for split in ("train", "test")
            if split in splits
        }
    except Exception as error:  # datasets raises many kinds, some of them from its readers
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "corresponds to no data" in said:  # what datasets says of a split without rows
            raise _no_pairs(f"{source.place}, {name}") from error
        raise UserError(
            f"{source.place}: configuration '{name}' cannot be read ({said})"
        ) from error
    if name not in known:
        stages = [str(stage) for stage in Stage if stage in known]
        there = f"has {', '.join(stages)}" if stages else "has no pairs at all"
        raise UserError(
            f"{source.place}: no configuration '{name}'{nearest(name, known)}; a build that kept "
            f"no pairs for a stage has none (this one {there}): leave it out of 'order', or build "
            "from more prompts"
        )
    where = f"{source.place}, {name}"
    tables = {split: _checked(table.to_polars(), where) for split, table in loaded.items()}
    train = tables.get("train", pl.DataFrame(schema={**COLUMNS, **OPTIONAL}))
    if train.is_empty():
        raise _no_pairs(where)
    test = tables.get("test", train.clear())
    return Split(name, train, test, key_of(train.rows(), test.rows()))


def _no_pairs(where: str) -> UserError:
    return UserError(
        f"{where}: no training pairs; leave the stage out of 'order', or build from more prompts"
    )


def _checked(table: pl.DataFrame, where: str) -> pl.DataFrame:
    """Return the columns that training reads, in a fixed order and type."""
    for column, dtype in COLUMNS.items():
        if column not in table.columns:
            raise UserError(
                f"{where}: column '{column}' is missing; this recipe trains on datasets of "
                "udasa-data build (its columns: udasa_data/schema.py, PAIRS)"
            )
        found = table.schema[column]
        if dtype == MESSAGES and not _are_messages(found):
            raise UserError(
                f"{where}: column '{column}' holds {found}, not message lists; a pair is prompt, "
                "chosen and rejected as lists of {role, content}, the last two the answer alone"
            )
        if dtype == MESSAGES and (empty := int((table[column].list.len().fill_null(0) == 0).sum())):
            raise UserError(f"{where}: column '{column}' is empty in {empty:,} rows")
    unknown = [pl.lit(None).alias(name) for name in OPTIONAL if name not in table.columns]
    columns = {**COLUMNS, **OPTIONAL}
    return table.with_columns(unknown).select(
        pl.col(name).cast(dtype) for name, dtype in columns.items()
    )


def _are_messages(dtype: pl.DataType) -> bool:
    inner = getattr(dtype, "inner", None)
    fields = {field.name for field in getattr(inner, "fields", [])}
    return {"role", "content"} <= fields
