"""A semantic estimator of your own: one close neighbour is enough."""

import numpy as np

from udasa_data.uncertainty import semantic
from udasa_data.uncertainty.semantic import Floats


def nearest(entail: Floats) -> Floats:
    """Return one minus each answer's mutual entailment with the answer nearest to it.

    u(i) = 1 − max_{j≠i} ½ [p_e(i→j) + p_e(j→i)]

    Args:
        entail: [..., K, K], ``entail[i, j]`` = probability that answer i entails answer j;
            K ≥ 2. The diagonal is not read.

    Returns:
        [..., K] in [0, 1], higher is more uncertain. NaN where an entry is NaN.
    """
    mutual = (entail + np.swapaxes(entail, -1, -2)) / 2
    k = entail.shape[-1]
    return np.asarray(1 - np.where(np.eye(k, dtype=bool), 0.0, mutual).max(axis=-1))


ANSWERS = ["Paris", "It is Paris.", "Lyon", "Lyon, I think"]
ENTAIL = np.array(
    [
        [1.0, 0.9, 0.0, 0.1],
        [0.9, 1.0, 0.0, 0.1],
        [0.0, 0.0, 1.0, 0.6],
        [0.1, 0.1, 0.8, 1.0],
    ]
)
for answer, near, degree in zip(ANSWERS, nearest(ENTAIL), semantic.degree(ENTAIL), strict=True):
    print(f"{answer:<14} nearest {near:.2f}  degree {degree:.2f}")
