"""Linear classifiers over hashed word n-grams: no torch, tenths of a millisecond a text."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

BUCKETS: Final = 2**16
READ: Final = 800  # characters: who refuses or evades does so at the beginning
LONGEST: Final = 3  # words of an n-gram
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_START: Final = "^"


class Features(NamedTuple):
    """The n-grams of a text: buckets [F], and how often each is there [F]."""

    buckets: NDArray[np.int64]
    counts: Floats


class Linear(NamedTuple):
    """A classifier of C classes.

    Attributes:
        idf: [BUCKETS]; 0 where nothing was learnt.
        weight: [BUCKETS, C].
        bias: [C].
        threshold: of the last class's probability, from which a text counts as that class.
    """

    idf: Floats
    weight: Floats
    bias: Floats
    threshold: float

    def probabilities(self, texts: Sequence[Features]) -> Floats:
        """Return [N, C], rows of sum 1."""
        logits = np.empty((len(texts), len(self.bias)))
        for n, found in enumerate(texts):
            logits[n] = weighted(found, self.idf) @ self.weight[found.buckets] + self.bias
        logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
        odds = np.exp(logits)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def words_of(text: str, read: int = READ) -> list[str]:
    """Return the words of a text's first ``read`` characters, in lower case."""
    return _WORD.findall(text[:read].lower().replace("’", "'"))


def features(
    text: str, marks: Iterable[str] = (), read: int = READ, longest: int = LONGEST
) -> Features:
    """Return the hashed n-grams of a text's beginning, and ``marks``, hashed along.

    Args:
        text: whose n-grams.
        marks: further features, each once.
        read: characters of the text.
        longest: words of an n-gram, from 1.
    """
    words = [_START, *words_of(text, read)]
    grams: Counter[int] = Counter(map(_bucket, marks))
    for size in range(1, longest + 1):
        for first in range(len(words) - size + 1):
            grams[_bucket(" ".join(words[first : first + size]))] += 1
    buckets = np.array(sorted(grams), dtype=np.int64)
    return Features(buckets, np.array([grams[n] for n in buckets.tolist()], dtype=np.float64))


def _bucket(gram: str) -> int:
    return zlib.crc32(gram.encode()) % BUCKETS


def weighted(found: Features, idf: Floats) -> Floats:
    """Return [F] the n-grams' weights: (1 + ln count) · idf, of length 1."""
    values = (1.0 + np.log(found.counts)) * idf[found.buckets]
    norm = float(np.sqrt((values**2).sum()))
    return values / norm if norm else values


def load_linear(name: str) -> Linear:
    """Load the embedded classifier ``udasa_data/tiny/NAME``."""
    return read_linear(str(files("udasa_data.tiny").joinpath(name)))


@cache
def read_linear(folder: str) -> Linear:
    """Read a classifier from its folder."""
    from safetensors import safe_open

    with safe_open(str(Path(folder) / "model.safetensors"), "np") as file:
        tensors, threshold = ("idf", "weight", "bias"), float(file.metadata()["threshold"])
        idf, weight, bias = (np.asarray(file.get_tensor(n), dtype=np.float64) for n in tensors)
    return Linear(idf, weight, bias, threshold)
