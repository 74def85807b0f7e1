"""Statistics of scores: intervals, paired comparison, rates, power. NaN is unscored throughout."""

from __future__ import annotations

from udasa_eval.stats.intervals import Interval, by_cluster, mean_interval
from udasa_eval.stats.paired import Comparison, compare, holm
from udasa_eval.stats.power import minimum_detectable, prompts_needed
from udasa_eval.stats.rates import bonett_price, clopper_pearson, mcnemar, wilson

__all__ = [
    "Comparison",
    "Interval",
    "bonett_price",
    "by_cluster",
    "clopper_pearson",
    "compare",
    "holm",
    "mcnemar",
    "mean_interval",
    "minimum_detectable",
    "prompts_needed",
    "wilson",
]
