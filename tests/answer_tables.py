"""Tables of scored answers as pairing takes them, from a few numbers."""

import numpy as np
import polars as pl

from udasa_data.pairing.noise import Replicates

WORDS = [
    "amber",
    "basil",
    "cedar",
    "daisy",
    "ember",
    "fjord",
    "grove",
    "haven",
    "ivory",
    "jolly",
    "karma",
    "lemon",
]


def answers(uncertainty, **columns):
    """A table of answers: [P, K] uncertainties, other columns as [P, K] or one value."""
    u = np.asarray(uncertainty, dtype=float)
    p, k = u.shape
    defaults = {
        "u_value": 0.1,
        "c_semantic": u,
        "c_factual": u,
        "c_value": u,
        "n_tokens": 10,
        "text": np.array(
            [[f"{WORDS[i % 12]} {WORDS[j % 12] * 3} {i}{j}" for j in range(k)] for i in range(p)]
        ),
        "reasoning": "",
        "finish_reason": "stop",
        "axis": "helpfulness",
        "mode": "chat",
        "refusal": False,
        "evasive": False,
        "p_harmful": 0.0,
        "homogeneous": False,
        "run": 0,
        "context": "",
        "seed": 0,
        "mean_logprob": -1.0,
    }
    table = {
        name: np.broadcast_to(np.asarray(value), (p, k)).ravel().tolist()
        for name, value in {**defaults, **columns}.items()
    }
    table |= {
        "prompt_id": np.repeat([f"p{i}" for i in range(p)], k).tolist(),
        "sample_id": np.tile(np.arange(k), p).tolist(),
        "uncertainty": u.ravel().tolist(),
    }
    return pl.DataFrame(table)


def replicates(uncertainty, noise=0.0):
    """Leave-one-out uncertainties that differ from the full ones by ±noise."""
    u = np.asarray(uncertainty, dtype=float)
    p, k = u.shape
    sign = np.where(np.arange(k) % 2, 1.0, -1.0)
    result = (
        np.repeat(u.reshape(-1, 1), k, axis=1) + noise * sign * (np.arange(p * k) % k % 2)[:, None]
    )
    result[np.arange(p * k), np.tile(np.arange(k), p)] = np.nan
    return Replicates(result, np.empty((p * k, 0)))
