"""What is served is what was learnt: the base's type, the float32 master, and what is measured."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from small_dataset import save_dataset
from small_models import save_policy
from transformers import AutoModelForCausalLM, AutoTokenizer

from udasa_data.config import ModelRef
from udasa_data.errors import UserError
from udasa_data.storage import locate
from udasa_recipes.staged.config import parse_recipe
from udasa_recipes.staged.kept import kept_share, spread, warning
from udasa_recipes.staged.measures import load_model, pair_logps
from udasa_recipes.staged.merging import round_stochastically, round_weights
from udasa_recipes.staged.references import weights_sha256
from udasa_recipes.staged.report import matrix
from udasa_recipes.staged.run import StagedRun
from udasa_recipes.staged.serving import served_dtype
from udasa_recipes.supervised import Tuning
from udasa_recipes.supervised.tuning import fine_tune


def in_bfloat16(folder):
    """A small policy whose weights are saved in bfloat16, as published ones are."""
    save_policy(folder)
    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return in_bfloat16(tmp_path_factory.mktemp("base") / "policy")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return save_dataset(tmp_path_factory.mktemp("dataset"), train=8, test=4)


def trained(folder, base, place, **more):
    plain = {
        "policy": {"id": str(base)},
        "order": ["conservative", "moderate"],
        "training": {"learning_rate": 1e-3, "steps": 3, "batch": 4, "max_length": 200},
        "measures": {"prompts": 0},
        **more,
    }
    run = StagedRun(parse_recipe(plain, "here"), str(place), folder / "out", folder / "cache")
    return run.train_and_save(), run


def types(folder):
    return {weight.dtype for weight in load_file(folder / "model.safetensors").values()}


def sha256_of(folder):
    return weights_sha256(load_model((str(folder), {}), torch.float32))


def test_all_weights_are_served_in_the_bases_type_and_measured_so(tmp_path, base, place):
    record, run = trained(tmp_path, base, place)
    assert types(run.out) == types(run.folder(1) / "policy") == {torch.bfloat16}
    assert json.loads((run.out / "config.json").read_text())["dtype"] == "bfloat16"
    assert types(run.folder(2) / "master") == {torch.float32}
    assert not (run.out / "master").exists()
    first, second = record.stages
    # what is known of the policy is known of the file that is served
    assert second.policy_sha256 == sha256_of(run.out)
    pad = run.prepared.tokenizer.pad_token_id
    test = run.prepared.tests["moderate"]
    served = pair_logps(load_model((str(run.out), {}), torch.float32), test.encoded, pad)
    kept_rows = pl.read_parquet(run.out / "measures/2-moderate-pairs.parquet")
    told = kept_rows.filter(pl.col("split") == "moderate").select("chosen", "rejected").to_numpy()
    np.testing.assert_allclose(told, served, atol=1e-4)
    # training goes on from the master, which is the next stage's reference
    assert second.reference.sha256 == first.master_sha256 == sha256_of(run.folder(1) / "master")
    assert first.master_sha256 != first.policy_sha256
    assert second.first_step["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert 0.5 < first.measures.kept < 1.5
    assert first.measures.kept != 1
    assert record.start.kept is None
    assert record.served == "bfloat16"
    assert f"{first.measures.kept:.2f}" in matrix(record)
    assert "in the saved weights" in matrix(record)
    assert "weights of this repository (bfloat16)" in (run.out / "README.md").read_text()


def test_an_adapter_is_merged_into_the_bases_type(tmp_path, base, place):
    more = {"lora": {"rank": 4, "alpha": 8}, "order": ["moderate"]}
    record, run = trained(tmp_path, base, place, **more)
    assert types(run.out) == {torch.bfloat16}
    assert not (run.folder(1) / "master").exists()
    assert record.stages[0].master_sha256 is None
    assert 0.3 < record.stages[0].measures.kept < 1.7


def test_float32_on_request_keeps_all(tmp_path, base, place):
    record, run = trained(tmp_path, base, place, served="float32", order=["moderate"])
    assert types(run.out) == {torch.float32}
    assert record.stages[0].measures.kept == 1


def test_bfloat16_weights_that_no_step_moves_are_refused(tmp_path, base, place):
    slow = {"learning_rate": 5e-7, "steps": 1, "batch": 4, "max_length": 200}
    with pytest.raises(UserError, match=r"at moderate's learning_rate \(5e-07\) .*cannot move"):
        trained(tmp_path, base, place, weights="bfloat16", training=slow, order=["moderate"])
    assert not (tmp_path / "out/stages").exists()


def test_bfloat16_weights_that_move_are_trained(tmp_path, base, place):
    fast = {"learning_rate": 1e-2, "steps": 1, "batch": 4, "max_length": 200}
    record, run = trained(
        tmp_path, base, place, weights="bfloat16", training=fast, order=["moderate"]
    )
    assert types(run.out) == {torch.bfloat16}
    assert record.stages[0].measures.kept == 1  # there is no other


def test_a_supervised_policy_is_served_likewise(tmp_path, base):
    turns = [{"role": r, "content": c} for r, c in (("user", "Where?"), ("assistant", "Here."))]
    (tmp_path / "chats.jsonl").write_text("\n".join([json.dumps({"messages": turns})] * 8))
    tuning = Tuning(
        model=str(base), data=str(tmp_path / "chats.jsonl"), steps=2, learning_rate=1e-3,
        device_batch=4, accumulate=1,
    )  # fmt: skip
    fine_tune(tuning, tmp_path / "out")
    assert types(tmp_path / "out") == {torch.bfloat16}
    assert types(tmp_path / "out/master") == {torch.float32}
    told = json.loads((tmp_path / "out/tuning.json").read_text())
    assert (told["served"], told["steps"]) == ("bfloat16", 2)
    assert 0.3 < told["kept"] < 1.7
    AutoTokenizer.from_pretrained(tmp_path / "out")


def test_what_is_kept_is_a_slope():
    before = np.array([0.0, 0.0, -1.0])
    trained = np.array([2.0, -1.0, -1.0])  # learnt: 2, −1, 0
    served = np.array([1.0, 0.0, 5.0])  # left: 1, 0, 6; ⟨left, learnt⟩ = 2, ‖learnt‖² = 5
    assert kept_share(before, trained, served) == pytest.approx(2 / 5)
    assert np.isnan(kept_share(before, before, served))
    assert spread(range(1000), 3) == [0, 500, 999]
    assert spread([1, 2], 3) == [1, 2]
    assert spread([], 3) == []


def test_a_loss_is_told():
    assert warning(0.81) is None
    assert warning(None) is None
    assert warning(0.05).startswith("the saved weights keep 0.05 of")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_are_right_on_average(dtype):
    # of float16 3.3e-7 is below the normal numbers, whose grid there is 6e-8
    values = torch.tensor([0.0, -0.0, 1.001, -1.001, 3.3e-7, -3.3e-7, 1e-9]).repeat(20000, 1)
    found = round_stochastically(values, dtype, torch.Generator().manual_seed(0)).float()
    for column in range(values.shape[1]):
        ends = found[:, column].unique()
        step = float(ends[-1] - ends[0])
        value = float(values[0, column])
        assert ends[0] <= value <= ends[-1]
        # five standard errors of a draw between two neighbours
        assert abs(float(found[:, column].mean()) - value) <= 5 * 0.5 * step / 20000**0.5
    beyond = torch.tensor([1e38, -1e38]).to(torch.float32)
    assert torch.isfinite(round_stochastically(beyond, dtype, torch.Generator())).all()


def test_weights_on_the_grid_stay(base):
    model = load_model((str(base), {}), torch.float32)
    before = weights_sha256(model)
    rounded = round_weights(model, torch.bfloat16, 0)
    assert {weight.dtype for weight in rounded.parameters()} == {torch.bfloat16}
    assert weights_sha256(rounded.float()) == before


def test_the_type_that_is_asked_for(base):
    policy = locate(ModelRef(id=str(base)))
    assert served_dtype("auto", policy) == torch.bfloat16
    assert served_dtype("float16", policy) == torch.float16
