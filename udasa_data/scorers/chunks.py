"""Texts longer than a scorer reads: cut from the left of the conversation, or scored in parts.

A reward, and what a chat template renders, is scored whole. Other texts are split at sentences, and
each part is scored. What had to be cut is counted. A text in characters that the scorer's
vocabulary lacks is not scored, nor is a conversation that its chat template refuses.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from udasa_data.languages import sentences
from udasa_data.scorers.batching import score_logits
from udasa_data.scorers.conversations import rendered
from udasa_data.scorers.models import Loaded
from udasa_data.scorers.protocol import Floats, OnBatch, TextPair
from udasa_data.scorers.shortening import shorter_context, shorter_exchange
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
        side: the text that is split, premise or answer; the other is put to every part.
        on_batch: called with how many of the N are done with each batch.
    """
    sizes = _sizes(loaded, [text for pair in pairs for text in pair[:2]])
    room = _room(loaded, pairs)
    split, shortened = {}, set()
    for pair in dict.fromkeys(pairs):
        text = TextPair(pair.first, pair.second)
        if _fits(text, sizes, room):
            split[pair] = [text]
            continue
        cut = _cut(loaded, pair, side, room)
        split[pair] = _split(loaded, cut, side, room, sizes)
        if cut != text:
            shortened.add(split[pair][0])
    is_read = _read(loaded, pairs, sizes)
    return _score(loaded, [split[pair] for pair in pairs], is_read, shortened, on_batch)


def score_whole(loaded: Loaded, pairs: Sequence[TextPair], on_batch: OnBatch) -> Floats:
    """Return the logits of each (prompt, answer), or text alone, [N, classes]; never in parts.

    The conversation is rendered by the model's chat template, where it is shown that. What is too
    long loses the beginning of its conversation; NaN where it cannot be read.

    Args:
        loaded: the classifier.
        pairs: N of them; see ``conversations.exchange``.
        on_batch: called with how many of the N are done with each batch.
    """
    sizes = _sizes(loaded, [text for pair in pairs for text in pair[:2]])
    is_read = _read(loaded, pairs, sizes)
    if loaded.shown == "chat" and any(pair.second for pair in pairs):
        return _score_rendered(loaded, pairs, is_read, on_batch)
    room = _room(loaded, pairs)
    fed, shortened = {}, set()
    for pair in dict.fromkeys(pairs):
        fed[pair] = text = TextPair(pair.first, pair.second)
        if not _fits(text, sizes, room):
            fed[pair] = shorter_exchange(loaded.tokenizer, pair, room)
            shortened.add(fed[pair])
    return _score(loaded, [[fed[pair]] for pair in pairs], is_read, shortened, on_batch).logits


def _score_rendered(
    loaded: Loaded, pairs: Sequence[TextPair], is_read: list[bool], on_batch: OnBatch
) -> Floats:
    """Return the logits of each conversation as the model's chat template renders it."""
    loaded = loaded._replace(is_rendered=True, space=f"chat {loaded.space}")
    texts = {
        pair: rendered(loaded.tokenizer, pair, loaded.verdict) for pair in dict.fromkeys(pairs)
    }
    if refused := sum(text is None for text in texts.values()):
        loaded.options.on_refused(loaded.name, refused)
    shortened = _shorten_rendered(loaded, texts) if loaded.verdict else set()
    fed = [[TextPair(texts[pair] or "", "")] for pair in pairs]
    can = [reads and texts[pair] is not None for pair, reads in zip(pairs, is_read, strict=True)]
    return _score(loaded, fed, can, shortened, on_batch).logits


