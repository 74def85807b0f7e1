"""Model cards of the embedded models, from what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from recipes.tiny.sources import LICENCES


class About(NamedTuple):
    """What a card says beside its numbers."""

    title: str
    what: str
    corpora: tuple[str, ...]
    command: str


_MINILM: Final = (
    "It starts from all-MiniLM-L6-v2 (Apache-2.0), its vocabulary pruned to 7,500 pieces"
)
CARDS: Final = {
    "lm": About(
        "language model",
        "A five-layer Llama, byte-level BPE of 8,192 pieces, with a chat template, trained from "
        "scratch for minutes. It babbles: its sentences are English, its facts are not facts.",
        ("imdb", "tinystories_sample", "dolly", "oasst_prompts", "hh_rlhf", "qa"),
        "train_lm",
    ),
    "nli": About(
        "natural-language inference",
        f"{_MINILM} and three of its six layers. The premise may be an answer of several "
        "sentences; the hypothesis is one sentence.",
        ("nli",),
        "train_nli",
    ),
    "harm": About(
        "value scorer: harm",
        "A two-layer encoder over (prompt, answer); its embeddings start from those of "
        "all-MiniLM-L6-v2 (Apache-2.0), projected. Classes: safe, unsafe.",
        (
            "diasafety",
            "jigsaw_sample",
            "harmful_prompts",
            "hh_rlhf",
            "dolly",
            "oasst_prompts",
            "qa",
        ),
        "train_classifiers harm",
    ),
    "preference": About(
        "value scorer: preference",
        "A two-layer reward model over (prompt, answer), one output, Bradley–Terry loss, centred; "
        "its embeddings start from those of all-MiniLM-L6-v2 (Apache-2.0), projected.",
        ("hh_rlhf",),
        "train_classifiers preference",
    ),
    "sentiment": About(
        "sentiment of a review",
        "A two-layer encoder trained on windows of 20 to 150 words; its embeddings start from "
        "those of all-MiniLM-L6-v2 (Apache-2.0), projected. Classes: negative, positive.",
        ("imdb",),
        "train_classifiers sentiment",
    ),
}


def write_card(folder: Path, metrics: list[tuple[str, str, str, str]]) -> None:
    """Write ``README.md`` beside a model's weights.

    Args:
        folder: of the model; its name picks the card.
        metrics: (name, value, 95% interval, n) as printed.
    """
    about = CARDS[folder.name]
    size = (folder / "model.safetensors").stat().st_size / 1e6
    rows = "\n".join(f"| {' | '.join(row)} |" for row in metrics)
    sources = "\n".join(f"- {LICENCES[name]}" for name in about.corpora)
    text = f"""---
license: apache-2.0
language: en
tags: [udasa, toy]
---

# UDASA embedded model: {about.title}

{about.what} First version; {size:.1f} MB, bfloat16, safetensors.

For demonstrations, tests and learning without a network. Not for any decision about people or
content, not for judging other models, and not a baseline: it is far below models of useful size.

## Measured

On data it was not trained on; written by `recipes/tiny/evaluate.py`.

| metric | value | 95% interval | n |
| --- | --- | --- | --- |
{rows}

## Trained on

{sources}

`python -m recipes.tiny.{about.command} --data-dir DATA --out {folder.as_posix()}` trains it again
(seed 0). Nothing non-commercial was used.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")
