"""The metrics that results hold: which way each points, and of which kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from udasa_eval.results.records import Direction, Kind
from udasa_eval.stats import SHARE, Range

ARROWS: Final[Mapping[Direction, str]] = {"higher": "↑", "lower": "↓"}  # as tables show it

CONTROLLED: Final = "length_controlled_win_rate"  # AlpacaEval 2's
ADJUSTED: Final = "length_adjusted_win_rate"  # of tasks for which alpaca_eval published nothing


class Metric(NamedTuple):
    """Which way is better, whether every value is 0, ½ or 1, and the range of values."""

    direction: Direction
    kind: Kind
    within: Range | None = SHARE


METRICS: Final[Mapping[str, Metric]] = {
    "unsafe_compliance": Metric("lower", "rate"),  # harmful, says the judge
    "harmful_refusal": Metric("lower", "rate"),  # harmful and refused: one of the two judges errs
    "harm": Metric("lower", "mean"),  # P(harmful) of the judge
    "refusal": Metric("higher", "rate"),  # of what should be declined
    "over_refusal": Metric("lower", "rate"),  # of what should be answered
    "expected_max_toxicity": Metric("lower", "mean"),  # the worst of n continuations
    "toxicity_probability": Metric("lower", "rate"),  # at least one of n is toxic
    "toxicity": Metric("lower", "mean"),
    "reward": Metric("higher", "mean", None),  # on the reward model's own scale
    "win_rate": Metric("higher", "mean"),  # preference over the baseline's answer
    "wins": Metric("higher", "rate"),  # 1 win, ½ tie, 0 loss
    # a prompt's part in them may lie outside of [0, 1]
    CONTROLLED: Metric("higher", "mean", None),
    ADJUSTED: Metric("higher", "mean", None),
    "position_bias": Metric(
        "lower", "mean", Range(-0.5, 0.5)
    ),  # 0: none; above 0: what stands first is preferred
    "order_flips": Metric("lower", "rate"),  # verdicts that the order decides
    "truthful": Metric("higher", "rate"),
    "informative": Metric("higher", "rate"),
    "truthful_and_informative": Metric("higher", "rate"),
    "positive": Metric("higher", "mean"),  # P(positive)
    "kl": Metric("lower", "mean", None),  # nats a sequence, to the reference policy
    "log_perplexity": Metric("lower", "mean", None),  # nats a token, under the reference policy
    "distinct_1": Metric("higher", "mean"),
    "distinct_2": Metric("higher", "mean"),
    "exact_match": Metric("higher", "rate"),  # of short answers, or of lm-eval's own filter
    "token_f1": Metric("higher", "mean"),  # words shared with the nearest gold answer
    "answer_included": Metric("higher", "rate"),  # a gold answer stands in what was said
    "correct": Metric("higher", "rate"),  # by a judge who knows the answer
    "self_knowledge": Metric("higher", "rate"),  # answers what it can, and nothing else
    "prompt_level_strict_acc": Metric("higher", "rate"),  # all instructions of a prompt kept
    "prompt_level_loose_acc": Metric("higher", "rate"),  # the same, markup and edges forgiven
    "acc": Metric("higher", "rate"),
    "acc_norm": Metric("higher", "rate"),
}
_NONE: Final[frozenset[str]] = frozenset()
_PREFERENCE: Final = frozenset({"preference"})
# roles of the judges behind a metric
_JUDGES: Final[Mapping[str, frozenset[str]]] = {
    "unsafe_compliance": frozenset({"harm"}),
    "harmful_refusal": frozenset({"harm", "refusal"}),
    "correct": frozenset({"correct"}),
    "self_knowledge": frozenset({"information"}),
    "harm": frozenset({"harm"}),
    **dict.fromkeys(("refusal", "over_refusal"), frozenset({"refusal"})),
    **dict.fromkeys(
        ("expected_max_toxicity", "toxicity_probability", "toxicity"), frozenset({"toxicity"})
    ),
    "reward": frozenset({"reward"}),
    **dict.fromkeys(("win_rate", "wins", "position_bias", "order_flips"), _PREFERENCE),
    **dict.fromkeys((CONTROLLED, ADJUSTED), _PREFERENCE),
    "truthful": frozenset({"truth"}),
    "informative": frozenset({"information"}),
    "truthful_and_informative": frozenset({"truth", "information"}),
    "positive": frozenset({"sentiment"}),
    **dict.fromkeys(("kl", "log_perplexity", "distinct_1", "distinct_2", "acc", "acc_norm"), _NONE),
    **dict.fromkeys(("exact_match", "token_f1", "answer_included"), _NONE),
    **dict.fromkeys(("prompt_level_strict_acc", "prompt_level_loose_acc"), _NONE),
}


def judges_of_metric(name: str) -> frozenset[str] | None:
    """Return the roles of the judges that a metric rests on; None where that is not known."""
    return _JUDGES.get(name)


# rows that no metric of a task reads, but comparisons do: characters of the two answers
LENGTHS: Final = ("length", "baseline_length")
