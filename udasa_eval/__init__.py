"""Evaluation on four axes: harmlessness, helpfulness, truthfulness, controlled sentiment.

This version holds the statistics of comparison.
"""

from __future__ import annotations

from udasa_eval.stats import Comparison, Interval, compare, mean_interval

__all__ = ["Comparison", "Interval", "compare", "mean_interval"]
__version__ = "0.1.0"
