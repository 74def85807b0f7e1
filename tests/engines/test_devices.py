"""Which numbers a policy computes in."""

from types import SimpleNamespace

import pytest
import torch

from udasa_data.engines import devices


@pytest.mark.parametrize(
    ("stored", "native", "wanted"),
    [
        (torch.bfloat16, True, torch.bfloat16),
        ("float16", True, torch.bfloat16),
        (torch.bfloat16, False, torch.float32),
        (torch.float32, True, torch.float32),
        (None, True, torch.float32),
    ],
)
def test_a_processor_computes_in_what_it_multiplies_and_weights_hold(
    monkeypatch: pytest.MonkeyPatch, stored: object, native: bool, wanted: torch.dtype
) -> None:
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda: native)
    config = SimpleNamespace(dtype=stored)
    assert devices.policy_dtype(torch.device("cpu"), config) == wanted


def test_a_gpu_computes_in_bfloat16() -> None:
    config = SimpleNamespace(dtype=torch.float32)
    assert devices.policy_dtype(torch.device("cuda"), config) == torch.bfloat16
