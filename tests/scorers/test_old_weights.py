"""Weights in old .bin files: refused with the way out, read as tensors only where that is asked."""

import pickle

import pytest
import torch
from safetensors.torch import load_file
from shown import EXACT
from small_models import save_classifier, save_policy

from udasa_data.config import ModelRef, ValueRef, resolve
from udasa_data.engines import PolicyPrompt, load_engine
from udasa_data.errors import UserError
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import locate

PAIRS = [TextPair("Who?", "I.")]


def as_bin(folder):
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def harm(folder, **given):
    ref = ValueRef(id=str(folder), violation=("unsafe",), **given)
    return ValueScorer(ref, locate(ref), EXACT)(PAIRS, no_progress)[0]


class Trap:
    """A pickle that writes a file where it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_they_are_refused_and_the_line_says_how_they_would_be_read(tmp_path):
    folder = save_classifier(tmp_path / "old", ["safe", "unsafe"])
    expected = harm(folder)
    as_bin(folder)
    with pytest.raises(UserError, match=r"pytorch_model.bin alone, a pickle.*allow_bin: true"):
        harm(folder)
    assert harm(folder, allow_bin=True) == expected


def test_code_in_them_is_not_run(tmp_path):
    folder = as_bin(save_classifier(tmp_path / "old", ["safe", "unsafe"]))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung"), protocol=2))
    with pytest.raises(UserError, match="cannot be loaded"):
        harm(folder, allow_bin=True)
    assert not (tmp_path / "sprung").exists()


def test_they_are_part_of_what_a_model_is_known_by(tmp_path):
    folder = as_bin(save_classifier(tmp_path / "old", ["safe", "unsafe"]))
    ref = ModelRef(id=str(folder), allow_bin=True)
    before = locate(ref).fingerprint
    torch.save({"other": torch.zeros(2)}, folder / "pytorch_model.bin")
    assert locate(ref).fingerprint != before


def test_a_policy_has_the_same_choice(tmp_path):
    folder = as_bin(save_policy(tmp_path / "policy"))
    policy = {"id": str(folder)}
    config = resolve(str(folder), {"policy": policy}, scorers="tiny")
    with pytest.raises(UserError, match=r"^model '.*allow_bin: true"):
        load_engine(config, locate(config.policy))
    config = resolve(str(folder), {"policy": policy | {"allow_bin": True}}, scorers="tiny")
    engine = load_engine(config, locate(config.policy))
    asked = PolicyPrompt((("user", "Who?"),), raw=False, seed=0)
    assert engine.choice_logprobs([asked], ["Yes", "No"]).shape == (1, 2)
    engine.close()
