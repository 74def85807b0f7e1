"""Pairs that a teacher labels for the embedded NLI classifier, and how premises become answers."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import torch

from .sources import Labelled

NEIGHBOURS: Final = 12  # words that may stand for a word
REWORDED: Final = (
    0.25  # share of a hypothesis's words that are replaced; of a premise's, half of it
)
VARIANTS: Final = 4  # of each pair


class Taught(NamedTuple):
    """A premise, a hypothesis and (p_entailment, p_neutral, p_contradiction)."""

    first: str
    second: str
    p: tuple[float, float, float]


def related(rows: list[Labelled]) -> list[Labelled]:
    """Return what nobody labelled: the pairs among a premise and its hypotheses, both ways."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row.first, [row.first]).append(row.second)
    known = {(row.first, row.second) for row in rows}
    pairs = (
        (first, second)
        for texts in groups.values()
        for first in dict.fromkeys(texts)
        for second in dict.fromkeys(texts)
        if first != second and (first, second) not in known
    )
    return [Labelled(first, second, 0) for first, second in pairs]


class Thesaurus:
    """Words of like use: neighbours among the word embeddings of an encoder.

    Data augmentation for distillation (Jiao et al. 2020, TinyBERT, arXiv 1909.10351, §4.2), with
    neighbours in place of a masked language model's proposals.

    Args:
        tokenizer: of the encoder.
        embeddings: [V, d] of its pieces.
    """

    def __init__(self, tokenizer: Any, embeddings: torch.Tensor) -> None:
        vocabulary = tokenizer.get_vocab()
        self.words = [w for w in sorted(vocabulary) if len(w) > 2 and w.isalpha()]
        rows = embeddings[[vocabulary[word] for word in self.words]].float()
        rows = torch.nn.functional.normalize(rows - rows.mean(dim=0), dim=1)
        near = (rows @ rows.T).fill_diagonal_(-1).topk(NEIGHBOURS, dim=1).indices
        self.place = {word: n for n, word in enumerate(self.words)}
        self.near = near.numpy()

    def reword(self, text: str, share: float, rng: np.random.Generator) -> str:
        """Return the text with a share of its known words replaced by neighbours."""
        words = text.split()
        for n, draw in enumerate(rng.random(len(words))):
            bare = words[n].strip(".,;:!?\"'()").lower()
            if draw < share and bare in self.place:
                at = self.near[self.place[bare], int(rng.integers(NEIGHBOURS))]
                words[n] = self.words[at]
        return " ".join(words)


def reworded(
    rows: list[Labelled], thesaurus: Thesaurus, rng: np.random.Generator
) -> list[Labelled]:
    """Return variants of each pair; every other one has a reworded premise too."""
    return [
        Labelled(
            thesaurus.reword(row.first, REWORDED / 2, rng) if variant % 2 else row.first,
            thesaurus.reword(row.second, REWORDED, rng),
            0,
        )
        for row in rows
        for variant in range(VARIANTS)
    ]


def neighbouring(texts: list[str], n: int, rng: np.random.Generator) -> list[Labelled]:
    """Return ``n`` pairs of sentences that stand in one text: what answers are made of."""
    said = [[s.strip() + "." for s in text.split(". ") if 15 < len(s) < 160] for text in texts]
    said = [sentences for sentences in said if len(sentences) > 1]
    found = []
    for number in rng.integers(len(said), size=n):
        premise, hypothesis = rng.choice(said[number], 2, replace=False)
        found.append(Labelled(str(premise), str(hypothesis), 0))
    return found


def drawn(pairs: list[Taught], labelled: int, size: int, rng: np.random.Generator) -> list[Taught]:
    """Return ``size`` pairs, pass after pass; the first ``labelled`` stand twice in each."""
    once = np.concatenate([np.arange(labelled), np.arange(len(pairs))])
    passes = [rng.permutation(once) for _ in range(-(-size // len(once)))]
    return [pairs[n] for n in np.concatenate(passes)[:size]]


def as_answers(rows: list[Taught], spare: list[str], rng: np.random.Generator) -> list[Taught]:
    """Make some premises look like whole answers, as they are in use.

    15% of the premises get one to three unrelated sentences around them, label kept; 5% of the
    rows become a sentence among others that entails itself, 5% one that stands alone, 3% an
    unrelated, neutral pair.
    """
    made = []
    for row, draw in zip(rows, rng.random(len(rows)), strict=True):
        if draw >= 0.28:
            made.append(row)
            continue
        around = [spare[n] for n in rng.integers(len(spare), size=int(rng.integers(1, 4)))]
        place = int(rng.integers(len(around) + 1))
        if draw < 0.20:
            said = row.first if draw < 0.15 else row.second
            premise = " ".join([*around[:place], said, *around[place:]])
            made.append(Taught(premise, row.second, row.p if draw < 0.15 else (1.0, 0.0, 0.0)))
        elif draw < 0.25:
            made.append(Taught(row.second, row.second, (1.0, 0.0, 0.0)))
        else:
            made.append(Taught(" ".join(around), row.second, (0.0, 1.0, 0.0)))
    return made
