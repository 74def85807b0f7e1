"""What must hold of a dataset's rows before and between the stages: else the run stops.

Each guard is a function that raises a UserError saying what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from udasa_data.errors import UserError
from udasa_data.prompts import question_of

from .config import Thresholds
from .data import Split

_FAULTS: Final = ("too_long", "collapsed", "not_a_prefix", "unlike_build", "control_tokens")


class Tokenised(msgspec.Struct, frozen=True):
    """How many rows of a stage came through tokenisation, and how many did not, and why."""

    rows: int
    too_long: int = 0  # the prompt alone fills max_length
    collapsed: int = 0  # chosen and rejected are the same tokens, cut at max_length
    not_a_prefix: int = 0  # the prompt's tokens do not begin both sides
    unlike_build: int = 0  # other tokens than the policy saw when it answered, or two BOS
    control_tokens: int = 0  # a text holds control tokens that cannot be read as text
    completion: int = 0  # texts to be continued, left out as configured
    truncated: int = 0  # kept, with an answer cut at max_length

    @property
    def set_aside(self) -> int:
        """Rows that are not trained on for a fault of theirs."""
        return sum(getattr(self, name) for name in _FAULTS)


def check_tokenised(counts: Tokenised, limits: Thresholds, where: str) -> None:
    """Stop when too many rows of a stage are lost or cut.

    Raises:
        UserError: a share is above its threshold, or no row is left.
    """
    faults = {name: getattr(counts, name) for name in _FAULTS if getattr(counts, name)}
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

    Prompts are compared by id, and by their messages, so that neither a renamed copy nor the same
    question with other evidence slips through.

    Raises:
        UserError: names one such prompt.
    """
    held_out = {
        key: split.name
        for split in splits
        for row in split.test.iter_rows(named=True)
        for key in keys(row)
    }
    for split in splits:
        check_unseen(split.train, held_out, split.name)


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
    """Return what a prompt is known by: its id, and its question, whatever its evidence."""
    question = question_of((turn["role"], turn["content"]) for turn in row["prompt"])
    return f"id:{row['prompt_id']}", f"question:{question}"


def check_moves(model: Any, rates: Mapping[str, float]) -> None:
    """Stop where most weights are too coarse to be moved by a step.

    Adam moves a weight by about the learning rate; where that is less than half the distance to
    the next number of its type, the weight stays where it is, step after step.

    Args:
        model: whose own weights are trained, in the type that they are trained in.
        rates: stage → its learning rate.

    Raises:
        UserError: less than half of the weights can move, in some stage.
    """
    import torch

    for name, rate in rates.items():
        moved = total = 0
        with torch.no_grad():
            for weight in model.parameters():
                moved += int(((weight + rate) != weight).sum())
                total += weight.numel()
        if moved < total / 2:
            raise UserError(
                f"weights: bfloat16 with all weights: at {name}'s learning_rate ({rate:g}) "
                f"{1 - moved / total:.0%} of the weights cannot move, each step is rounded away; "
                "leave weights at float32, or train adapters (lora: {})"
            )


def off_policy(built_with: str, policy: str) -> str | None:
    """Return a warning when the dataset's answers are another model's; None when they are not."""
    if not built_with or built_with == policy:
        return None
    return (
        f"off-policy: the answers were sampled from a model with fingerprint {built_with[:19]}…, "
        f"the policy's is {policy[:19]}…; DPO then trains on what this policy would not have said"
    )


def _short(digest: str | None) -> str:
    return "none" if digest is None else digest[:12]
