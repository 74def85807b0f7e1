"""The pairs that a teacher labels for the embedded NLI classifier, and what it says of them."""

import shutil

import numpy as np
import pytest
import torch
from small_models import save_classifier
from transformers import AutoTokenizer

from udasa_recipes.tiny import nli_teacher
from udasa_recipes.tiny.encoder import Plan
from udasa_recipes.tiny.nli_pairs import (
    Taught,
    Thesaurus,
    as_answers,
    drawn,
    neighbouring,
    related,
    reworded,
)
from udasa_recipes.tiny.nli_teacher import loss_of_labels, taught_pairs
from udasa_recipes.tiny.sources import NOT_ENTAILED, Labelled
from udasa_recipes.tiny.teacher import forget

LABELS = ["entailment", "neutral", "contradiction"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_label_of_two_classes_stands_for_either():
    logits = torch.tensor([[2.0, 0.5, -1.0], [0.0, 1.0, 0.0]])
    p = torch.softmax(logits, dim=-1)
    found = loss_of_labels(logits, torch.tensor([NOT_ENTAILED, 1]))
    expected = -(torch.log(p[0, 1] + p[0, 2]) + torch.log(p[1, 1])) / 2
    assert torch.isclose(found, expected)


def test_related_pairs_are_those_that_nobody_labelled():
    rows = [Labelled("p", "a", 0), Labelled("p", "b", 2), Labelled("q", "a", 1)]
    found = [(row.first, row.second) for row in related(rows)]
    assert sorted(found) == [("a", "b"), ("a", "p"), ("a", "q"), ("b", "a"), ("b", "p")]


class Words:
    """A vocabulary of whole words and one piece."""

    def get_vocab(self):
        return {"[CLS]": 0, "man": 1, "woman": 2, "red": 3, "blue": 4, "##ing": 5}


def test_words_are_replaced_by_their_neighbours(monkeypatch, rng):
    monkeypatch.setattr("udasa_recipes.tiny.nli_pairs.NEIGHBOURS", 1)
    embeddings = torch.tensor([[0, 0], [5, 0.1], [5, 0], [0.1, 5], [0, 5], [9, 9]])
    thesaurus = Thesaurus(Words(), embeddings)
    assert thesaurus.reword("A man, in red.", 1.0, rng) == "A woman in blue"
    assert thesaurus.reword("A man, in red.", 0.0, rng) == "A man, in red."
    first, second, *_ = reworded([Labelled("man", "red", 0)], thesaurus, rng)
    assert first.first == "man"  # every other one keeps its premise
    assert {second.first} <= {"man", "woman"}


def test_sentences_of_one_text_are_paired(rng):
    texts = ["The first sentence here. The second sentence here. Short.", "One sentence alone."]
    found = neighbouring(texts, 20, rng)
    assert {row.first for row in found} == {"The first sentence here.", "The second sentence here."}
    assert all(row.first != row.second for row in found)


def test_labelled_pairs_are_drawn_twice_as_often(rng):
    pairs = [Taught(str(n), "", (1.0, 0.0, 0.0)) for n in range(10)]
    found = [int(pair.first) for pair in drawn(pairs, 4, 28, rng)]
    assert np.bincount(found).tolist() == [4] * 4 + [2] * 6


def test_a_premise_among_others_keeps_what_is_said_of_its_pair(rng):
    p = (0.2, 0.3, 0.5)
    made = as_answers([Taught("premise.", "hypothesis.", p)] * 2000, ["Something else."], rng)
    kept = [row for row in made if "premise." in row.first]
    assert {row.p for row in kept} == {p}
    among = [row for row in kept if "Something else." in row.first]
    assert 0.12 < len(among) / 2000 < 0.18
    sure = [row for row in made if row.p == (1.0, 0.0, 0.0)]
    assert all("hypothesis." in row.first for row in sure)
    apart = [row for row in made if row.p == (0.0, 1.0, 0.0)]
    assert all("hypothesis." not in row.first for row in apart)
    assert len(sure) + len(apart) + len(kept) == 2000


@pytest.fixture
def teacher(tmp_path, monkeypatch):
    """An encoder that learns a few pairs in no time."""
    monkeypatch.setattr(nli_teacher, "PLAN", Plan(epochs=2, rate=1e-3, seed=0, batch=4))
    folder = save_classifier(tmp_path / "teacher", LABELS)
    AutoTokenizer.from_pretrained(folder)
    return folder


def test_a_teacher_labels_all_pairs_once(teacher, tmp_path):
    labelled = [Labelled(f"text {n}", "words", [0, 1, 2, NOT_ENTAILED][n % 4]) for n in range(12)]
    others = [Labelled("text", f"other {n}", 0) for n in range(3)]
    out = tmp_path / "nli"
    found = taught_pairs(str(teacher), labelled, others, out)
    assert [(row.first, row.second) for row in found] == [r[:2] for r in [*labelled, *others]]
    p = np.array([row.p for row in found])
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    own = p[:12][np.arange(12) % 4 < 3]
    assert (own[np.arange(9), np.arange(9) % 3] >= 0.5).all()  # a half for its own label
    assert (p[:12][np.arange(12) % 4 == 3, 0] == 0).all()  # not entailed

    shutil.rmtree(teacher)  # a second run asks nobody
    assert taught_pairs(str(teacher), labelled, others, out) == found
    with pytest.raises(OSError, match="teacher"):
        taught_pairs(str(teacher), labelled, others[:2], out)  # other pairs
    forget(out)
    assert not list(tmp_path.glob(".nli*"))
