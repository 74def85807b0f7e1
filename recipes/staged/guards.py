"""What must hold before, at the first step of, and between the stages: else the run stops.

Each guard is a function that raises a UserError saying what is wrong and what to do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from udasa_data.errors import UserError
from udasa_data.prompts import text_sha256
from udasa_data.runs import key_of

from .config import Loss, Thresholds
from .data import Split

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


class Tokenised(msgspec.Struct, frozen=True):
    """How many rows of a stage came through tokenisation, and how many did not, and why."""

    rows: int
    too_long: int = 0  # the prompt alone fills max_length
    collapsed: int = 0  # chosen and rejected are the same tokens, cut at max_length
    not_a_prefix: int = 0  # the prompt's tokens do not begin both sides
    unlike_build: int = 0  # other tokens than the policy saw when it answered, or two BOS
    completion: int = 0  # texts to be continued, left out as configured
    truncated: int = 0  # kept, with an answer cut at max_length

    @property
    def set_aside(self) -> int:
        """Rows that are not trained on for a fault of theirs."""
        return self.too_long + self.collapsed + self.not_a_prefix + self.unlike_build


def check_tokenised(counts: Tokenised, limits: Thresholds, where: str) -> None:
    """Stop when too many rows of a stage are lost or cut.

    Raises:
        UserError: a share is above its threshold, or no row is left.
    """
    faults = {
        name: getattr(counts, name)
        for name in ("too_long", "collapsed", "not_a_prefix", "unlike_build")
        if getattr(counts, name)
    }
    why = ", ".join(f"{n:,} {name}" for name, n in faults.items())
    considered = counts.rows - counts.completion
    if considered == counts.set_aside:
        raise UserError(f"{where}: no row is left to train on ({why or 'all left out'})")
    if counts.set_aside > limits.set_aside * considered:
        raise UserError(
            f"{where}: {counts.set_aside:,} of {considered:,} rows cannot be trained on ({why}), "
            f"more than thresholds.set_aside ({limits.set_aside:g}); raise max_length, leave out "
            "texts to be continued (completion_rows: drop), or raise the threshold"
        )
    if counts.truncated > limits.truncated * considered:
        raise UserError(
            f"{where}: {counts.truncated:,} of {considered:,} rows have an answer cut at "
            f"max_length, more than thresholds.truncated ({limits.truncated:g}); raise max_length"
        )


def check_template(built_with: str | None, policy: str | None, where: str) -> None:
    """Stop when the dataset was sampled under another chat template than the policy's.

    Raises:
        UserError: the hashes differ.
    """
    if built_with != policy:
        raise UserError(
            f"{where}: the answers were sampled under another chat template "
            f"({_short(built_with)}) than the policy's ({_short(policy)}); train the model that "
            "the dataset was built with, or build again with this one"
        )


def check_splits(splits: Sequence[Split]) -> None:
    """Stop when a prompt is trained on in one configuration and held out in another (or the same).

    Prompts are compared by id, and by their text, so that a renamed copy does not slip through.

    Raises:
        UserError: names one such prompt.
    """
    held_out = {
        key: one.name
        for one in splits
        for row in one.test.iter_rows(named=True)
        for key in keys(row)
    }
    for one in splits:
        check_unseen(one.train, held_out, one.name)


def check_unseen(train: pl.DataFrame, held_out: Mapping[str, str], where: str) -> None:
    """Stop when rows about to be trained on are held out.

    Args:
        train: rows with ``prompt`` and ``prompt_id``.
        held_out: key of a held-out prompt (see :func:`keys`) → the configuration it is in.
        where: what is being trained, for the message.

    Raises:
        UserError: names one such prompt.
    """
    for row in train.iter_rows(named=True):
        found = next((held_out[key] for key in keys(row) if key in held_out), None)
        if found is not None:
            raise UserError(
                f"{where}: prompt {row['prompt_id'][:12]} is trained on, and held out in "
                f"'{found}'; train and test must share no prompt: build the dataset again"
            )


def keys(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a prompt is known by: its id, and the hash of its normalised texts."""
    told = text_sha256(*(turn["content"] for turn in row["prompt"]))
    return f"id:{row['prompt_id']}", f"text:{told}"


def off_policy(built_with: str, policy: str) -> str | None:
    """Return a warning when the dataset's answers are another model's; None when they are not."""
    if not built_with or built_with == policy:
        return None
    return (
        f"off-policy: the answers were sampled from a model with fingerprint {built_with[:19]}…, "
        f"the policy's is {policy[:19]}…; DPO then trains on what this policy would not have said"
    )


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
    """
    if trainer.ref_model is not None:
        return weights_sha256(trainer.ref_model)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if not hasattr(model, "peft_config"):
        return weights_sha256(model)
    base = weights_sha256(model)
    if "ref" not in model.peft_config:
        return base
    return stacked_sha256(base, weights_sha256(model, "ref"))


def is_sharded(trainer: Any) -> bool:
    """Return whether no single process holds the reference's weights whole."""
    fsdp = bool(trainer.is_fsdp_enabled) and trainer.ref_model is not None
    return bool(trainer.is_deepspeed_enabled) or fsdp


def stacked_sha256(base: str, adapter: str) -> str:
    """Return the hash of a policy that is an adapter on base weights."""
    return key_of(base, adapter)


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


def _short(digest: str | None) -> str:
    return "none" if digest is None else digest[:12]
