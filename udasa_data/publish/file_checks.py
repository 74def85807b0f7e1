"""What is looked at in a published dataset's files: hashes, columns, card, and that they load."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
from yaml import YAMLError

from udasa_data.publish.check import STAGES, Check, DatasetCopy, check_of
from udasa_data.publish.front_matter import PARTS
from udasa_data.publish.hub_errors import explained
from udasa_data.publish.plain_trl import COLUMN, kwargs_type
from udasa_data.runs import Manifest
from udasa_data.schema import ANSWERS, DROPPED, LATER, PAIRS
from udasa_data.storage import file_sha256, parquet_schema, scan_parquet


def check_files(copy: DatasetCopy) -> Check:
    """Check every file's hash and number of rows."""
    wrong = [f"{path} is missing" for path in copy.manifest.files if path not in copy.paths]
    rows = 0
    for path, local in copy.paths.items():
        record = copy.manifest.files[path]
        if file_sha256(local) != record.sha256:
            wrong.append(f"{path} is not what it was")
        elif (found := scan_parquet(local).select(pl.len()).collect().item()) != record.rows:
            wrong.append(f"{path} has {found} rows instead of {record.rows}")
        else:
            rows += record.rows
    return check_of("files", wrong, f"{len(copy.paths)} files, {rows:,} rows, sha256 as recorded")


def check_schema(copy: DatasetCopy) -> Check:
    """Check every file's columns and types against the schema of its configuration."""
    wanted = {stage: dict(PAIRS) for stage in STAGES}
    wanted |= {"samples": dict(ANSWERS), "dropped": dict(DROPPED)}
    wrong = []
    for path, local in copy.paths.items():
        try:
            found = parquet_schema(local)
        except pl.exceptions.PolarsError:
            wrong.append(f"{path} is no Parquet file")
            continue
        config = copy.manifest.files[path].config
        expected = wanted[config]
        if config in STAGES and COLUMN in found:  # earlier datasets are without
            expected = {**expected, COLUMN: kwargs_type(copy.manifest)}
        known = {c: dtype for c, dtype in expected.items() if c in found or c not in LATER}
        odd = [c for c in {**known, **found} if found.get(c) != known.get(c)]
        wrong += [f"{path}: column '{odd[0]}' is not as in the schema"] if odd else []
    return check_of("columns", wrong, "every column of its type")


def check_card(copy: DatasetCopy) -> Check:
    """Check the card's front matter against the manifest."""
    from huggingface_hub import DatasetCardData, metadata_load

    if copy.card is None or not copy.card.is_file():
        return check_of("card", ["no README.md"], "")
    try:
        front = metadata_load(copy.card) or {}
        DatasetCardData(**front, ignore_metadata_errors=False)
        configs = {entry["config_name"]: entry["data_files"] for entry in front.get("configs", [])}
        listed = {path for splits in configs.values() for split in splits for path in split["path"]}
    except (AttributeError, KeyError, TypeError, ValueError, YAMLError):
        return check_of("card", ["the front matter of README.md is damaged"], "")
    wrong = [f"{path} is in no configuration" for path in set(copy.manifest.files) - listed]
    wrong += [f"{path} is not in the manifest" for path in listed - set(copy.manifest.files)]
    licence = front.get("license") or "none"
    named = licence if isinstance(licence, str) else ", ".join(licence)
    return check_of("card", sorted(wrong), f"{len(configs)} configurations, licence {named}")


def _expected(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Return the rows of each split of each configuration that has any."""
    expected: dict[str, dict[str, int]] = {}
    for name, parts in PARTS.items():
        for record in manifest.files.values():
            if record.config in parts:
                splits = expected.setdefault(name, {})
                splits[record.split] = splits.get(record.split, 0) + record.rows
    return expected


def check_loads(copy: DatasetCopy) -> Check:
    """Load every configuration as anyone would, from nothing."""
    import datasets

    wrong = []
    expected = _expected(copy.manifest)
    for name, rows in expected.items():
        try:
            # a cache of its own: an earlier load must not answer for this one
            with _quiet_datasets(), tempfile.TemporaryDirectory(prefix="udasa-verify-") as cache:
                loaded = datasets.load_dataset(
                    copy.load_from, name, revision=copy.revision, cache_dir=cache
                )
                found = dict(loaded.num_rows)
                del loaded
        except Exception as error:  # datasets raises many kinds
            problem = explained(error, copy.load_from)
            if "no space left" in str(problem):
                raise problem from error
            wrong.append(f"{name}: {str(problem).partition(': ')[2]}")
            continue
        if found != rows:
            wrong.append(f"{name}: {found} rows instead of {rows}")
    return check_of("load_dataset", wrong, f"{', '.join(expected)} load")


@contextmanager
def _quiet_datasets() -> Iterator[None]:
    """Keep ``datasets`` from logging what it raises as well."""
    from datasets import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)
