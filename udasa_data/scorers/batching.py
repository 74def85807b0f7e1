"""The one batching core: texts → logits, each distinct text once, in batches of like length."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import torch

from udasa_data.errors import UserError
from udasa_data.scorers.models import Loaded
from udasa_data.scorers.protocol import Floats, OnBatch, TextPair

# Padded tokens in a batch. On a CPU a larger batch does not fit its caches
# (docs/decisions/scorers.md).
BATCH_TOKENS: Final = {"cuda": 16384, "cpu": 1024}
KEEP_EVERY: Final = 120.0  # seconds of scoring that a kill can cost


def score_logits(
    loaded: Loaded,
    pairs: Sequence[TextPair],
    on_batch: OnBatch,
    shortened: Container[TextPair] = (),
) -> Floats:
    """Return the logits of each pair.

    Each distinct pair is scored once, unless the cache knows it; batches hold pairs of like
    length, up to a token budget, longest first. A pair without a second text is scored as a
    single text.

    Args:
        loaded: the classifier.
        pairs: N ordered pairs.
        on_batch: called with how many of the N are done with each batch.
        shortened: pairs that were cut before, to be counted with those that are cut here.

    Returns:
        [N, n_classes] float64, in the order of ``pairs``.

    Raises:
        UserError: the model returns NaN or infinite logits, or has no memory for a single pair.
    """
    place = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
    distinct = list(place)
    rows = np.fromiter((place[pair] for pair in pairs), dtype=np.int64, count=len(pairs))
    multiplicity = np.bincount(rows, minlength=len(distinct))
    logits = np.empty((len(distinct), loaded.model.config.num_labels))
    missing, truncated = _recall(loaded, distinct, logits)
    if known := int(multiplicity.sum() - multiplicity[missing].sum()):
        on_batch(known)
    new = [distinct[row] for row in missing]
    encoded, cut = _encode(loaded, new)
    cut = [was or pair in shortened for was, pair in zip(cut, new, strict=True)]
    keeping = _Keeping(loaded, new, cut)
    for batch, found in _run(loaded, encoded):
        logits[missing[batch]] = found
        keeping.add(batch, found)
        on_batch(int(multiplicity[missing[batch]].sum()))
    keeping.write()
    if truncated := truncated + sum(cut):
        loaded.options.on_truncated(loaded.name, truncated)
    return np.asarray(logits[rows])


class _Keeping:
    """Writes logits into the cache every ``KEEP_EVERY`` seconds: what a kill can cost.

    Batches are made longest first and written in that order, so that those that a killed run did
    not write are made of the same pairs when it resumes: its scores are the same to the bit.
    """

    def __init__(self, loaded: Loaded, pairs: Sequence[TextPair], cut: Sequence[bool]) -> None:
        self._loaded, self._pairs, self._cut = loaded, pairs, cut
        self._rows: list[int] = []
        self._logits: list[Floats] = []
        self._written = time.monotonic()

    def add(self, batch: list[int], logits: Floats) -> None:
        """Take a batch that is done.

        Raises:
            UserError: it is not finite.
        """
        if not np.isfinite(logits).all():
            raise UserError(
                f"scorer '{self._loaded.name}' returned NaN or infinite logits; use another model"
            )
        self._rows += batch
        self._logits.append(logits)
        if time.monotonic() - self._written > KEEP_EVERY:
            self.write()

    def write(self) -> None:
        """Write what was added since the last time."""
        cache = self._loaded.options.cache
        if cache and self._rows:
            pairs = [self._pairs[row] for row in self._rows]
            cut = [self._cut[row] for row in self._rows]
            cache.put(self._loaded.space, pairs, np.concatenate(self._logits), cut)
        self._rows, self._logits, self._written = [], [], time.monotonic()


def softmax(logits: Floats) -> Floats:
    """Return [N, classes] probabilities of [N, classes] logits."""
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(exponents / exponents.sum(axis=-1, keepdims=True))


def _recall(
    loaded: Loaded, distinct: list[TextPair], logits: Floats
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """Fill in what the cache knows; return the rows it does not, and how many known were cut."""
    missing = np.ones(len(distinct), dtype=bool)
    if loaded.options.cache is None:
        return np.flatnonzero(missing), 0
    known = loaded.options.cache.get(loaded.space, distinct, logits.shape[1])
    for row, found in zip(known.rows, known.logits, strict=True):
        if np.isfinite(found).all():  # the cache may be damaged
            logits[row] = found
            missing[row] = False
    return np.flatnonzero(missing), known.truncated


def _encode(loaded: Loaded, pairs: list[TextPair]) -> tuple[dict[str, list[list[int]]], list[bool]]:
    """Return the ids of each pair, and whether it was cut to them."""
    limit = loaded.options.max_length
    if not pairs:
        return {"input_ids": []}, []
    if loaded.is_rendered:
        return _without_beginning(loaded, [pair.first for pair in pairs])
    single = not any(pair.second for pair in pairs)
    texts = [[pair.first for pair in pairs]]
    if not single:
        texts.append([pair.second for pair in pairs])
    found = loaded.tokenizer(*texts, truncation="longest_first", max_length=limit, verbose=False)
    if loaded.tokenizer.is_fast:
        return dict(found), [bool(encoding.overflowing) for encoding in found.encodings]
    return dict(found), [len(ids) == limit for ids in found["input_ids"]]


def _without_beginning(
    loaded: Loaded, texts: list[str]
) -> tuple[dict[str, list[list[int]]], list[bool]]:
    """Return the ids of rendered texts, the last ones of those too long, and which these are.

    A token that begins all texts (BOS) is kept, since a model without it is another.
    """
    limit = loaded.options.max_length
    whole = loaded.tokenizer(texts, add_special_tokens=False, verbose=False)
    cut = [len(ids) > limit for ids in whole["input_ids"]]
    bos = loaded.tokenizer.bos_token_id
    heads = [int(bos is not None and ids[:1] == [bos]) for ids in whole["input_ids"]]
    encoded = {
        name: [
            row[:head] + row[head - limit :] if is_cut else row
            for row, head, is_cut in zip(column, heads, cut, strict=True)
        ]
        for name, column in whole.items()
    }
    return encoded, cut


def _run(loaded: Loaded, encoded: dict[str, list[list[int]]]) -> Iterator[tuple[list[int], Floats]]:
    """Yield each batch's rows and logits.

    On a CPU each thread has a batch of its own: threads that share one wait for each other at
    every operation (1.25 times as fast on two cores; and no result depends on their number).
    """
    lengths = [len(ids) for ids in encoded["input_ids"]]
    batches = list(_batches(lengths, BATCH_TOKENS.get(loaded.device.type, BATCH_TOKENS["cpu"])))
    if loaded.device.type != "cpu":
        yield from _queued(loaded, encoded, batches)
        return
    threads = torch.get_num_threads()

    def forward(batch: list[int]) -> Floats:
        return _on_host(_forward(loaded, _padded(loaded, encoded, batch)))

    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from zip(batches, pool.map(forward, batches), strict=True)
    finally:
        torch.set_num_threads(threads)  # the setting of some libraries is one for all threads


def _queued(
    loaded: Loaded, encoded: dict[str, list[list[int]]], batches: list[list[int]]
) -> Iterator[tuple[list[int], Floats]]:
    """Yield each batch's rows and logits; the GPU always has the next batch before it is done.

    A thread pads, and a batch's logits are waited for when the batch after it has been started.
    """
    with ThreadPoolExecutor(1) as pool:
        padded = pool.map(lambda batch: _padded(loaded, encoded, batch), batches)
        started: tuple[list[int], torch.Tensor] | None = None
        for batch, inputs in zip(batches, padded, strict=True):
            logits = _forward(loaded, inputs)
            if started:
                yield started[0], _on_host(started[1])
            started = batch, logits
        if started:
            yield started[0], _on_host(started[1])


def _batches(lengths: list[int], budget: int) -> Iterator[list[int]]:
    """Yield row numbers in batches of at most ``budget`` padded tokens, longest first."""
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def _padded(loaded: Loaded, encoded: dict[str, list[list[int]]], batch: list[int]) -> Any:
    """Return some rows as one padded batch, in memory that a GPU reads by itself."""
    columns = {name: [column[row] for row in batch] for name, column in encoded.items()}
    cuda = loaded.device.type == "cuda"
    # tensor cores, and attention with a bias, want aligned rows, as long as these fit the window
    aligned = 8 if cuda and loaded.options.max_length % 8 == 0 else None
    inputs = loaded.tokenizer.pad(columns, pad_to_multiple_of=aligned, return_tensors="pt")
    if cuda:
        return {name: column.pin_memory() for name, column in inputs.items()}
    return dict(inputs)


def _on_host(logits: torch.Tensor) -> Floats:
    return np.asarray(logits.double().cpu().numpy())


@torch.inference_mode()
def _forward(loaded: Loaded, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits of a padded batch, on the device; one that does not fit is halved."""
    try:
        sent = {
            name: column.to(loaded.device, non_blocking=True) for name, column in inputs.items()
        }
        logits: torch.Tensor = loaded.model(**sent).logits
    except (torch.OutOfMemoryError, MemoryError) as error:
        rows, size = inputs["input_ids"].shape
        if rows == 1:
            raise UserError(
                f"scorer '{loaded.name}' has no memory for a text of {size} tokens; lower "
                "scoring.max_length or free memory"
            ) from error
    else:
        return logits
    if loaded.device.type == "cuda":
        torch.cuda.empty_cache()
    middle = rows // 2
    halves = (
        {name: column[part] for name, column in inputs.items()}
        for part in (slice(middle), slice(middle, None))
    )
    return torch.cat([_forward(loaded, half) for half in halves])
