"""Statistics of scores: intervals, paired comparison, rates, power. NaN is unscored throughout."""

from __future__ import annotations

from udasa_eval.stats.intervals import (
    SHARE,
    Interval,
    Range,
    by_cluster,
    mean_interval,
    standard_error,
)
from udasa_eval.stats.length_control import (
    Gamed,
    LengthControlled,
    length_adjusted,
    length_controlled,
    logit_interval,
)
from udasa_eval.stats.paired import Comparison, compare, holm
from udasa_eval.stats.power import minimum_detectable
from udasa_eval.stats.rates import mcnemar, wilson
from udasa_eval.stats.resampling import REPLICATES, Floats
from udasa_eval.stats.win_rates import TIE_WIDTH, sigmoid, win_rate

__all__ = [
    "REPLICATES",
    "SHARE",
    "TIE_WIDTH",
    "Comparison",
    "Floats",
    "Gamed",
    "Interval",
    "LengthControlled",
    "Range",
    "by_cluster",
    "compare",
    "holm",
    "length_adjusted",
    "length_controlled",
    "logit_interval",
    "mcnemar",
    "mean_interval",
    "minimum_detectable",
    "sigmoid",
    "standard_error",
    "wilson",
    "win_rate",
]