def _shorten_rendered(loaded: Loaded, texts: dict[TextPair, str | None]) -> set[TextPair]:
    """Cut conversations that a guard cannot read whole; return the texts that are left of them.

    A guard's template puts its policy before the conversation: cut from the left as rendered, a
    text would lose that. So the conversation is cut, as plain text, and rendered again.
    """
    frame = rendered(loaded.tokenizer, TextPair("", ""), loaded.verdict) or ""
    limit = loaded.options.max_length
    room = limit - len(loaded.tokenizer(frame, add_special_tokens=False)["input_ids"])
    shortened = set()
    for pair, text in texts.items():
        if text is None:
            continue
        size = len(loaded.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        if size > limit and room > 0:
            cut = shorter_exchange(loaded.tokenizer, pair, room)
            texts[pair] = rendered(loaded.tokenizer, cut, loaded.verdict)
            shortened.add(TextPair(texts[pair] or "", ""))
    return shortened


def _score(
    loaded: Loaded,
    split: Sequence[Sequence[TextPair]],
    is_read: Sequence[bool],
    shortened: Container[TextPair],
    on_batch: OnBatch,
) -> Parts:
    """Return the logits of the parts of each of N pairs, NaN for those that are not read."""
    parts = [part for some in split for part in some]
    counts = np.array([len(some) for some in split], dtype=np.int64)
    reads = np.repeat(np.array(is_read, dtype=bool), counts)
    share = len(split) / max(len(parts), 1)
    logits = np.full((len(parts), loaded.model.config.num_labels), np.nan)
    read = [part for part, reads_it in zip(parts, reads, strict=True) if reads_it]
    logits[reads] = score_logits(loaded, read, lambda rows: on_batch(rows * share), shortened)
    on_batch(float((~reads).sum()) * share)
    return Parts(logits, np.repeat(np.arange(len(split), dtype=np.int64), counts))


def _read(loaded: Loaded, pairs: Sequence[TextPair], sizes: Mapping[str, Size]) -> list[bool]:
    """Return which pairs the scorer's vocabulary can read, and have the texts counted it cannot."""
    if unread := sum(not size.is_read for size in sizes.values()):
        loaded.options.on_unknown(loaded.name, unread)
    return [sizes[pair.first].is_read and sizes[pair.second].is_read for pair in pairs]


def _room(loaded: Loaded, pairs: Sequence[TextPair]) -> int:
    """Return the tokens that a pair may have, special ones not counted."""
    extra = loaded.tokenizer.num_special_tokens_to_add(pair=any(pair.second for pair in pairs))
    return int(loaded.options.max_length - extra)


def _fits(pair: TextPair, sizes: Mapping[str, Size], room: int) -> bool:
    return sizes[pair.first].tokens + sizes[pair.second].tokens <= room


def _cut(loaded: Loaded, pair: TextPair, side: Side, room: int) -> TextPair:
    """Return a pair that is too long without the beginning of its conversation.

    An answer that is to be split leaves half of the window to its conversation.
    """
    if side == "second":
        return shorter_exchange(loaded.tokenizer, pair, room, least=room // 2)
    if pair.turns:
        return shorter_context(loaded.tokenizer, pair, room)
    return pair


def _split(
    loaded: Loaded,
    pair: TextPair,
    side: Side,
    room: int,
    known: Mapping[str, Size] = MappingProxyType({}),
) -> list[TextPair]:
    """Return the pair, one text in parts of whole sentences where both have not room enough.

    ``known`` has the sizes of the texts that are known: most of them were not cut.
    """
    new = [text for text in pair[:2] if text not in known]
    sizes = {text: known[text] for text in pair[:2] if text in known} | _sizes(loaded, new)
    if _fits(pair, sizes, room):
        return [pair]
    pieces = sentences(getattr(pair, side))
    room -= sizes[pair.second if side == "first" else pair.first].tokens
    sizes = _sizes(loaded, pieces)
    parts: list[str] = []
    held: list[str] = []
    size = 0
    for sentence in pieces:
        if held and size + sizes[sentence].tokens > room:
            parts.append(" ".join(held))
            held, size = [], 0
        held.append(sentence)
        size += sizes[sentence].tokens + 1  # the space between may be a token of its own
    parts += [" ".join(held)] if held else []
    if side == "first":
        return [TextPair(part, pair.second) for part in parts] or [pair]
    return [TextPair(pair.first, part) for part in parts] or [pair]


def _sizes(loaded: Loaded, texts: Sequence[str]) -> dict[str, Size]:
    """Return how many tokens each distinct text is, and whether these are of it."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return {}
    return dict(zip(distinct, loaded.vocabulary.tokenise(distinct), strict=True))
