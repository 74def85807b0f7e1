"""The training of the embedded models: killed and resumed it gives the same weights; cards."""

import itertools
import json

import numpy as np
import pytest
import torch
from small_models import save_classifier, save_policy
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from udasa_recipes.tiny import encoder, train_lm
from udasa_recipes.tiny.cards import Metric, measured_in, write_card
from udasa_recipes.tiny.checkpoint import Checkpoint
from udasa_recipes.tiny.encoder import Plan, encode, fit
from udasa_recipes.tiny.sources import Labelled

ROWS = [Labelled(f"text number {n} " * (1 + n % 3), f"answer {n}", n % 2) for n in range(40)]


class Killed(BaseException):
    """Stands for the power going off."""


def trained(folder, out, die_at=None):
    """The weights of a classifier after two epochs; with ``die_at`` it is killed once, resumed."""
    calls = itertools.count(1)

    def once(die):
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)

        def loss_of(batch):
            if die and next(calls) == die:
                raise Killed
            labels = torch.tensor([row.label for row in batch])
            inputs = encode(tokenizer, batch, 64)
            return torch.nn.functional.cross_entropy(model(**inputs).logits.float(), labels)

        plan = Plan(epochs=2, rate=1e-3, seed=3, batch=8)
        training = fit(model, ROWS, loss_of, plan, out, lambda row: len(row.first))
        return model.state_dict(), training

    if die_at:
        with pytest.raises(Killed):
            once(die_at)
    return once(None)


@pytest.mark.parametrize("die_at", [2, 5, 10])
def test_a_killed_training_gives_the_same_weights(tmp_path, monkeypatch, die_at):
    monkeypatch.setattr(encoder, "EVERY", 2)
    folder = save_classifier(tmp_path / "start", ["no", "yes"])
    whole, _ = trained(folder, tmp_path / "whole")
    resumed, training = trained(folder, tmp_path / "killed", die_at)
    assert training.checkpoint.file.is_file()
    for name, weight in whole.items():
        assert torch.equal(weight, resumed[name]), name
    assert [step for step, _ in training.facts["loss"]] == [2, 4, 6, 8, 10]


def test_a_killed_language_model_training_gives_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(train_lm, "EVERY", 2)
    folder = save_policy(tmp_path / "start")
    draws = np.random.default_rng(0)
    texts, talk = (
        [draws.integers(64, size=n, dtype=np.uint16) for n in draws.integers(5, 30, size=size)]
        for size in (12, 3)
    )
    mixture = train_lm.Mixture(texts, talk, chat_share=0.5, seed=1)

    def run(out, length=None):
        model = AutoModelForCausalLM.from_pretrained(folder)
        steppers = train_lm.optimizers(model)
        checkpoint = Checkpoint(out, {"seed": 0}, [model, *steppers])
        curve = train_lm.train(model, killed_after(mixture.batches(2, 16), length), 20, checkpoint)
        return model.state_dict(), curve

    whole, curve = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "cut", 13)
    resumed, same = run(tmp_path / "cut")
    assert curve == same
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def killed_after(batches, length):
    """The first ``length`` batches, then the power goes off; all of them without it."""
    yield from itertools.islice(batches, length)
    raise Killed


def test_an_epoch_holds_each_document_once_and_chats_beside_them():
    texts = [np.full(5, n, dtype=np.uint16) for n in range(10)]
    talk = [np.full(5, 100 + n, dtype=np.uint16) for n in range(3)]
    mixture = train_lm.Mixture(texts, talk, chat_share=0.5, seed=0)
    first, second = (mixture.blocks(epoch, 4) for epoch in (0, 1))
    assert first.shape == (25, 4)  # 10 documents and 10 chats of 5 tokens
    seen = np.bincount(first.ravel(), minlength=103)
    assert (seen[:10] == 5).all()
    assert sorted(seen[100:103].tolist()) == [15, 15, 20]
    assert (first != second).any()  # in another order


def test_a_checkpoint_of_other_settings_is_not_taken(tmp_path):
    model = torch.nn.Linear(2, 2)
    Checkpoint(tmp_path / "m", {"seed": 0}, [model]).save(5, [(5, 1.0)])
    assert Checkpoint(tmp_path / "m", {"seed": 0}, [model]).resume() == (5, [(5, 1.0)])
    assert Checkpoint(tmp_path / "m", {"seed": 1}, [model]).resume() == (0, [])


def test_a_card_tells_what_was_measured(tmp_path):
    folder = save_classifier(tmp_path / "udasa_data" / "tiny" / "harm", ["safe", "unsafe"])
    facts = {"steps": 10, "rows": 40, "epochs": 2, "seed": 0, "device": "cpu", "loss": [[10, 0.5]]}
    (folder / "training.json").write_text(json.dumps(facts))
    write_card(folder, [Metric("AUROC, somewhere", 0.87654, 0.85, 0.9, 1234, "≥ 0.85")])
    assert measured_in(folder) == {"AUROC, somewhere": 0.877}
    card = (folder / "README.md").read_text()
    assert "| AUROC, somewhere | 0.877 | [0.850, 0.900] | 1,234 | ≥ 0.85 |" in card
    assert "10 steps over 40 rows × 2 epochs, seed 0, on cpu." in card
    assert measured_in(tmp_path) == {}
