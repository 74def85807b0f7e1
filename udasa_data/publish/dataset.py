"""A run's tables → a folder that is a Hub dataset repository, to the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from udasa_data.config import to_yaml
from udasa_data.errors import UserError
from udasa_data.prompts import SPLITS, Split, splits_of, with_split
from udasa_data.publish.card import CardFacts, card
from udasa_data.publish.figures import draw
from udasa_data.publish.licence import Licences, licences_of
from udasa_data.publish.plain_trl import with_kwargs
from udasa_data.publish.suites import NOTHING_CHECKED, Contamination
from udasa_data.runs import MANIFEST, FileRecord, Manifest, read_manifest, to_json
from udasa_data.schema import DROPPED, PAIRS, Stage, empty, require
from udasa_data.storage import file_sha256, read_parquet

SHARD_BYTES: Final = 500_000_000


@dataclass(frozen=True)
class Tables:
    """The rows of a dataset.

    Attributes:
        pairs: staged pairs, in explicit conversational form (prompt, chosen, rejected are message
            lists; completions only), as TRL takes them.
        samples: every sample with its scores and its prompt, so that others can pair again.
        dropped: everything left out, with its reason.
    """

    pairs: pl.DataFrame
    samples: pl.DataFrame
    dropped: pl.DataFrame


def write_dataset(
    folder: Path, tables: Tables, manifest: Manifest, shard_bytes: int = SHARD_BYTES
) -> None:
    """Write card, pictures, manifest, configuration and the Parquet files.

    Each stage has files of its own; ``all`` is the three of them, named again in the card. File
    names carry the hash of their content: ``datasets`` caches a local folder by the names in its
    card, and would give the rows of one run for those of another.

    Args:
        folder: an empty folder.
        tables: the rows.
        manifest: without files and figures, which are added here; its configuration is
            written to config.yaml.
        shard_bytes: bound of a file, compared with the size of its rows in memory, which is
            the larger.
    """
    pairs = require(tables.pairs, PAIRS, "pairs")
    published = with_kwargs(pairs, manifest)
    of_config = {str(s): published.filter(pl.col("stage") == s.value) for s in Stage}
    of_config["samples"] = tables.samples
    of_config["dropped"] = require(tables.dropped, DROPPED, "dropped")
    ids = pl.concat([table["prompt_id"].drop_nulls().unique() for table in of_config.values()])
    splits = splits_of(ids, manifest.held_out)
    files: dict[str, FileRecord] = {}
    with ThreadPoolExecutor(1) as pool:  # writing lets go of the interpreter
        drawn = pool.submit(draw, folder, manifest, pairs, tables.samples)
        for name, table in of_config.items():
            split_of_row = with_split(table.select("prompt_id"), splits)["split"]
            for split in SPLITS:
                kept = split_of_row == split
                files |= dict(_write(folder, name, split, table, kept, shard_bytes))
    figures = drawn.result()
    whole = msgspec.structs.replace(manifest, files=files, figures=figures)
    (folder / MANIFEST).write_text(to_json(whole), encoding="utf-8")
    (folder / "config.yaml").write_text(to_yaml(whole.config), encoding="utf-8")
    # what needs a network or evaluation data is added when it is pushed
    licences = licences_of(whole, look_up=None)
    facts = CardFacts(whole, pairs, tables.samples, licences, NOTHING_CHECKED)
    (folder / "README.md").write_text(card(facts), encoding="utf-8")


def read_pairs(folder: Path) -> pl.DataFrame:
    """Return all pairs of a dataset folder, train before test, stage by stage."""
    manifest = read_manifest(folder)
    paths = [folder / p for p, record in manifest.files.items() if record.config in set(Stage)]
    tables = [read_parquet(path) for path in paths]
    return pl.concat(tables) if tables else empty(PAIRS)


def read_samples(folder: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Return columns of all samples of a dataset folder."""
    manifest = read_manifest(folder)
    paths = [folder / p for p, record in manifest.files.items() if record.config == "samples"]
    if not paths:
        raise UserError(f"{folder}: holds no samples")
    return pl.concat([read_parquet(path, columns=list(columns)) for path in paths])


def read_prompts(folder: Path) -> list[str]:
    """Return the last user text of each prompt that was answered."""
    samples = read_samples(folder, ("prompt_id", "prompt")).unique("prompt_id", maintain_order=True)
    last = pl.col("prompt").list.last().struct.field("content")
    return samples.select(last).to_series().to_list()


def card_of_folder(folder: Path, repo_id: str, licences: Licences, found: Contamination) -> str:
    """Return the card of a dataset folder as it is pushed to ``repo_id``."""
    samples = read_samples(folder, ("run", "prompt_id", "sample_id", "n_tokens"))
    manifest = read_manifest(folder)
    return card(CardFacts(manifest, read_pairs(folder), samples, licences, found, repo_id))


def _write(
    folder: Path, config: str, split: Split, table: pl.DataFrame, kept: pl.Series, shard_bytes: int
) -> Iterator[tuple[str, FileRecord]]:
    """Write a split's files; a split without rows has none: ``datasets`` refuses empty ones.

    Only a file's rows are copied at a time, however large the table is.

    Args:
        folder: of the dataset.
        config: whose table it is.
        split: that is written.
        table: N rows, of all splits.
        kept: [N] whether a row is of this one.
        shard_bytes: see :func:`write_dataset`.
    """
    at = kept.arg_true()
    if at.is_empty():
        return
    of_split = int(table.estimated_size() * len(at) / len(table))
    count = max(1, min(len(at), -(-of_split // shard_bytes)))
    size = -(-len(at) // count)
    place = folder / "data" / config
    place.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        of_file = at.slice(number * size, size)
        if of_file.is_empty():
            return
        first, n = int(of_file[0]), int(of_file[-1]) - int(of_file[0]) + 1
        rows = table.slice(first, n).filter(kept.slice(first, n))
        path = place / f"{split}.parquet"
        rows.write_parquet(path, compression_level=1)  # two thirds of the time, 0.3% larger
        digest = file_sha256(path)
        shard = "" if count == 1 else f"{number:05d}-"
        named = path.rename(place / f"{split}-{shard}{digest[:12]}.parquet")
        relative = named.relative_to(folder).as_posix()
        yield relative, FileRecord(digest, len(rows), config, split)
