"""In which numbers TRL makes a policy's products on this machine."""

import pytest
import torch
from transformers import LlamaConfig

from udasa_data.engines.devices import multiplies_bfloat16
from udasa_recipes.staged.launched import in_bfloat16, rounding

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="of a processor")


def test_a_wide_policy_is_multiplied_in_bfloat16_where_there_are_instructions_for_it():
    config = LlamaConfig(hidden_size=576)
    assert in_bfloat16(config) == multiplies_bfloat16()
    assert rounding(config) == f"cpu {'bf16' if multiplies_bfloat16() else 'no'} whole"


def test_a_narrow_policy_is_not():
    assert not in_bfloat16(LlamaConfig(hidden_size=256))
    assert rounding(LlamaConfig(hidden_size=256)) == "cpu no whole"
