import pytest
import torch
from peft import LoraConfig, get_peft_model
from rounding import rounding
from small_models import save_policy
from transformers import AutoModelForCausalLM

from udasa_recipes.staged.merging import merge, round_stochastically


def test_rounding_is_right_on_average():
    values = torch.tensor([0.0, 1.0, -1.0, 1.001, -1.001, 3.3e-5, -7.7, 1e20]).repeat(20000, 1)
    rounded = round_stochastically(values, torch.bfloat16, torch.Generator().manual_seed(0))
    assert rounded.dtype == torch.bfloat16
    found = rounded.float()
    exact = values.bfloat16().float() == values
    assert torch.equal(found[exact], values[exact])
    for column in range(values.shape[1]):
        value = values[0, column]
        ends = found[:, column].unique()
        assert len(ends) == (1 if exact[0, column] else 2)
        step = (ends[-1] - ends[0]).abs()
        assert ends[0] <= value <= ends[-1]
        # five standard errors of a draw between two neighbours
        assert (
            found[:, column].mean() - value
        ).abs() <= 5 * 0.5 * step / 20000**0.5 + 1e-6 * value.abs()


def test_float32_is_left_as_it_is():
    values = torch.randn(5)
    assert round_stochastically(values, torch.float32, torch.Generator()) is values


@pytest.fixture
def base(tmp_path):
    return save_policy(tmp_path / "policy")


def adapted(base, dtype, size):
    """A policy with an adapter that adds values of about a size."""
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    config = LoraConfig(r=4, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(plain, config)
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=(size / 2) ** 0.5)
    return model


def added(base, dtype, merged):
    """What was added to the weights of the linear layers."""
    below = AutoModelForCausalLM.from_pretrained(base, dtype=dtype).state_dict()
    names = [name for name in below if "proj" in name]
    return torch.cat([(merged[n].float() - below[n].float()).flatten() for n in names])


def test_bfloat16_keeps_small_changes_on_average(base):
    exact = added(
        base, torch.float32, merge(adapted(base, torch.float32, 1e-5), "default", 0).state_dict()
    )
    truth = adapted(base, torch.bfloat16, 1e-5)
    ours = added(base, torch.bfloat16, merge(truth, "default", 0).state_dict())
    nearest = adapted(base, torch.bfloat16, 1e-5).merge_and_unload()
    lost = added(base, torch.bfloat16, nearest.state_dict())
    share, left = (float((one * exact).sum() / exact.square().sum()) for one in (ours, lost))
    assert left < 0.6
    assert share == pytest.approx(1, abs=0.25)
    again = added(
        base, torch.bfloat16, merge(adapted(base, torch.bfloat16, 1e-5), "default", 0).state_dict()
    )
    assert torch.equal(again, ours)


def test_float32_weights_are_merged_as_peft_merges_them(base):
    ours = merge(adapted(base, torch.float32, 1e-2), "default", 0)
    theirs = adapted(base, torch.float32, 1e-2).merge_and_unload().state_dict()
    assert ours.state_dict().keys() == theirs.keys()
    for name, weight in ours.state_dict().items():
        allowed = rounding(
            4 + 1, weight.abs().max().item()
        )  # of the adapter's rank, and the weight
        torch.testing.assert_close(weight, theirs[name], rtol=0, atol=allowed)
    assert not any("lora" in name for name in ours.state_dict())
