"""The first pass: what the policy says, and whose answers it is compared with."""

from udasa_eval.answers.backend import (
    EngineLM,
    Weighed,
    Weights,
    choice_batch,
    device,
    free_memory,
    kl_precision,
)
from udasa_eval.answers.baselines import Baseline, find_baseline
from udasa_eval.answers.difficulties import find_difficulties
from udasa_eval.answers.generations import (
    SHARD,
    TURN_2,
    Asked,
    FirstPass,
    own_pairs,
    prompt_hash,
)
from udasa_eval.answers.texts import has_text

__all__ = [
    "SHARD",
    "TURN_2",
    "Asked",
    "Baseline",
    "EngineLM",
    "FirstPass",
    "Weighed",
    "Weights",
    "choice_batch",
    "device",
    "find_baseline",
    "find_difficulties",
    "free_memory",
    "has_text",
    "kl_precision",
    "own_pairs",
    "prompt_hash",
]
