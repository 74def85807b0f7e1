"""``score_file()``: the uncertainties of answers that exist already, with no policy model.

The same scoring step as a build's, on a file of one row an answer. ``out`` is written once, at
the end; a killed run is started again, and finds in the score cache what its finished shards had
scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import BuildConfig, Weights
from udasa_data.errors import UserError
from udasa_data.pairing import (
    Curves,
    apply_curves,
    curves_to_json,
    fit_curves,
    fit_labelled,
    fits_of,
    measure,
    read_curves,
)
from udasa_data.progress import Progress, Silent
from udasa_data.prompts import Source, digest_of
from udasa_data.runs import CODE, ScoreSummary, as_notes, code_hash, count_dimensions
from udasa_data.schema import ADDED, SCORES, Dimension, Why
from udasa_data.scoring.answer_files import GivenAnswers, read_answers
from udasa_data.scoring.scored_file import read_summary, refuse_foreign_curves, write_scores
from udasa_data.scoring.shard import score_shard
from udasa_data.storage import Located, file_sha256, locate, read_parquet, remove_left_over_of

MIN_ANSWERS: Final = 3  # to a prompt: no pairs are made here, whose noise would need a fourth
_CODE: Final = (
    *CODE["scores"],
    "scoring/existing_answers.py",
    "scoring/scored_file.py",
    "scoring/answer_cells.py",
    "scoring/answer_files.py",
    "scoring/answer_shapes.py",
    "prompts",
    "pairing/calibration.py",
)


@dataclass(frozen=True)
class ScoreResult:
    """A scored file.

    Attributes:
        out: the Parquet file: the input's columns, then those of ``schema.ADDED``.
        calibration: the file of the curves.
        summary: counts, confounds and notes.
        reused: nothing had to be done.
    """

    out: Path
    calibration: Path
    summary: ScoreSummary
    reused: bool

    def scores(self) -> pl.DataFrame:
        """Return the scored rows: the input's columns, then those of ``schema.ADDED``."""
        return read_parquet(self.out)


def score_file(
    file: Path | Source,
    out: Path,
    config: BuildConfig,
    calibration: Path | None = None,
    labels: str | None = None,
    progress: Progress | None = None,
    columns: Sequence[str] = (),
) -> ScoreResult:
    """Score the answers in a file in the three dimensions.

    Every row of the file is a row of ``out``, in its order; one with several answers is a row for
    each of them. Empty answers, and all answers to a
    prompt with fewer than three others that are not empty, keep NaN and say why in ``set_aside``.

    Args:
        file: or another place of rows, see :mod:`udasa_data.scoring.answer_files`.
        out: the .parquet file to write. One that the same call made is left as it is; any other
            is never overwritten.
        config: see :func:`udasa_data.config.presets.resolve`; what concerns the policy is not used.
        calibration: the ``calibration.json`` of an earlier run, applied as it is; None fits the
            curves on this file, and saves them in ``out`` and beside it as
            ``NAME.calibration.json``, which is refused where it is there and ``out`` is not.
        labels: the column that says which answers are wrong (1, true), right (0, false) or not
            judged (null): the curves then give P(wrong), by centred isotonic regression.
        progress: shows how the scoring goes.
        columns: of the answers; none finds them.

    Raises:
        UserError: something the user can put right; nothing is written.
    """
    _refuse(file, out, config, calibration, labels)
    curves_file = calibration or out.with_suffix(".calibration.json")
    fits = calibration is None
    if fits:
        refuse_foreign_curves(out, curves_file)
    curves = read_curves(calibration) if calibration else None
    digest = digest_of(file)
    models = {ref.id: locate(ref) for ref in config.scorer_refs}
    made_from = _made_from(digest, config, models, calibration, labels)
    if columns:
        made_from["columns"] = ", ".join(columns)
    remove_left_over_of(out, curves_file)
    known = read_summary(out, made_from, curves_file if fits else None)
    if known is not None:
        return ScoreResult(out, curves_file, known, reused=True)
    needed = config.scoring.semantic == "cocoa"
    given = read_answers(file, labels, need_logprobs=needed, columns=columns)
    scores, notes = _score(given, config, models, progress or Silent())
    rows, fitted = _calibrated(given, scores, curves, config)
    summary = _summary(given, rows, notes)
    table = pl.concat([given.table, rows.select(ADDED.names())], how="horizontal")
    made = (curves_file, curves_to_json(fitted)) if fits else None
    write_scores(out, table, made_from, summary, made)
    return ScoreResult(out, curves_file, summary, reused=False)


def _refuse(
    file: Path | Source,
    out: Path,
    config: BuildConfig,
    calibration: Path | None,
    labels: str | None,
) -> None:
    """Say which of the options cannot be.

    Raises:
        UserError: names it, and what to do.
    """
    if out.suffix != ".parquet":
        raise UserError(f"{out}: the scores are a Parquet file; give a name that ends in .parquet")
    if out.resolve() == Path(str(file)).resolve():
        raise UserError(f"{out}: is the file of the answers; give another --out")
    if labels and calibration:
        raise UserError("labels fit a calibration: give --labels or --calibration, not both")
    if config.judge:
        raise UserError(
            "judge: the policy's own judgement needs a policy, and existing answers are scored "
            "without one; leave the section out of --config"
        )


