"""Sentence embeddings of answers, for ``scoring.semantic: cosine``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from udasa_data.scorers.chunks import score_in_parts
from udasa_data.scorers.models import Options, load_embedder
from udasa_data.scorers.protocol import Floats, OnBatch, TextPair
from udasa_data.storage import Located


class Embedder:
    """The mean of a text encoder's token states (Reimers and Gurevych 2019, arXiv 1908.10084, §3).

    Of a text longer than the encoder reads, the parts' embeddings are averaged.

    Args:
        located: a sentence encoder that pools by the mean, as all-MiniLM, all-mpnet, e5 and gte do.
        options: how it is run.
    """

    def __init__(self, located: Located, options: Options) -> None:
        self._loaded = load_embedder(located, options)

    def __call__(self, texts: Sequence[str], on_batch: OnBatch) -> Floats:
        """Return the embedding of each text, [N, width]; NaN where it reads none of it."""
        pairs = [TextPair(text, "") for text in texts]
        parts = score_in_parts(self._loaded, pairs, "first", on_batch)
        _, starts, counts = np.unique(parts.owner, return_index=True, return_counts=True)
        if not len(starts):
            return parts.logits
        return np.asarray(np.add.reduceat(parts.logits, starts) / counts[:, None])
