"""Texts longer than a scorer reads: split at sentences, each part scored, nothing cut.

Only a single sentence that is longer than the scorer reads is cut, by the batching core, which
counts it. A text in characters that the scorer's vocabulary lacks is not scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.languages import sentences
from udasa_data.scorers.batching import score_logits
from udasa_data.scorers.models import Loaded
from udasa_data.scorers.protocol import Floats, OnBatch, TextPair
from udasa_data.scorers.vocabulary import Size

Side: TypeAlias = Literal["first", "second"]


class Parts(NamedTuple):
    """The logits of every part, and which pair each belongs to.

    Attributes:
        logits: [M, classes], M ≥ N; NaN for a pair that the scorer cannot read.
        owner: [M] int, ascending, each of the N pairs at least once.
    """

    logits: Floats
    owner: NDArray[np.int64]

    def best(self, score: Floats) -> NDArray[np.int64]:
        """Return [N]: for each pair the row of its part with the highest ``score`` [M]."""
        order = np.lexsort((-score, self.owner))
        return np.asarray(order[np.unique(self.owner, return_index=True)[1]])

    def mean(self, values: Floats) -> Floats:
        """Return [N]: for each pair the mean of its parts' ``values`` [M]."""
        counts = np.bincount(self.owner)
        return np.asarray(np.bincount(self.owner, weights=values) / np.maximum(counts, 1))

    def largest(self, values: Floats) -> Floats:
        """Return [N]: for each pair the largest of its parts' ``values`` [M]."""
        return np.asarray(values[self.best(values)])


def score_in_parts(
    loaded: Loaded, pairs: Sequence[TextPair], side: Side, on_batch: OnBatch
) -> Parts:
    """Return the logits of each pair, in parts where it is longer than the scorer reads.

    Args:
        loaded: the classifier.
        pairs: N ordered pairs.
        side: the text that is split; the other is put to every part.
        on_batch: called with how many of the N are done with each batch.
    """
    sizes = _sizes(loaded, [text for pair in pairs for text in pair])
    parts, owner, readable = [], [], []
    for number, split in enumerate(_split(loaded, pairs, side, sizes)):
        parts += split
        owner += [number] * len(split)
        readable += [all(sizes[text].is_read for text in pairs[number])] * len(split)
    is_read = np.array(readable, dtype=bool)
    if unread := sum(not size.is_read for size in sizes.values()):
        loaded.options.on_unknown(loaded.name, unread)
    share = len(pairs) / max(len(parts), 1)
    logits = np.full((len(parts), loaded.model.config.num_labels), np.nan)
    read = [part for part, reads in zip(parts, readable, strict=True) if reads]
    logits[is_read] = score_logits(loaded, read, lambda rows: on_batch(rows * share))
    on_batch(float((~is_read).sum()) * share)
    return Parts(logits, np.array(owner, dtype=np.int64))


def _split(
    loaded: Loaded, pairs: Sequence[TextPair], side: Side, sizes: Mapping[str, Size]
) -> list[list[TextPair]]:
    """Return the parts of each pair."""
    limit = loaded.options.max_length
    extra = loaded.tokenizer.num_special_tokens_to_add(pair=any(pair.second for pair in pairs))
    known: dict[TextPair, list[TextPair]] = {}
    result = []
    for pair in pairs:
        if sizes[pair.first].tokens + sizes[pair.second].tokens + extra <= limit:
            result.append([pair])
            continue
        if pair not in known:
            other = pair.second if side == "first" else pair.first
            known[pair] = _parts(loaded, pair, side, limit - extra - sizes[other].tokens)
        result.append(known[pair])
    return result


def _parts(loaded: Loaded, pair: TextPair, side: Side, room: int) -> list[TextPair]:
    """Return the pair with its long text in parts of whole sentences, ``room`` tokens at most."""
    pieces = sentences(getattr(pair, side))
    sizes = _sizes(loaded, pieces)
    parts: list[TextPair] = []
    held: list[str] = []
    size = 0
    for sentence in pieces:
        if held and size + sizes[sentence].tokens > room:
            parts.append(pair._replace(**{side: " ".join(held)}))
            held, size = [], 0
        held.append(sentence)
        size += sizes[sentence].tokens + 1  # the space between may be a token of its own
    return [*parts, pair._replace(**{side: " ".join(held)})] if held else [pair]


def _sizes(loaded: Loaded, texts: Sequence[str]) -> dict[str, Size]:
    """Return how many tokens each distinct text is, and whether these are of it."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return {}
    return dict(zip(distinct, loaded.vocabulary.tokenise(distinct), strict=True))