def _calibrated(
    given: GivenAnswers, scores: pl.DataFrame, curves: Curves | None, config: BuildConfig
) -> tuple[pl.DataFrame, Curves]:
    """Return a row for each of the file's with its calibrated scores, and the curves applied."""
    known = given.prompts.select("prompt_id", "axis", "context")
    keys = ["prompt_id", "sample_id"]
    said = given.samples.select(*keys, "mean_logprob", pl.lit(None, pl.Int64).alias("seed"))
    of_prompts = (
        scores.join(known, on="prompt_id", how="left", maintain_order="left")
        .join(said, on=keys, how="left", maintain_order="left")
        .with_columns(run=0)
    )
    axes = of_prompts["axis"]
    applied = curves or _fit(scores, axes.to_numpy().astype(str), config, given)
    calibrated, _ = apply_curves(of_prompts, applied, fits_of(config))
    scored = scores.with_columns(*calibrated.drop("prompt_id", "sample_id"), axes)
    return _by_row(given, scored), applied


def _fit(
    scores: pl.DataFrame, axes: NDArray[np.str_], config: BuildConfig, given: GivenAnswers
) -> Curves:
    """Return curves to the probability of being wrong where there are labels, else to mid-ranks."""
    if "wrong" not in given.samples.columns:
        return fit_curves(scores, axes, config.calibration)
    keys = ["prompt_id", "sample_id"]
    known = scores.select(keys).join(given.samples, on=keys, how="left", maintain_order="left")
    return fit_labelled(scores, known["wrong"].to_numpy())


def _in_words(weights: Weights) -> str:
    return ", ".join(f"{d} {getattr(weights, d.value):g}" for d in Dimension)


def _made_from(
    digest: str,
    config: BuildConfig,
    models: dict[str, Located],
    calibration: Path | None,
    labels: str | None,
) -> dict[str, Any]:
    """Return all that decides the scores, by the name a user knows it by."""
    value = [f"{ref.id} ({', '.join(ref.violation)})" for ref in config.value]
    return {
        "answers": digest,
        "nli": config.nli.id,
        "value": ", ".join(value),
        "sentiment": f"{config.sentiment.id} ({', '.join(config.sentiment.violation)})",
        "prompt_harm": config.prompt_harm and config.prompt_harm.id,
        **({"refusal": config.refusal.id} if config.refusal else {}),
        **({"embedder": config.embedder_in_use.id} if config.embedder_in_use else {}),
        "model weights": {name: located.fingerprint for name, located in models.items()},
        "shard_size": config.shard_size,
        **{f"scoring.{k}": v for k, v in msgspec.to_builtins(config.scoring).items()},
        **{f"calibration.{k}": v for k, v in msgspec.to_builtins(config.calibration).items()},
        **{f"weights.{kind}": _in_words(fit.weights) for kind, fit in fits_of(config).items()},
        "calibration": file_sha256(calibration) if calibration else "fitted",
        "labels": labels,
        "code": code_hash(_CODE),
    }


def _score(
    given: GivenAnswers, config: BuildConfig, models: dict[str, Located], progress: Progress
) -> tuple[pl.DataFrame, list[str]]:
    """Score shard by shard of prompts; return the scores and notes of what was not read whole.

    Only the scores of all shards are held; texts paired and logits are one shard's at a time.
    """
    from udasa_data.scorers.loading import Unread, load_scorers
    from udasa_data.scorers.models import resolve_precision

    unread = Unread()
    precision = resolve_precision(config.scoring.precision)
    scorers = load_scorers(config, models, precision, unread)
    number = given.prompts.select("prompt_id", prompt=pl.int_range(pl.len()))
    samples = given.samples.join(number, on="prompt_id", how="left").sort("prompt", "sample_id")
    ends = np.cumsum(samples.group_by("prompt", maintain_order=True).len()["len"].to_numpy())
    progress.start("scores", len(given.prompts), 0)
    shards = []
    for first in range(0, len(given.prompts), config.shard_size):
        prompts = given.prompts.slice(first, config.shard_size)
        start = ends[first - 1] if first else 0
        of_shard = samples.slice(start, ends[first + len(prompts) - 1] - start)

        def on_share(share: float, size: int = len(prompts)) -> None:
            progress.advance(share * size)

        scored = score_shard(prompts, of_shard, scorers, config.scoring, on_share, MIN_ANSWERS)
        unread.languages(scored.languages, config)
        shards.append(scored.scores.drop(name for name in SCORES if "leave_one_out" in name))
    progress.finish()
    return pl.concat(shards), as_notes(unread.take())


def _by_row(given: GivenAnswers, scored: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each of the file's: the sample, its scores, and why it has none."""
    rows = given.samples.join(
        scored, on=["prompt_id", "sample_id"], how="left", maintain_order="left"
    )
    floats = [name for name, dtype in ADDED.items() if dtype == pl.Float64]
    why = (
        pl.when(pl.col("text") == "")
        .then(pl.lit(Why.EMPTY_SAMPLE.value))
        .when(pl.col("homogeneous").is_null())
        .then(pl.lit(Why.TOO_FEW_SAMPLES.value))
        .alias("set_aside")
    )
    return rows.with_columns(why, *(pl.col(name).fill_null(np.nan) for name in floats))


def _summary(given: GivenAnswers, rows: pl.DataFrame, notes: list[str]) -> ScoreSummary:
    scored = rows.filter(pl.col("homogeneous").is_not_null())
    n_empty = len(rows.filter(pl.col("set_aside") == Why.EMPTY_SAMPLE.value))
    n_too_few = len(given.prompts) - scored["prompt_id"].n_unique()
    set_aside = {
        "prompt": {Why.TOO_FEW_SAMPLES.value: n_too_few},
        "sample": {Why.EMPTY_SAMPLE.value: n_empty},
    }
    return ScoreSummary(
        rows=len(rows),
        prompts=len(given.prompts),
        set_aside={what: reasons for what, reasons in set_aside.items() if any(reasons.values())},
        dimensions=count_dimensions(scored.filter(pl.col("set_aside").is_null())),
        confounds=measure(scored, None, given.length),
        notes=(*given.notes, *notes),
    )
