"""What a number of prompts can show: minimum detectable differences."""

from __future__ import annotations

import math
from statistics import NormalDist


def minimum_detectable(sd: float, n: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest true mean difference that a two-sided test finds with chance ``power``.

    (z(1 − α/2) + z(power)) · sd/√n, the normal approximation (Miller 2024, arXiv 2411.00640).

    Args:
        sd: standard deviation of the per-prompt differences, ≥ 0.
        n: prompts.
        power: in (0, 1).
        alpha: level of the test.

    Returns:
        NaN where n is 0, or sd NaN or 0: prompts that all agree do not tell how others differ.
    """
    if n < 1 or sd == 0:
        return float("nan")
    normal = NormalDist()
    z = normal.inv_cdf(1.0 - alpha / 2.0) + normal.inv_cdf(power)
    return z * sd / math.sqrt(n)
