"""What is looked at in a published dataset, check by check."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl
from yaml import YAMLError

from udasa_data.errors import UserError
from udasa_data.progress import Progress, Silent
from udasa_data.publish.front_matter import PARTS
from udasa_data.publish.plain_trl import COLUMN, kwargs_type
from udasa_data.publish.repository import explained
from udasa_data.publish.split_check import split_faults
from udasa_data.publish.tokenisation import MAX_ROWS, load_tokenizer, tokenise
from udasa_data.runs import Manifest
from udasa_data.schema import ANSWERS, DROPPED, LATER, PAIRS, Stage, empty
from udasa_data.storage import file_sha256, parquet_schema, read_parquet, scan_parquet

_LOST: Final = 0.01  # share of the rows that may be lost to the length
_SAMPLE: Final = ["run", "prompt_id", "sample_id"]
_TRL_READS: Final = (
    *("prompt", "chosen", "rejected", "mode", COLUMN),
    *("reasoning_chosen", "reasoning_rejected"),
    *("finish_reason_chosen", "finish_reason_rejected"),
)
_STAGES: Final = tuple(str(stage) for stage in Stage)


class Check(NamedTuple):
    """One thing that was looked at. ``passed`` is None when it could not be looked at."""

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class DatasetCopy:
    """A dataset to be looked at.

    Attributes:
        where: the folder, or ``ORG/NAME@commit``.
        manifest: of the dataset.
        paths: where the files of the manifest lie; those that are there.
        card: its README.md.
        load_from: what ``load_dataset`` takes.
        revision: of a repository.
    """

    where: str
    manifest: Manifest
    paths: Mapping[str, Path]
    card: Path | None
    load_from: str
    revision: str | None


def check_all(copy: DatasetCopy, max_length: int, progress: Progress | None = None) -> list[Check]:
    """Return every check, in order; rows are not looked at where files or columns are wrong.

    Args:
        copy: the dataset.
        max_length: tokens at which TRL would cut.
        progress: shows how many are done; its steps count checks.
    """
    progress = progress or Silent()
    pairs = _pairs(copy)
    first = [partial(look, copy) for look in (_files, _schema, _card, _loads)]
    of_rows: list[Callable[[], Check]] = [
        partial(_splits, copy),
        partial(_texts, pairs),
        partial(_stages, copy, pairs),
        partial(_from_samples, copy, pairs),
    ]
    progress.start("checks", len(first) + len(of_rows) + 1, 0)
    checks = _looked(first, progress)
    if checks[0].passed and checks[1].passed:
        checks += _looked(of_rows, progress)
        checks += _trl(copy, pairs, max_length)
    else:
        checks.append(Check("rows", None, "not looked at: files or columns are not what they were"))
    progress.finish()
    return checks


def _looked(looks: Sequence[Callable[[], Check]], progress: Progress) -> list[Check]:
    checks = []
    for look in looks:
        checks.append(look())
        progress.advance(1)
    return checks


def _files(copy: DatasetCopy) -> Check:
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
    return _check("files", wrong, f"{len(copy.paths)} files, {rows:,} rows, sha256 as recorded")


def _schema(copy: DatasetCopy) -> Check:
    """Check every file's columns and types against the schema of its configuration."""
    wanted = {stage: dict(PAIRS) for stage in _STAGES}
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
        if config in _STAGES and COLUMN in found:  # earlier datasets are without
            expected = {**expected, COLUMN: kwargs_type(copy.manifest)}
        known = {c: dtype for c, dtype in expected.items() if c in found or c not in LATER}
        odd = [c for c in {**known, **found} if found.get(c) != known.get(c)]
        wrong += [f"{path}: column '{odd[0]}' is not as in the schema"] if odd else []
    return _check("columns", wrong, "every column of its type")


def _card(copy: DatasetCopy) -> Check:
    """Check the card's front matter against the manifest."""
    from huggingface_hub import DatasetCardData, metadata_load

    if copy.card is None or not copy.card.is_file():
        return _check("card", ["no README.md"], "")
    try:
        front = metadata_load(copy.card) or {}
        DatasetCardData(**front, ignore_metadata_errors=False)
        configs = {entry["config_name"]: entry["data_files"] for entry in front.get("configs", [])}
        listed = {path for splits in configs.values() for split in splits for path in split["path"]}
    except (AttributeError, KeyError, TypeError, ValueError, YAMLError):
        return _check("card", ["the front matter of README.md is damaged"], "")
    wrong = [f"{path} is in no configuration" for path in set(copy.manifest.files) - listed]
    wrong += [f"{path} is not in the manifest" for path in listed - set(copy.manifest.files)]
    licence = front.get("license") or "none"
    named = licence if isinstance(licence, str) else ", ".join(licence)
    return _check("card", sorted(wrong), f"{len(configs)} configurations, licence {named}")


