"""The second step: prompts → samples, and what a server may charge for them."""

from udasa_data.sampling.shard import Keeping, Sampled, sample_shards, seed_of
from udasa_data.sampling.spending import Spending

__all__ = [
    "Keeping",
    "Sampled",
    "Spending",
    "sample_shards",
    "seed_of",
]
