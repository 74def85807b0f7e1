"""The fourth step, second half: calibrated answers → one pair a prompt, or the reason for none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from udasa_data.config import Pairing
from udasa_data.pairing.lengths import answer_tokens
from udasa_data.schema import DROPPED, Axis, Dimension, Mode, Why
from udasa_data.uncertainty.jackknife import jackknife_se

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

# Up to this K the worst answer is rejected; beyond it the worst is an outlier that teaches little,
# and the answer nearest to mean + 2 sd is taken (Xiao et al. 2025, arXiv 2502.16825).
MAX_K_FOR_WORST: Final = 16
CHUNK: Final = 2**15  # prompts whose texts are in memory as Python strings at once
_DECIMALS: Final = 12  # rounding noise of the arithmetic must not decide ties

PAIRED: Final = pl.Schema(
    {
        "prompt_id": pl.String,
        "chosen_id": pl.Int32,
        "rejected_id": pl.Int32,
        "delta_u": pl.Float64,
        "se_delta": pl.Float64,
    }
)


class Paired(NamedTuple):
    """One row a kept pair, and one a prompt without a pair."""

    pairs: pl.DataFrame
    dropped: pl.DataFrame


class _Answers(NamedTuple):
    """All answers of a run as arrays, [P, K] each unless stated otherwise."""

    prompt_ids: list[str]  # [P]
    uncertainty: Floats
    leave_one_out: Floats  # [P, K, K]
    by_dimension: Floats  # [P, K, 3] calibrated
    u_value: Floats  # raw
    length: Floats  # tokens of the answer
    texts: pl.Series  # [P · K]
    homogeneous: Bools  # [P]
    unfit: dict[Why, Bools]  # reasons for which an answer is never chosen


def make_pairs(answers: pl.DataFrame, leave_one_out: Floats, rules: Pairing, seed: int) -> Paired:
    """Pair the most reliable answer to each prompt with a suboptimal one.

    Chosen is the answer of least uncertainty among those fit to be chosen: not vetoed
    (``u_value`` above the veto), not truncated (a chat answer that ran into the token limit), not
    a refusal of a prompt outside the harmlessness axis. Rejected is, of the answers no less
    uncertain than that, the one the rules name. Ties: lower ``u_value`` (higher for rejected),
    then closer length (to the prompt's median; to chosen's), then content hash.

    Args:
        answers: N rows, K for each prompt, contiguous: scores and calibrated columns, with
            ``text, reasoning, n_tokens, finish_reason, axis, mode``.
        leave_one_out: [N, K] uncertainty without sample k.
        rules: of pairing.
        seed: for ``rejected = "random"``.

    Returns:
        kept pairs with ``delta_u = u_rejected − u_chosen > 0`` and its jackknife standard error
        over the samples that belong to neither side (NaN for K = 3); and the dropped prompts.
    """
    if answers.is_empty():
        return Paired(pl.DataFrame(schema=PAIRED), pl.DataFrame(schema=DROPPED))
    k = leave_one_out.shape[1]
    drawn = np.random.Generator(np.random.Philox(seed)).random((len(answers) // k, k))
    parts = [
        _pair_some(
            answers.slice(start * k, CHUNK * k),
            leave_one_out[start * k : (start + CHUNK) * k],
            rules,
            drawn[start : start + CHUNK],
        )
        for start in range(0, len(drawn), CHUNK)
    ]
    return Paired(*(pl.concat(tables) for tables in zip(*parts, strict=True)))


def _pair_some(
    answers: pl.DataFrame, leave_one_out: Floats, rules: Pairing, drawn: Floats
) -> Paired:
    """Pair the answers to some of the prompts; ``drawn`` [P, K] decides random rejection."""
    a = _arrays(answers, leave_one_out, rules)
    finite = np.isfinite(a.uncertainty)
    fit = finite & ~np.any(list(a.unfit.values()), axis=0)
    middle = np.median(a.length, axis=1, keepdims=True)
    chosen = _first(fit, [a.uncertainty, a.u_value, np.abs(a.length - middle)], a.texts)
    rows = np.arange(len(chosen))
    u_chosen = a.uncertainty[rows, chosen]
    worse = finite & (a.uncertainty >= u_chosen[:, None])
    worse[rows, chosen] = False
    apart = np.abs(a.length - a.length[rows, chosen][:, None])
    cost = drawn if rules.rejected == "random" else _cost(a.uncertainty, rules.rejected)
    rejected = _first(worse, [cost, -a.u_value, apart], a.texts)
    delta = a.uncertainty[rows, rejected] - u_chosen
    replicates = a.leave_one_out[rows, rejected] - a.leave_one_out[rows, chosen]
    se = jackknife_se(replicates)
    reasons = _reasons(a, fit, worse, chosen, rejected, delta, se, rules)
    why = np.full(len(rows), "", dtype=object)
    value, limit = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for reason, (applies, figure, bound) in reversed(reasons.items()):  # the first one stays
        why[applies], value[applies], limit[applies] = reason.value, figure[applies], bound[applies]
    table = pl.DataFrame(
        {
            "prompt_id": a.prompt_ids,
            "chosen_id": chosen.astype(np.int32),
            "rejected_id": rejected.astype(np.int32),
            "delta_u": delta,
            "se_delta": se,
            "what": pl.repeat("pair", len(rows), eager=True),
            "why": pl.Series(why.tolist(), dtype=pl.String),
            "value": value,
            "limit": limit,
            "sample_id": pl.repeat(None, len(rows), dtype=pl.Int32, eager=True),
            "detail": pl.repeat(None, len(rows), dtype=pl.String, eager=True),
            "run": pl.repeat(None, len(rows), dtype=pl.Int32, eager=True),
        }
    )
    kept = pl.col("why") == ""
    return Paired(
        table.filter(kept).select(PAIRED.names()), table.filter(~kept).select(DROPPED.names())
    )


def _arrays(answers: pl.DataFrame, leave_one_out: Floats, rules: Pairing) -> _Answers:
    k = leave_one_out.shape[1]
    shape = (len(answers) // k, k)

    def column(name: str) -> NDArray[np.generic]:
        return answers[name].to_numpy().reshape(shape)

    u_value = np.asarray(column("u_value"), dtype=np.float64)
    truncated = (column("finish_reason") == "length") & (column("mode") == Mode.CHAT)
    refusal = column("refusal").astype(bool) & (column("axis") != Axis.HARMLESSNESS)
    dimensions = [np.asarray(column(f"c_{d}"), dtype=np.float64) for d in Dimension]
    return _Answers(
        prompt_ids=answers["prompt_id"].gather_every(k).to_list(),
        uncertainty=_rounded(np.asarray(column("uncertainty"), dtype=np.float64)),
        leave_one_out=leave_one_out.reshape(*shape, k),
        by_dimension=np.stack(dimensions, axis=-1),
        u_value=np.nan_to_num(_rounded(u_value), nan=np.inf),
        length=_lengths(answers).reshape(shape),
        texts=answers["text"],
        homogeneous=column("homogeneous").astype(bool)[:, 0],
        unfit={
            Why.VETOED: np.nan_to_num(u_value, nan=0.0) > rules.veto,
            Why.TRUNCATED: truncated,
            Why.REFUSAL: refusal,
        },
    )


def _lengths(answers: pl.DataFrame) -> Floats:
    """Return [N] the answers' own tokens, thoughts left out."""
    length = answer_tokens("n_tokens", pl.col("text"), pl.col("reasoning"))
    return answers.select(length.cast(pl.Float64)).to_series().to_numpy()


