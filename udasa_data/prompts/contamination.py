"""Contamination: which texts share a run of words with evaluation prompts."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Final

from udasa_data.languages import word_share, words

N_WORDS: Final = 8

_ROUNDING: Final = 1e-6


def text_sha256(*texts: str) -> str:
    """Return the sha256 (hex) of texts in a row; case and white space do not count.

    By it a training names its prompts, and an evaluation finds its own among them.
    """
    folded = " ".join(" ".join(text.lower().split()) for text in texts)
    return hashlib.sha256(folded.encode()).hexdigest()


def overlap(texts: Sequence[str], against: Sequence[str], n: int = N_WORDS) -> list[int | None]:
    """Return, for each text, the first of ``against`` that it overlaps with, None without one.

    Two texts overlap when they share ``n`` consecutive words, or, where one of them has fewer, when
    all their words are the same in the same order. Shared 8-grams are how Brown et al. (2020, app.
    C: 8 to 13 words) and PaLM (Chowdhery et al. 2022, §8: 8 words) detect contamination. Words are
    NFKC and case folded; in scripts without spaces, ``n`` words are as many characters as make
    about that many.

    Args:
        texts: to be checked.
        against: evaluation prompts.
        n: words of a run, at least 1.

    Returns:
        indices into ``against``, one a text; a text without words overlaps with nothing.
    """
    known: dict[tuple[str, ...], int] = {}
    for index, text in enumerate(against):
        for run in _runs(folded_words(text), n):
            known.setdefault(run, index)
    found: list[int | None] = []
    for text in texts:
        hits = [known[run] for run in _runs(folded_words(text), n) if run in known]
        found.append(min(hits, default=None))
    return found


def folded_words(text: str) -> list[str]:
    """Return the words of a text, NFKC and case folded."""
    return words(unicodedata.normalize("NFKC", text).casefold())


def _runs(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    """Return the shortest run of ``n`` words from each word on; of a shorter text, the whole."""
    shares = [word_share(token) for token in tokens]
    runs, end, held = [], 0, 0.0
    for start in range(len(tokens)):
        while end < len(tokens) and held < n - _ROUNDING:
            held += shares[end]
            end += 1
        if held < n - _ROUNDING:
            break
        runs.append(tuple(tokens[start:end]))
        held -= shares[start]
    return runs or ([tuple(tokens)] if tokens else [])