def _expected(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Return the rows of each split of each configuration that has any."""
    expected: dict[str, dict[str, int]] = {}
    for name, parts in PARTS.items():
        for record in manifest.files.values():
            if record.config in parts:
                splits = expected.setdefault(name, {})
                splits[record.split] = splits.get(record.split, 0) + record.rows
    return expected


def _loads(copy: DatasetCopy) -> Check:
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
    return _check("load_dataset", wrong, f"{', '.join(expected)} load")


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


def _pairs(copy: DatasetCopy) -> pl.DataFrame:
    """Return all pairs, with the configuration they lie in as ``config``."""
    tables = []
    for path, local in copy.paths.items():
        config = copy.manifest.files[path].config
        if config in _STAGES:
            tables.append(scan_parquet(local).with_columns(config=pl.lit(config)))
    none = empty(PAIRS).with_columns(config=pl.lit(None, pl.String()))
    try:
        return pl.concat(tables).collect() if tables else none
    except pl.exceptions.PolarsError:
        return none  # the files are damaged, which their own check reports


def _splits(copy: DatasetCopy) -> Check:
    """Each prompt, and each question, in one split only, the one its hash says."""
    files = ((local, copy.manifest.files[path].split) for path, local in copy.paths.items())
    found = split_faults(files, copy.manifest.held_out)
    detail = f"{found.prompts:,} prompts, {found.held_out:,} of them held out, none in both"
    return _check("splits", found.faults, detail)


def _texts(pairs: pl.DataFrame) -> Check:
    """No chosen answer equals its rejected one, and none is empty."""
    wrong = [
        f"prompt {row['prompt_id'][:12]}: chosen is rejected"
        for row in _rows(pairs, ("prompt_id", "chosen", "rejected"))
        if row["chosen"] == row["rejected"] or not row["chosen"][0]["content"].strip()
    ]
    return _check("chosen ≠ rejected", wrong, f"in all {len(pairs):,} pairs")


def _stages(copy: DatasetCopy, pairs: pl.DataFrame) -> Check:
    """Every pair in one stage, within its thresholds, as many as the manifest counts."""
    low, high = copy.manifest.stages.low, copy.manifest.stages.high
    if pairs.is_empty() or low is None or high is None:
        return Check("stages", None, "no pairs")
    name, gap = pl.col("config"), pl.col("p_chosen_better")
    belongs = (
        pl.when(gap >= high)
        .then(pl.lit(_STAGES[0]))
        .when(gap >= low)
        .then(pl.lit(_STAGES[1]))
        .otherwise(pl.lit(_STAGES[2]))
    )
    astray = pairs.filter((name != pl.col("stage")) | (name != belongs))
    wrong = [
        f"prompt {row['prompt_id'][:12]}: P {row['p_chosen_better']:.4f} in {row['config']}"
        for row in _rows(astray, ("prompt_id", "p_chosen_better", "config"))
    ]
    again = pl.struct("run", "prompt_id").is_duplicated()  # a merged round may ask the same
    twice = pairs.filter(again)["prompt_id"].unique().sort()
    wrong += [f"prompt {prompt_id[:12]} is in two pairs" for prompt_id in twice]
    counted = {str(stage): n.pairs for stage, n in copy.manifest.counts.stages.items()}
    found = {stage: len(pairs.filter(name == stage)) for stage in counted}
    wrong += [f"{s}: {found[s]} pairs, not {n}" for s, n in counted.items() if found[s] != n]
    parts = ", ".join(f"{n:,} {stage}" for stage, n in found.items())
    return _check("stages", wrong, f"{parts}; thresholds {low:.3f} and {high:.3f}")


def _from_samples(copy: DatasetCopy, pairs: pl.DataFrame) -> Check:
    """Both answers of each pair, and their thoughts, are samples of its prompt, to the letter."""
    paths = [p for path, p in copy.paths.items() if copy.manifest.files[path].config == "samples"]
    if not paths or pairs.is_empty():
        return Check("pairs are samples", None, "no samples, or no pairs")
    samples = pl.concat([read_parquet(p, columns=[*_SAMPLE, "text", "reasoning"]) for p in paths])
    wrong = []
    for side in ("chosen", "rejected"):
        answer = pl.col(side).list.first().struct.field("content").alias("answer")
        thought = pl.col(f"reasoning_{side}").alias("thought")
        number = pl.col(f"{side}_id").alias("sample_id")
        rows = pairs.select("run", "prompt_id", number, answer, thought)
        joined = rows.join(samples, on=_SAMPLE, how="left")
        other = pl.col("answer").ne_missing(pl.col("text"))
        other |= pl.col("thought").ne_missing(pl.col("reasoning"))
        odd = joined.filter(other)["prompt_id"]
        wrong += [f"prompt {prompt_id[:12]}: {side} is not its sample" for prompt_id in odd]
    return _check("pairs are samples", wrong, f"of {len(samples):,} samples")


def _trl(copy: DatasetCopy, pairs: pl.DataFrame, max_length: int) -> list[Check]:
    """Tokenise as TRL does."""
    if pairs.is_empty():
        return [Check("TRL", None, "no pairs")]
    step = -(-len(pairs) // MAX_ROWS)
    rows = pairs.gather_every(step)
    try:
        tokenizer = load_tokenizer(copy.manifest.policy)
        if tokenizer.chat_template is None:
            return [Check("TRL", None, "not checked: the policy has no chat template of its own")]
        sides = _rows(rows, tuple(name for name in _TRL_READS if name in rows.columns))
        options = copy.manifest.config.sampling.chat_template_kwargs
        found = tokenise(sides, tokenizer, max_length, options)
    except UserError as error:
        return [Check("TRL", None, f"not checked: {error}")]
    read = f"{found.rows:,} rows" if step == 1 else f"{found.rows:,} of {len(pairs):,} rows"
    lost = found.collapsed + found.dropped
    return [
        Check(
            "TRL: prompt is a prefix",
            found.not_prefix == 0,
            f"{read}; {found.prefix}",
        ),
        Check("TRL: answers as said", found.rewritten == 0, f"{read}; {found.as_said}"),
        Check(
            f"TRL: {max_length} tokens",
            lost <= _LOST * found.rows,
            f"{found.truncated:,} truncated, {found.collapsed:,} collapsed, {found.dropped:,} "
            f"dropped; longest {found.longest:,}",
        ),
    ]


def _rows(table: pl.DataFrame, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    return table.select(columns).iter_rows(named=True)


def _check(name: str, wrong: list[str], detail: str) -> Check:
    if not wrong:
        return Check(name, passed=True, detail=detail)
    more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
    return Check(name, passed=False, detail=f"{wrong[0]}{more}")