def _cost(uncertainty: Floats, rule: str) -> Floats:
    """Return [P, K]: the answer of least cost is rejected."""
    if rule == "auto":
        rule = "max" if uncertainty.shape[1] <= MAX_K_FOR_WORST else "mu_2_sigma"
    if rule == "max":
        return -uncertainty
    values = np.ma.masked_invalid(uncertainty)  # type: ignore[no-untyped-call]
    if rule == "median":
        target = np.ma.median(values, axis=1)  # type: ignore[no-untyped-call]
    else:
        target = values.mean(axis=1) + 2.0 * values.std(axis=1)
    return _rounded(np.abs(uncertainty - np.ma.filled(target, 0.0)[:, None]))


def _rounded(values: Floats) -> Floats:
    return np.asarray(np.round(values, _DECIMALS), dtype=np.float64)


def _first(candidates: Bools, keys: Sequence[Floats], texts: pl.Series) -> Ints:
    """Return [P] the candidate that is least by the keys in turn, then by content hash.

    0 where there is no candidate (such prompts are dropped by the reasons).
    """
    left = candidates.copy()
    for key in keys:
        least = np.where(left, key, np.inf).min(axis=1, keepdims=True)
        left &= key == least
    for row in np.flatnonzero(left.sum(axis=1) > 1):
        tied = np.flatnonzero(left[row])
        of_prompt = texts.slice(row * left.shape[1], left.shape[1])
        hashes = [hashlib.sha256(of_prompt[int(n)].encode()).digest() for n in tied]
        left[row] = False
        left[row, tied[hashes.index(min(hashes))]] = True
    first: Ints = left.argmax(axis=1)
    return first


