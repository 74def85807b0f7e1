"""TRL's DPO trainer, looked at pair by pair: float32 sums, the first step, P(chosen better)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch

from udasa_data.errors import UserError

from .curriculum import SurestFirst, by_p, loss_by_p
from .references import check_first_pairs
from .stage_options import StageOptions

if TYPE_CHECKING:
    from trl import DPOTrainer as _Base
else:  # TRL takes seconds to import
    _Base = object

P: Final = "p_chosen_better"


class FirstPairs(NamedTuple):
    """What the first micro-batch of a stage is held to.

    Attributes:
        at_zero: whether the policy begins as its reference.
        floor: root mean square, in nats, up to which nothing is said.
        note: called with the figures.
    """

    at_zero: bool
    floor: float
    note: Callable[[dict[str, float]], None]


class Seen:
    """Calls a model as TRL does, and keeps what it returned last."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.outputs: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the model's outputs."""
        self.outputs = self.model(*args, **kwargs)
        return self.outputs


class ByPairs(_Base):  # type: ignore[misc]
    """What is looked at, and changed, of TRL's ``DPOTrainer``; a class to be put before it."""

    first: FirstPairs | None = None
    options: StageOptions | None = None

    def create_accelerator_and_postprocess(self) -> None:
        """Make accelerate's objects, before any model is given to them."""
        super().create_accelerator_and_postprocess()
        float32_outputs(self.accelerator)

    def _prepare_dataset(self, dataset: Any, *how: Any) -> Any:
        if "prompt_ids" in dataset.column_names:  # rows that come as tokens stay so
            return dataset
        return super()._prepare_dataset(dataset, *how)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if P not in self._signature_columns:
            self._signature_columns.append(P)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.options is None or self.options.curriculum != "order":
            return super()._get_train_sampler(train_dataset)
        p = torch.tensor(self.train_dataset[P], dtype=torch.float64)
        return SurestFirst(p, self.options.pacing, self.args.data_seed)

    def compute_ref_log_probs(self, model: Any, inputs: Any) -> Any:
        """Return TRL's log-probabilities of the reference; in float32, or not at all."""
        plain = {key: value for key, value in inputs.items() if key != P}
        found = super().compute_ref_log_probs(model, plain)
        check_dtype(found[0])
        return found

    def _compute_loss(self, model: Any, inputs: Any, return_outputs: Any) -> Any:
        seen = Seen(model)
        p = inputs.pop(P, None)
        loss = super()._compute_loss(seen, inputs, return_outputs)
        check_dtype(seen.outputs.log_probs)
        if self.model.training and self.first is not None and not self.state.global_step:
            self._look_at_first(model, inputs, seen.outputs)
        if p is None or self.options is None or return_outputs or not by_p(self.options):
            return loss
        ratios = self._log_ratios(inputs, summed(seen.outputs, inputs))
        return loss_by_p(ratios, p, self.options)

    def _log_ratios(self, inputs: Any, logps: torch.Tensor) -> torch.Tensor:
        """Return log π/π_ref of chosen and rejected, [2, N], nats."""
        reference = torch.stack([inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]])
        return logps.reshape(2, -1) - reference.to(logps)

    def _look_at_first(self, model: Any, inputs: Any, outputs: Any) -> None:
        first, self.first = self.first, None
        if first is None or not first.at_zero or "ref_chosen_logps" not in inputs:
            return
        logps = summed(outputs, inputs).detach()
        ratios = self._log_ratios(inputs, logps).flatten()
        noise = logps - alone(model, inputs)
        ratios, noise = (self.accelerator.gather(found) for found in (ratios, noise))
        rms, by_noise = (float(found.square().mean().sqrt()) for found in (ratios, noise))
        first.note({"rms": rms, "noise": by_noise})
        check_first_pairs(rms, by_noise, first.floor)


def trainer_class() -> Any:
    """Return TRL's trainer as this recipe has it."""
    from trl import DPOTrainer

    return type("Trainer", (ByPairs, DPOTrainer), {})


def collator_of(pad: int, max_length: int) -> Callable[[Any], Any]:
    """Return TRL's collator, with P(chosen better) where rows have it."""
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    collate = DataCollatorForPreference(pad, max_length)

    def collated(rows: list[dict[str, Any]]) -> Any:
        batch = collate(rows)
        if P in rows[0]:
            batch[P] = torch.tensor([row[P] for row in rows], dtype=torch.float64)
        return batch

    return collated


def float32_outputs(accelerator: Any) -> None:
    """Have FSDP2 leave its outputs, and sum its gradients, in float32.

    accelerate sets both to the type of the products. Log-probabilities would be rounded to
    bfloat16, whose steps are half a nat to two nats at the size of an answer's.
    """
    plugin = getattr(accelerator.state, "fsdp_plugin", None)
    policy = getattr(plugin, "mixed_precision_policy", None)
    if plugin is None or policy is None or plugin.fsdp_version != 2:
        return
    from torch.distributed.fsdp import MixedPrecisionPolicy

    plugin.mixed_precision_policy = MixedPrecisionPolicy(
        param_dtype=policy.param_dtype, reduce_dtype=torch.float32, output_dtype=torch.float32
    )


def check_dtype(log_probs: torch.Tensor) -> None:
    """Stop where log-probabilities come in fewer bits than float32.

    Raises:
        UserError: names the type.
    """
    if log_probs.dtype != torch.float32:
        raise UserError(
            f"log-probabilities come as {log_probs.dtype}: their sums would be off by whole nats; "
            "launch with --launch fsdp2, or set the output type of your own configuration to "
            "float32"
        )


def summed(outputs: Any, inputs: Any) -> torch.Tensor:
    """Return Σ_t log π(y_t | x, y_<t), [2N], chosen first, nats."""
    width = inputs["completion_mask"].size(1) - 1
    total: torch.Tensor = outputs.log_probs[:, -width:].sum(dim=1)
    return total


@torch.no_grad()
def alone(model: Any, inputs: Any) -> torch.Tensor:
    """Return the same sums with each answer in a batch of its own, without padding, [2N]."""
    found = []
    for ids, mask, of_answer in zip(
        inputs["input_ids"], inputs["attention_mask"], inputs["completion_mask"], strict=True
    ):
        size = int(mask.sum())
        row = {"input_ids": ids[None, :size], "attention_mask": mask[None, :size]}
        labels = row["input_ids"].masked_fill(of_answer[None, :size] == 0, -100)
        outputs = model(**row, labels=labels, use_cache=False, fused_lm_head=True)
        found.append(outputs.log_probs.sum())
    return torch.stack(found)
