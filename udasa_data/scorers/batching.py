"""The one batching core: texts → logits, each distinct text once, in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import torch

from udasa_data.errors import UserError
from udasa_data.model_files import Located
from udasa_data.scorers import Floats, OnBatch, TextPair

BATCH_TOKENS: Final = 16384


class Loaded(NamedTuple):
    """A sequence classifier on its device."""

    model: Any
    tokenizer: Any
    device: torch.device
    max_length: int
    name: str


class Truncations(Protocol):
    """Told how many of a call's texts were cut to the model's length."""

    def __call__(self, scorer: str, n: int) -> None:
        """Take the count."""
        ...


def load_classifier(located: Located, max_length: int) -> Loaded:
    """Load a sequence classifier: safetensors only, no remote code, float32 on CPU, bf16 on GPU.

    Raises:
        UserError: the files do not hold a sequence classifier.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(located.load_from, **located.load_kwargs)
        model = AutoModelForSequenceClassification.from_pretrained(
            located.load_from, dtype=dtype, use_safetensors=True, **located.load_kwargs
        )
    except (OSError, ValueError, KeyError) as error:
        problem = str(error).strip().splitlines()[0]
        raise UserError(f"scorer '{located.name}' cannot be loaded: {problem}") from error
    window = getattr(model.config, "max_position_embeddings", max_length)
    limit = min(max_length, window, tokenizer.model_max_length)
    return Loaded(model.eval().to(device), tokenizer, device, limit, located.name)


def score_logits(
    loaded: Loaded, pairs: Sequence[TextPair], on_batch: OnBatch, on_truncated: Truncations
) -> Floats:
    """Return the logits of each pair.

    Each distinct pair is scored once; batches hold pairs of like length, up to a token budget,
    longest first. A pair without a second text is scored as a single text.

    Args:
        loaded: the classifier.
        pairs: N ordered pairs.
        on_batch: told how many of the N are done with each batch.
        on_truncated: told how many of the distinct pairs were longer than the model takes.

    Returns:
        [N, n_classes] float64, in the order of ``pairs``.

    Raises:
        UserError: the model returns NaN or infinite logits.
    """
    distinct = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
    multiplicity = np.zeros(len(distinct), dtype=np.int64)
    rows = np.fromiter((distinct[pair] for pair in pairs), dtype=np.int64, count=len(pairs))
    np.add.at(multiplicity, rows, 1)
    logits = np.empty((len(distinct), loaded.model.config.num_labels))
    encoded = _encode(loaded, list(distinct), on_truncated)
    with torch.inference_mode():
        for batch in _batches([len(ids) for ids in encoded["input_ids"]]):
            inputs = loaded.tokenizer.pad(
                {name: [column[i] for i in batch] for name, column in encoded.items()},
                return_tensors="pt",
            ).to(loaded.device)
            logits[batch] = loaded.model(**inputs).logits.double().cpu().numpy()
            on_batch(int(multiplicity[batch].sum()))
    if not np.isfinite(logits).all():
        raise UserError(
            f"scorer '{loaded.name}' returned NaN or infinite logits; use another model"
        )
    return np.asarray(logits[rows])


def _encode(
    loaded: Loaded, pairs: list[TextPair], on_truncated: Truncations
) -> dict[str, list[list[int]]]:
    if not pairs:
        return {"input_ids": []}
    single = not any(pair.second for pair in pairs)
    texts = [[pair.first for pair in pairs]]
    if not single:
        texts.append([pair.second for pair in pairs])
    encoded = loaded.tokenizer(
        *texts, truncation="longest_first", max_length=loaded.max_length, verbose=False
    )
    full = sum(len(ids) == loaded.max_length for ids in encoded["input_ids"])
    if full:
        on_truncated(loaded.name, full)
    return dict(encoded)


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """Yield row numbers in batches of at most ``BATCH_TOKENS`` padded tokens, longest first."""
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    start = 0
    while start < len(order):
        size = max(1, BATCH_TOKENS // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