_Reason: TypeAlias = tuple[Bools, Floats, Floats]  # [P] each: applies, the figure, its bound


def _reasons(
    a: _Answers,
    fit: Bools,
    worse: Bools,
    chosen: Ints,
    rejected: Ints,
    delta: Floats,
    se: Floats,
    rules: Pairing,
) -> dict[Why, _Reason]:
    """Return why each prompt would be dropped, in the order in which the reasons are tried."""
    rows = np.arange(len(chosen))
    none = np.full(len(rows), np.nan)
    scored = np.isfinite(a.uncertainty).sum(axis=1)
    best = np.where(np.isfinite(a.uncertainty), a.uncertainty, np.inf).argmin(axis=1)
    no_pair = ~(fit.any(axis=1) & worse.any(axis=1))
    reasons: dict[Why, _Reason] = {
        Why.UNSCORED: (scored < 2, scored.astype(np.float64), np.full(len(rows), 2.0))
    }
    # no answer is fit, or none is worse than the one that is: the best answer's fault
    for why, unfit in a.unfit.items():
        figure = a.u_value[rows, best] if why is Why.VETOED else none
        bound = np.full(len(rows), rules.veto) if why is Why.VETOED else none
        reasons[why] = (no_pair & unfit[rows, best], figure, bound)
    first = rows * a.uncertainty.shape[1]
    similarity = _similarity(a.texts.gather(first + chosen), a.texts.gather(first + rejected))
    reasons[Why.EQUAL_TEXTS] = (similarity >= 1.0, similarity, np.ones(len(rows)))
    near = np.full(len(rows), rules.near_equal)
    reasons[Why.NEAR_EQUAL_TEXTS] = (similarity >= near, similarity, near)
    floor = rules.noise_z * np.nan_to_num(se, nan=0.0)
    noise = (delta < floor) | ~(delta > 0)
    reasons[Why.HOMOGENEOUS] = (noise & a.homogeneous, delta, floor)
    reasons[Why.BELOW_NOISE] = (noise, delta, floor)
    gaps = a.by_dimension[rows, chosen] - a.by_dimension[rows, rejected]
    worst = np.nan_to_num(gaps, nan=-np.inf).max(axis=1)
    tolerance = np.full(len(rows), rules.tolerance)
    reasons[Why.WORSE_IN_DIMENSION] = (worst > tolerance, worst, tolerance)
    lengths = np.stack([a.length[rows, chosen], a.length[rows, rejected]])
    ratio = lengths.max(axis=0) / np.maximum(lengths.min(axis=0), 1.0)
    cap = np.full(len(rows), rules.length_ratio)
    reasons[Why.LENGTH_RATIO] = (ratio > cap, ratio, cap)
    return reasons


def _similarity(left: pl.Series, right: pl.Series) -> Floats:
    """Return [P] the normalised indel similarity of two texts, case and white space folded."""
    folded = [
        side.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars().to_list()
        for side in (left, right)
    ]
    scores = process.cpdist(folded[0], folded[1], scorer=fuzz.ratio, workers=-1)
    return np.asarray(scores, dtype=np.float64) / 100.0
