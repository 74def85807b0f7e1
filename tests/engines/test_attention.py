"""One new token's attention on a CPU is that of PyTorch's ``sdpa``, with and without a mask."""

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from udasa_data.engines.attention import grouped

ROWS, HEADS, GROUPS, LENGTH, WIDTH = 3, 6, 2, 7, 8


class _Layer(torch.nn.Module):
    num_key_value_groups = HEADS // GROUPS
    is_causal = True


def _tensors(tokens):
    torch.manual_seed(0)
    query = torch.randn(ROWS, HEADS, tokens, WIDTH)
    key, value = torch.randn(2, ROWS, GROUPS, LENGTH, WIDTH)
    return query, key, value


def _masks(tokens):
    seen = torch.ones(ROWS, 1, tokens, LENGTH, dtype=torch.bool)
    seen[1, ..., :3] = False
    added = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    return {"none": None, "boolean": seen, "added": added}


@pytest.mark.parametrize("tokens", [1, 4])
@pytest.mark.parametrize("kind", ["none", "boolean", "added"])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_it_attends_as_sdpa_does(tokens, kind, scaling):
    inputs = (*_tensors(tokens), _masks(tokens)[kind])
    expected, _ = sdpa_attention_forward(_Layer(), *inputs, scaling=scaling)
    got, _ = grouped(_Layer(), *inputs, scaling=scaling)
    torch.testing.assert_close(got, expected)


def test_a_bias_of_positions_is_left_to_sdpa():
    bias = torch.randn(1, HEADS, 1, LENGTH)
    inputs = (*_tensors(1), None)
    expected, _ = sdpa_attention_forward(_Layer(), *inputs, position_bias=bias)
    got, _ = grouped(_Layer(), *inputs, position_bias=bias)
    torch.testing.assert_close(got, expected)
