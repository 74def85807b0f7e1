"""The fourth step, second half: calibrated answers → one pair a prompt, or the reason for none."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from udasa_data.config import Pairing
from udasa_data.pairing.fitness import UNFIT, with_fitness
from udasa_data.pairing.lengths import answer_tokens, length_ratio
from udasa_data.pairing.noise import Replicates, noise_range, pair_se, spread
from udasa_data.pairing.reliability import Fits, kinds_of, weights_of
from udasa_data.pairing.selection import cost_of, first_of, rounded
from udasa_data.schema import DROPPED, Dimension, Why

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

CHUNK: Final = 2**15  # prompts whose texts are in memory as Python strings at once

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
    by_sample: Floats  # [P, K, K]
    by_scorer: Floats  # [P, K, M]
    by_dimension: Floats  # [P, K, 3] calibrated; NaN where the dimension has no weight
    u_value: Floats  # raw
    length: Floats  # tokens of the answer
    texts: pl.Series  # [P · K]
    homogeneous: Bools  # [P]
    unfit: NDArray[np.object_]  # why an answer may not be chosen; "": it may
    may_be_rejected: Bools
    refusal: Bools
    all_refuse: Bools  # [P]
    unsure: Bools  # [P]


def make_pairs(
    answers: pl.DataFrame,
    replicates: Replicates,
    rules: Pairing,
    seed: int,
    fits: Fits,
) -> Paired:
    """Pair the most reliable answer to each prompt with a suboptimal one.

    Chosen is the answer of least uncertainty among those fit to be chosen, rejected is, of the
    answers no less uncertain than that and fit to be rejected, the one the rules name
    (:func:`~udasa_data.pairing.fitness.with_fitness` says which are fit), and not many times
    longer or shorter where another is not. Ties: lower ``u_value``
    (higher for rejected), then closer length (to the prompt's median; to chosen's), then content
    hash.

    Args:
        answers: N rows, K for each prompt, contiguous: scores and calibrated columns, with
            ``text, reasoning, n_tokens, finish_reason, axis, mode``.
        replicates: of the answers' uncertainties.
        rules: of pairing.
        seed: for ``rejected = "random"``.
        fits: by which the dimensions were combined: ``pairing.tolerance`` is of those that count.

    Returns:
        kept pairs with ``delta_u = u_rejected − u_chosen > 0`` and its jackknife standard error
        over the samples that belong to neither side and the value scorers; and the dropped
        prompts.
    """
    if answers.is_empty():
        return Paired(pl.DataFrame(schema=PAIRED), pl.DataFrame(schema=DROPPED))
    k = replicates.by_sample.shape[1]
    counts = weights_of(kinds_of(answers), fits) > 0
    calibrated = answers.select(f"c_{d}" for d in Dimension).to_numpy()
    by_dimension = np.where(counts, calibrated, np.nan).reshape(-1, k, len(Dimension))
    drawn = np.random.Generator(np.random.Philox(seed)).random((len(answers) // k, k))
    parts = [
        _pair_some(
            answers.slice(start * k, CHUNK * k),
            replicates.of_prompts(start, start + CHUNK),
            by_dimension[start : start + CHUNK],
            rules,
            drawn[start : start + CHUNK],
        )
        for start in range(0, len(drawn), CHUNK)
    ]
    return Paired(*(pl.concat(tables) for tables in zip(*parts, strict=True)))


def _pair_some(
    answers: pl.DataFrame,
    replicates: tuple[Floats, Floats],
    by_dimension: Floats,
    rules: Pairing,
    drawn: Floats,
) -> Paired:
    """Pair the answers to some of the prompts; ``drawn`` [P, K] decides random rejection."""
    a = _arrays(answers, replicates, by_dimension, rules)
    finite = np.isfinite(a.uncertainty)
    fit = finite & (a.unfit == "")
    middle = np.median(a.length, axis=1, keepdims=True)
    chosen = first_of(fit, [a.uncertainty, a.u_value, np.abs(a.length - middle)], a.texts)
    rows = np.arange(len(chosen))
    u_chosen = a.uncertainty[rows, chosen]
    worse = finite & a.may_be_rejected & (a.uncertainty >= u_chosen[:, None])
    worse[rows, chosen] = False
    of_chosen = a.length[rows, chosen][:, None]
    longer = length_ratio(a.length, of_chosen)
    # who refuses is short, who complies is long: that difference is what such a pair teaches
    contrast = a.refusal != a.refusal[rows, chosen][:, None]
    alike = worse & ((longer <= rules.length_ratio) | contrast)
    worse = np.where(alike.any(axis=1, keepdims=True), alike, worse)
    apart = np.abs(a.length - of_chosen)
    cost = drawn if rules.rejected == "random" else cost_of(a.uncertainty, rules.rejected)
    rejected = first_of(worse, [cost, -a.u_value, apart], a.texts)
    delta = a.uncertainty[rows, rejected] - u_chosen
    se = pair_se(a.by_sample, a.by_scorer, chosen, rejected)
    reasons = _reasons(a, fit, worse, chosen, rejected, delta, rules)
    table = _pairs_table(a.prompt_ids, (chosen, rejected), (delta, se), reasons)
    kept = pl.col("why") == ""
    return Paired(
        table.filter(kept).select(PAIRED.names()), table.filter(~kept).select(DROPPED.names())
    )


def _pairs_table(
    prompt_ids: list[str],
    sides: tuple[Ints, Ints],
    gap: tuple[Floats, Floats],
    reasons: dict[Why, _Reason],
) -> pl.DataFrame:
    """Return a row a prompt: its pair, and why it is left out, "" where it is not."""
    (chosen, rejected), (delta, se) = sides, gap
    n = len(chosen)
    why = np.full(n, "", dtype=object)
    value, limit = np.full(n, np.nan), np.full(n, np.nan)
    for reason, (applies, figure, bound) in reversed(reasons.items()):  # the first one stays
        why[applies], value[applies], limit[applies] = reason.value, figure[applies], bound[applies]
    return pl.DataFrame(
        {
            "prompt_id": prompt_ids,
            "chosen_id": chosen.astype(np.int32),
            "rejected_id": rejected.astype(np.int32),
            "delta_u": delta,
            "se_delta": se,
            "what": pl.repeat("pair", n, eager=True),
            "why": pl.Series(why.tolist(), dtype=pl.String),
            "value": value,
            "limit": limit,
            "sample_id": pl.repeat(None, n, dtype=pl.Int32, eager=True),
            "detail": pl.repeat(None, n, dtype=pl.String, eager=True),
            "run": pl.repeat(None, n, dtype=pl.Int32, eager=True),
        }
    )


def _arrays(
    answers: pl.DataFrame,
    replicates: tuple[Floats, Floats],
    by_dimension: Floats,
    rules: Pairing,
) -> _Answers:
    by_sample, by_scorer = replicates
    k = by_sample.shape[1]
    shape = (len(answers) // k, k)
    answers = with_fitness(answers, rules)

    def column(name: str) -> NDArray[np.generic]:
        return answers[name].to_numpy().reshape(shape)

    u_value = np.asarray(column("u_value"), dtype=np.float64)
    return _Answers(
        prompt_ids=answers["prompt_id"].gather_every(k).to_list(),
        uncertainty=rounded(np.asarray(column("uncertainty"), dtype=np.float64)),
        by_sample=by_sample,
        by_scorer=by_scorer,
        by_dimension=by_dimension,
        u_value=np.nan_to_num(rounded(u_value), nan=np.inf),
        length=_lengths(answers).reshape(shape),
        texts=answers["text"],
        homogeneous=column("homogeneous").astype(bool)[:, 0],
        unfit=answers["unfit"].fill_null("").to_numpy().reshape(shape),
        refusal=column("refusal").astype(bool),
        may_be_rejected=column("may_be_rejected").astype(bool),
        all_refuse=column("all_refuse").astype(bool)[:, 0],
        unsure=column("unsure").astype(bool)[:, 0],
    )


def _lengths(answers: pl.DataFrame) -> Floats:
    """Return [N] the answers' own tokens, thoughts left out."""
    length = answer_tokens("n_tokens", pl.col("text"), pl.col("reasoning"))
    return answers.select(length.cast(pl.Float64)).to_series().to_numpy()


