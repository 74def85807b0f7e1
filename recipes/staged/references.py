"""The reference of a stage: known by the hash of its weights, and by the loss of the first step.

Each check is a function that raises a UserError saying what is wrong and what to do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from udasa_data.errors import UserError
from udasa_data.runs import key_of

from .stage import Stage
from .stage_options import Loss

_NOISES: Final = 4.0  # times what rounding makes

# A loss at a margin of 0, where it does not depend on the policy: β is the first argument.
_AT_ZERO: Final[Mapping[str, Any]] = {
    "sigmoid": lambda _: math.log(2),
    "sigmoid_norm": lambda _: math.log(2),
    "robust": lambda _: math.log(2),
    "aot": lambda _: math.log(2),
    "aot_unpaired": lambda _: math.log(2),
    "hinge": lambda _: 1.0,
    "ipo": lambda beta: 1 / (4 * beta**2),
    "nca_pair": lambda _: 2 * math.log(2),
    "bco_pair": lambda _: 2 * math.log(2),
    "sppo_hard": lambda beta: 1 / (2 * beta**2),
    "apo_zero": lambda _: 1.0,
    "apo_down": lambda _: 1.0,
}


def check_first_step(
    losses: Sequence[Loss], weights: Sequence[float], beta: float, logs: Mapping[str, float],
    tolerance: float,
) -> None:  # fmt: skip
    """Stop when a policy that equals its reference does not begin at a margin of 0.

    At π = π_ref every log-ratio is 0, so the DPO loss is −ln σ(0) = ln 2 (Rafailov et al. 2023,
    arXiv 2305.18290, eq. 7) and the implicit rewards are 0.

    Args:
        losses: of the stage.
        weights: of each loss.
        beta: of the stage.
        logs: of TRL's first step: ``loss`` and ``rewards/*``.
        tolerance: of the loss, and of the rewards in nats.

    Raises:
        UserError: the reference is not the policy that the stage began with.
    """
    reward = max(abs(logs[f"rewards/{side}"]) for side in ("chosen", "rejected"))
    known = [_AT_ZERO.get(name) for name in losses]
    if all(known):
        expected = sum(
            w * at_zero(beta) for at_zero, w in zip(known, weights, strict=True) if at_zero
        )
        wrong = abs(logs["loss"] - expected) > tolerance * max(1.0, expected)
        said = f"the loss of the first step is {logs['loss']:.4f} instead of {expected:.4f}"
    else:
        wrong, said = False, "the first step's rewards are not 0"
    if wrong or reward > tolerance:
        raise UserError(
            f"{said} (largest mean reward {reward:.4f}): the reference is not the policy that this "
            "stage began with, so the stage would be pulled elsewhere; delete the stage's folder "
            "and the reference cache, and start again"
        )


def check_first_pairs(rms: float, noise: float, floor: float) -> None:
    """Stop when the pairs of the first step are not where the reference is.

    Means can hide it: a policy that is off by as much upwards as downwards has a mean of 0.

    Args:
        rms: root mean square over answers of log π/π_ref before the first update, nats.
        noise: the same of two computations of one policy, in batches and alone.
        floor: what is let pass in any case.

    Raises:
        UserError: it is more than arithmetic explains.
    """
    if rms > max(floor, _NOISES * noise):
        raise UserError(
            f"before the first step the answers' log-probabilities differ from the reference's by "
            f"{rms:.3g} nats (root mean square), and rounding makes {noise:.2g}: the reference is "
            "not the policy that this stage began with; delete the stage's folder and the "
            "reference cache, and start again"
        )


def before_sharding(stage: Stage) -> str:
    """Return the hash of a stage's reference while this process still holds its weights whole.

    That is the reference that the trainer is given; else the policy as the stage begins.
    """
    if stage.reference is not None:
        return weights_sha256(stage.reference)
    base = weights_sha256(stage.model)
    continues = hasattr(stage.model, "peft_config")
    return stacked_sha256(base, weights_sha256(stage.model, "default")) if continues else base


def check_reference(expected: str, in_use: str, wanted: str) -> None:
    """Stop when the trainer's reference is not the configured one.

    Raises:
        UserError: the hashes of the weights differ.
    """
    if expected != in_use:
        raise UserError(
            f"reference: {wanted} has weights {expected[:12]}, but the trainer holds "
            f"{in_use[:12]} as its reference; nothing was trained"
        )


def reference_in_use(trainer: Any) -> str:
    """Return the hash of the weights that a DPOTrainer takes for its reference, before it trains.

    That is its ``ref_model``; else, for adapters, the base weights and the frozen ``ref`` adapter
    (none: the base alone); else the policy itself, whose log-probabilities are precomputed.
    Where that was hashed as the trainer was made (:func:`hashed_once`), it is not hashed again.
    """
    model = trainer.ref_model
    if model is None:
        model = trainer.accelerator.unwrap_model(trainer.model)
    if not hasattr(model, "peft_config"):
        return getattr(trainer, "reference_sha256", None) or weights_sha256(model)
    base = weights_sha256(model)
    if "ref" not in model.peft_config:
        return base
    return stacked_sha256(base, weights_sha256(model, "ref"))


def stacked_sha256(base: str, adapter: str) -> str:
    """Return the hash of a policy that is an adapter on base weights."""
    return key_of(base, adapter)


@contextmanager
def hashed_once() -> Iterator[None]:
    """Have a DPOTrainer that is made meanwhile know its reference by our hash, in one process.

    TRL names the file of precomputed log-probabilities by a hash of all weights, in float32. Every
    process computes it, and the main one's is then told to all.
    """
    from accelerate import PartialState
    from trl.trainer import dpo_trainer

    theirs: Any = dpo_trainer.hash_module
    is_main = PartialState().is_main_process
    dpo_trainer.hash_module = model_sha256 if is_main else _hashed_elsewhere
    try:
        yield
    finally:
        dpo_trainer.hash_module = theirs


def model_sha256(model: Any) -> str:
    """Return the hash of a model, its adapters included, if it has any."""
    base = weights_sha256(model)
    adapters = sorted(getattr(model, "peft_config", ()))
    return key_of(base, *(weights_sha256(model, name) for name in adapters)) if adapters else base


def _hashed_elsewhere(_model: Any) -> str:
    return ""


def weights_sha256(model: Any, adapter: str | None = None) -> str:
    """Return the sha256 (hex) of a model's weights: names, types and values.

    Args:
        model: a plain model, or one with adapters.
        adapter: of this adapter alone; None takes the weights below all adapters.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(_named(model, adapter)):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(_bytes()).numpy().data)
    return digest.hexdigest()


def _named(model: Any, adapter: str | None) -> Iterable[tuple[str, Any]]:
    for name, tensor in model.state_dict().items():
        parts = name.removeprefix("base_model.model.").split(".")
        of_adapter = any(part.startswith("lora_") for part in parts)
        if adapter is None and not of_adapter:
            yield ".".join(part for part in parts if part != "base_layer"), tensor
        elif of_adapter and adapter in parts:
            yield ".".join(part for part in parts if part != adapter), tensor


def _bytes() -> Any:
    import torch

    return torch.uint8
