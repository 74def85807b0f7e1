"""What is looked at in a published dataset's pairs: splits, texts, stages, samples, TRL's ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from udasa_data.errors import UserError
from udasa_data.publish.check import STAGES, Check, DatasetCopy, check_of
from udasa_data.publish.plain_trl import COLUMN
from udasa_data.publish.split_check import split_faults
from udasa_data.publish.tokenisation import MAX_ROWS, load_tokenizer, tokenise
from udasa_data.schema import PAIRS, empty
from udasa_data.storage import read_parquet, scan_parquet

_LOST: Final = 0.01  # share of the rows that may be lost to the length
_SAMPLE: Final = ["run", "prompt_id", "sample_id"]
_TRL_READS: Final = (
    *("prompt", "chosen", "rejected", "mode", COLUMN),
    *("reasoning_chosen", "reasoning_rejected"),
    *("finish_reason_chosen", "finish_reason_rejected"),
)


def pairs_of(copy: DatasetCopy) -> pl.DataFrame:
    """Return all pairs, with the configuration they lie in as ``config``."""
    tables = []
    for path, local in copy.paths.items():
        config = copy.manifest.files[path].config
        if config in STAGES:
            tables.append(scan_parquet(local).with_columns(config=pl.lit(config)))
    none = empty(PAIRS).with_columns(config=pl.lit(None, pl.String()))
    try:
        return pl.concat(tables).collect() if tables else none
    except pl.exceptions.PolarsError:
        return none  # the files are damaged, which their own check reports


def check_splits(copy: DatasetCopy) -> Check:
    """Each prompt, and each question, in one split only, the one its hash says."""
    files = ((local, copy.manifest.files[path].split) for path, local in copy.paths.items())
    found = split_faults(files, copy.manifest.held_out)
    detail = f"{found.prompts:,} prompts, {found.held_out:,} of them held out, none in both"
    return check_of("splits", found.faults, detail)


def check_texts(pairs: pl.DataFrame) -> Check:
    """No chosen answer equals its rejected one, and none is empty."""
    wrong = [
        f"prompt {row['prompt_id'][:12]}: chosen is rejected"
        for row in _rows(pairs, ("prompt_id", "chosen", "rejected"))
        if row["chosen"] == row["rejected"] or not row["chosen"][0]["content"].strip()
    ]
    return check_of("chosen ≠ rejected", wrong, f"in all {len(pairs):,} pairs")


def check_stages(copy: DatasetCopy, pairs: pl.DataFrame) -> Check:
    """Every pair in one stage, within its thresholds, as many as the manifest counts."""
    low, high = copy.manifest.stages.low, copy.manifest.stages.high
    if pairs.is_empty() or low is None or high is None:
        return Check("stages", None, "no pairs")
    name, gap = pl.col("config"), pl.col("p_chosen_better")
    belongs = (
        pl.when(gap >= high)
        .then(pl.lit(STAGES[0]))
        .when(gap >= low)
        .then(pl.lit(STAGES[1]))
        .otherwise(pl.lit(STAGES[2]))
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
    return check_of("stages", wrong, f"{parts}; thresholds {low:.3f} and {high:.3f}")


def check_from_samples(copy: DatasetCopy, pairs: pl.DataFrame) -> Check:
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
    return check_of("pairs are samples", wrong, f"of {len(samples):,} samples")


def check_trl(copy: DatasetCopy, pairs: pl.DataFrame, max_length: int) -> list[Check]:
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
