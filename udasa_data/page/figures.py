"""What the figures of a run's page are drawn from: small numbers only, counted here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from udasa_data.config import to_yaml
from udasa_data.pairing import MAX_K_FOR_WORST, answer_tokens, confound_rows, correlations
from udasa_data.runs import Finished, answers_were_given
from udasa_data.schema import Dimension, Stage, Why

Json: TypeAlias = dict[str, Any]
Floats: TypeAlias = NDArray[np.float64]

BINS: Final = 25
LENGTH_BINS: Final = 16
_KEYS: Final = ["run", "prompt_id"]

RULES: Final = {
    "max": "the most uncertain answer",
    "mu_2_sigma": "the answer nearest to two standard deviations above the mean",
    "median": "the answer nearest to the median",
    "random": "one of the more uncertain answers, drawn at random",
}
STATE_WORDS: Final = (
    "neither",
    "chosen",
    "rejected",
    "vetoed: value risk too high to be chosen",
    "truncated: cannot be chosen",
    "refuses what is not known to ask for harm: cannot be chosen",
    "complies with harm that another answer refuses: cannot be chosen",
    "evasive: says nothing of what was asked",
    "empty",
    "could not be scored",
)
WHY_WORDS: Final = {
    Why.TOO_LONG: "the prompt is longer than the policy reads",
    Why.CONTROL_TOKENS: "the prompt holds control tokens that cannot be read as text",
    Why.TOO_FEW_SAMPLES: "too few answers that are not empty",
    Why.UNSCORED: "too few answers could be scored",
    Why.ALL_REFUSE: "every answer refuses a prompt that asks for harm",
    Why.UNSURE_REFUSAL: "some answers refuse, and whether the prompt asks for harm is not sure",
    Why.VETOED: "the least uncertain answer carries too high a value risk, and no other fits",
    Why.TRUNCATED: "the least uncertain answer is cut off, and no other fits",
    Why.REFUSAL: "the least uncertain answer refuses a harmless prompt, and no other fits",
    Why.COMPLIANCE: "the least uncertain answer does the harm that is asked for, and no other fits",
    Why.EVASIVE: "the least uncertain answer says nothing of what was asked, and no other fits",
    Why.EQUAL_TEXTS: "both answers say the same",
    Why.NEAR_EQUAL_TEXTS: "both answers say nearly the same",
    Why.HOMOGENEOUS: "all answers mean the same, and the gap is within its noise",
    Why.BELOW_NOISE: "the gap is within its noise",
    Why.WORSE_IN_DIMENSION: "the chosen answer is much the worse in one dimension",
    Why.LENGTH_RATIO: "one answer is many times as long as the other",
    Why.REVIEWED: "people rejected the pair",
}
SORTS: Final = (
    ("p", "P(chosen better)"),
    ("delta", "gap Δu"),
    ("se", "noise of the gap"),
    *(
        (f"{letter}_{side}", f"{name}, {side}")
        for letter, name in (
            ("u", "uncertainty"),
            ("s", "semantic"),
            ("f", "factual"),
            ("v", "value"),
        )
        for side in ("chosen", "rejected")
    ),
    ("tokens_chosen", "length, chosen"),
    ("tokens_rejected", "length, rejected"),
)


def make_figures(finished: Finished) -> Json:
    """Return the facts that the page's figures are drawn from."""
    answers, pairs, counts = finished.answers, finished.pairs, finished.manifest.counts
    confounds = finished.manifest.confounds
    sided = _sided(answers, pairs)
    dropped = [(what, why, n) for what, whys in counts.dropped.items() for why, n in whys.items()]
    rule = finished.manifest.config.pairing.rejected
    if rule == "auto":
        rule = (
            "max" if finished.manifest.config.sampling.samples <= MAX_K_FOR_WORST else "mu_2_sigma"
        )
    return {
        "tiles": _tiles(finished),
        "gaps": _gaps(pairs),
        "thresholds": counts.thresholds,
        "stages": [_stage(str(stage), sided) for stage in Stage],
        "dimensions": _dimensions(answers, sided),
        "lengths": _lengths(sided),
        "correlations": dict(zip(("names", "rho"), correlations(confounds), strict=True)),
        "dropped": sorted(dropped, key=lambda row: -row[2]),
        "sorts": SORTS,
        "rules": {
            "rejected": rule,
            "rule_words": RULES,
            "why_words": WHY_WORDS,
            "state_words": STATE_WORDS,
        },
        "making": _making(finished),
        "config": to_yaml(finished.manifest.config),
    }


