"""Which numbers a policy computes in."""

import pytest
import torch
from transformers import LlamaConfig

from udasa_data.engines import devices


@pytest.mark.parametrize(
    ("stored", "width", "native", "wanted"),
    [
        (torch.bfloat16, 576, True, torch.bfloat16),
        ("float16", 4096, True, torch.bfloat16),
        (torch.bfloat16, 576, False, torch.float32),
        (torch.bfloat16, 256, True, torch.float32),
        (torch.float32, 576, True, torch.float32),
        (None, 576, True, torch.float32),
    ],
)
def test_a_processor_computes_in_what_it_multiplies_and_weights_hold(
    monkeypatch: pytest.MonkeyPatch,
    stored: object,
    width: int,
    native: bool,
    wanted: torch.dtype,
) -> None:
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda: native)
    config = LlamaConfig(dtype=stored, hidden_size=width)
    assert devices.policy_dtype(torch.device("cpu"), config) == wanted


def test_a_gpu_computes_in_bfloat16() -> None:
    config = LlamaConfig(dtype=torch.float32)
    assert devices.policy_dtype(torch.device("cuda"), config) == torch.bfloat16