_Reason: TypeAlias = tuple[Bools, Floats, Floats]  # [P] each: applies, the figure, its bound


def _reasons(
    a: _Answers,
    fit: Bools,
    worse: Bools,
    chosen: Ints,
    rejected: Ints,
    delta: Floats,
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
    reasons[Why.ALL_REFUSE] = (no_pair & a.all_refuse, none, none)
    reasons[Why.UNSURE_REFUSAL] = (no_pair & a.unsure, none, none)
    # no answer is fit, or none is worse than the one that is: the best answer's fault
    for why in UNFIT:
        figure = a.u_value[rows, best] if why is Why.VETOED else none
        bound = np.full(len(rows), rules.veto) if why is Why.VETOED else none
        reasons[why] = (no_pair & (a.unfit[rows, best] == why.value), figure, bound)
    first = rows * a.uncertainty.shape[1]
    similarity = _similarity(a.texts.gather(first + chosen), a.texts.gather(first + rejected))
    reasons[Why.EQUAL_TEXTS] = (similarity >= 1.0, similarity, np.ones(len(rows)))
    near = np.full(len(rows), rules.near_equal)
    reasons[Why.NEAR_EQUAL_TEXTS] = (similarity >= near, similarity, near)
    floor = rules.noise_z * noise_range(spread(a.by_sample, a.by_scorer), scored, rules.rejected)
    noise = (delta < floor) | ~(delta > 0)
    reasons[Why.HOMOGENEOUS] = (noise & a.homogeneous, delta, floor)
    reasons[Why.BELOW_NOISE] = (noise, delta, floor)
    gaps = a.by_dimension[rows, chosen] - a.by_dimension[rows, rejected]
    worst = np.nan_to_num(gaps, nan=-np.inf).max(axis=1)
    tolerance = np.full(len(rows), rules.tolerance)
    reasons[Why.WORSE_IN_DIMENSION] = (worst > tolerance, worst, tolerance)
    ratio = length_ratio(a.length[rows, chosen], a.length[rows, rejected])
    cap = np.full(len(rows), rules.length_ratio)
    contrast = a.refusal[rows, chosen] != a.refusal[rows, rejected]
    reasons[Why.LENGTH_RATIO] = (~contrast & (ratio > cap), ratio, cap)
    return reasons


def _similarity(left: pl.Series, right: pl.Series) -> Floats:
    """Return [P] the normalised indel similarity of two texts, case and white space folded."""
    folded = [
        side.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars().to_list()
        for side in (left, right)
    ]
    scores = process.cpdist(folded[0], folded[1], scorer=fuzz.ratio, workers=-1)
    return np.asarray(scores, dtype=np.float64) / 100.0