def _tiles(finished: Finished) -> list[tuple[str, str, str]]:
    counts = finished.manifest.counts
    share = f"{counts.pairs / counts.prompts:.0%} of the prompts" if counts.prompts else ""
    homogeneous = finished.manifest.confounds.homogeneous_share
    longer = finished.manifest.confounds.chosen_longer_share
    return [
        ("prompts", f"{counts.prompts:,}", ""),
        ("answers", f"{counts.samples:,}", ""),
        ("pairs", f"{counts.pairs:,}", share),
        (
            "all answers mean the same",
            "–" if homogeneous is None else f"{homogeneous:.0%}",
            f"of {counts.prompts:,} prompts",
        ),
        (
            "chosen is longer",
            "–" if longer is None else f"{longer:.0%}",
            f"of {counts.pairs:,} pairs",
        ),
    ]


def _making(finished: Finished) -> list[tuple[str, str]]:
    manifest, sampling = finished.manifest, finished.manifest.config.sampling
    rows = [("policy", _model(manifest.policy.id, manifest.policy.revision))]
    rows += [(f"scorer: {s.role}", _model(s.id, s.revision)) for s in manifest.scorers]
    drawn = (
        f"{sampling.samples} a prompt, temperature {sampling.temperature:g}, top-p "
        f"{sampling.top_p:g}, up to {sampling.max_tokens} tokens"
    )
    rows += [
        ("answers", "given; nothing was sampled" if answers_were_given(manifest) else drawn),
        ("held out", f"{manifest.held_out:.0%} of the prompts (split test)"),
        *confound_rows(manifest.confounds),
        *((f"version: {name}", text) for name, text in manifest.versions.items()),
    ]
    return rows


def _model(name: str, revision: str | None) -> str:
    return name if revision is None else f"{name} at {revision[:12]}"


def _gaps(pairs: pl.DataFrame) -> Json:
    """Return a histogram of how surely chosen is the better one, ½ to 1: [bins][stages]."""
    by_stage = [
        _histogram(2 * pairs.filter(pl.col("stage") == stage.value)["p_chosen_better"] - 1, 30, 1.0)
        for stage in Stage
    ]
    return {"bins": list(zip(*by_stage, strict=True)), "from": 0.5, "top": 1.0}


def _sided(answers: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs with the uncertainties and the length of both sides."""
    table = pairs.select(
        *_KEYS,
        *("stage", "p_chosen_better", "chosen_id", "rejected_id", "^uncertainty_.*$", "^u_.*$"),
    )
    length = answer_tokens("n_tokens", pl.col("text"), pl.col("reasoning"))
    for side in ("chosen", "rejected"):
        lengths = answers.select(
            *_KEYS,
            pl.col("sample_id").alias(f"{side}_id"),
            length.alias(f"tokens_{side}"),
        )
        table = table.join(lengths, on=[*_KEYS, f"{side}_id"], how="left")
    return table


def _stage(name: str, sided: pl.DataFrame) -> Json:
    rows = sided.filter(pl.col("stage") == name)

    def means(column: str) -> list[float | None]:
        return [_mean(rows[f"{column}_{side}"]) for side in ("chosen", "rejected")]

    return {
        "name": name,
        "pairs": len(rows),
        "low": rows["p_chosen_better"].min(),
        "high": rows["p_chosen_better"].max(),
        **{str(d): means(f"u_{d}") for d in Dimension},
        "tokens": means("tokens"),
    }


def _dimensions(answers: pl.DataFrame, sided: pl.DataFrame) -> list[tuple[str, Json]]:
    columns = [
        ("combined uncertainty", "uncertainty"),
        *((f"{d}, raw", f"u_{d}") for d in Dimension),
    ]
    return [
        (
            name,
            {
                "all": _histogram(answers[column]),
                "chosen": _histogram(sided[f"{column}_chosen"]),
                "rejected": _histogram(sided[f"{column}_rejected"]),
                "scored": int(answers[column].is_finite().sum()),
                "mean": _mean(answers[column]),
            },
        )
        for name, column in columns
    ]


def _lengths(sided: pl.DataFrame) -> Json:
    """Return a map of lengths, [chosen][rejected], in bins of equal width in the logarithm."""
    x, y = (sided[f"tokens_{side}"].to_numpy().astype(float) for side in ("chosen", "rejected"))
    both = np.concatenate([x, y])
    shortest, longest = max(1.0, both.min(initial=1e9)), both.max(initial=2.0)
    edges = np.unique(np.geomspace(shortest, longest + 1, LENGTH_BINS + 1).round().astype(int))
    counts, _, _ = np.histogram2d(x, y, bins=[edges, edges])
    return {"counts": counts.astype(int).tolist(), "edges": edges.tolist()}


def _histogram(values: pl.Series, bins: int = BINS, top: float = 1.0) -> Sequence[int]:
    """Return counts of the finite values in equal bins of [0, top]."""
    finite = values.filter(values.is_finite()).to_numpy()
    counts: list[int] = np.histogram(finite, bins=bins, range=(0.0, top))[0].tolist()
    return counts


def _mean(values: pl.Series) -> float | None:
    finite = values.filter(values.is_finite())
    return float(finite.cast(pl.Float64).to_numpy().mean()) if len(finite) else None
