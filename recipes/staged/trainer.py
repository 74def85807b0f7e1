"""One stage, one DPOTrainer, as TRL has it: what is passed to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import torch
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from udasa_data.errors import UserError, first_line

from .callbacks import FirstStep, MarkComplete
from .config import Recipe
from .curves import Speed
from .launched import floor_of, in_bfloat16
from .pair_trainer import FirstPairs, collator_of, trainer_class
from .references import hashed_once
from .stage import Stage
from .stage_options import StageOptions


def make_trainer(
    stage: Stage, recipe: Recipe, tokenizer: Any, note: Callable[[dict[str, float]], None]
) -> Any:
    """Return TRL's trainer of a stage; reference log-probabilities are computed, or found.

    Args:
        stage: what is trained.
        recipe: of the run.
        tokenizer: of the policy.
        note: called with the loss and rewards of the first step.
    """
    # the collator cuts; with a max_length of its own TRL would first filter rows by a function
    # whose hash takes in the output folder, and find no cached log-probabilities of another run
    collator = collator_of(tokenizer.pad_token_id, stage.options.max_length)
    first = FirstStep(stage, recipe, note)
    callbacks: list[TrainerCallback] = [Speed(), MarkComplete(), first]
    if recipe.stop.patience:
        callbacks.append(EarlyStoppingCallback(recipe.stop.patience))
    one_line = one_line_for_memory(recipe, stage.options), one_line_for_trl(stage.name)
    with one_line[0], one_line[1], hashed_once():
        trainer = trainer_class()(
            model=stage.model,
            ref_model=stage.reference,
            args=arguments(stage, recipe),
            data_collator=collator,
            train_dataset=stage.rows,
            eval_dataset=stage.held_out,
            processing_class=tokenizer,
            peft_config=stage.peft_config,
            callbacks=callbacks,
        )
    trainer.remove_callback(PrinterCallback)  # FirstStep prints
    trainer.options = stage.options
    trainer.reference_sha256 = trainer._precompute_model_hash  # noqa: SLF001 (by hashed_once)
    tailed = stage.options.trl.ld_alpha is not None  # its reference counts tails otherwise
    floor = floor_of(recipe, trainer.args.mixed_precision)
    trainer.first = FirstPairs(stage.at_zero and not tailed, floor, note)
    return trainer


def arguments(stage: Stage, recipe: Recipe) -> Any:
    """Return TRL's own configuration of a stage; nothing is left to a default that matters."""
    from accelerate import PartialState
    from trl import DPOConfig

    options, gpu = stage.options, torch.cuda.is_available()
    shares = share_batch(stage, recipe, PartialState().num_processes)
    steps = planned_steps(options, len(stage.rows), shares.batch)
    smoothing = 0.0 if options.label_smoothing == "by_p" else options.label_smoothing
    # transformers' constant schedule knows no warm-up
    warms = options.schedule == "constant" and options.warmup
    return DPOConfig(
        output_dir=str(stage.folder / "checkpoints"),
        beta=options.beta,
        loss_type=list(options.loss),
        loss_weights=list(options.loss_weights) if options.loss_weights else None,
        label_smoothing=smoothing,
        max_length=None,
        learning_rate=options.learning_rate,
        lr_scheduler_type="constant_with_warmup" if warms else options.schedule,
        warmup_steps=math.ceil(options.warmup * steps),
        max_steps=steps,
        per_device_train_batch_size=shares.micro,
        per_device_eval_batch_size=shares.micro,
        precompute_ref_batch_size=shares.micro,
        gradient_accumulation_steps=shares.accumulate,
        max_grad_norm=options.max_grad_norm,
        weight_decay=options.weight_decay,
        precompute_ref_log_probs=recipe.precompute,
        gradient_checkpointing=recipe.gradient_checkpointing,
        bf16=in_bfloat16(stage.model.config),
        use_cpu=not gpu,
        seed=recipe.seed + stage.number,
        data_seed=recipe.seed + stage.number,
        logging_first_step=True,
        logging_steps=1,
        disable_tqdm=True,
        report_to=list(recipe.report_to) or "none",
        run_name=f"{stage.folder.parents[1].name} {stage.name}",
        dataloader_pin_memory=gpu,
        **msgspec.structs.asdict(options.trl),
        **_saving(recipe),
    )


def _saving(recipe: Recipe) -> dict[str, Any]:
    """Return when checkpoints are saved; with ``stop.patience``, the stage's best one is kept."""
    saving: dict[str, Any] = {"save_strategy": "steps"}
    if recipe.stop.patience is None:
        return saving | {"save_steps": recipe.save_every, "eval_strategy": "no"}
    every = recipe.stop.every
    watching = {"eval_strategy": "steps", "load_best_model_at_end": True}
    metric = {"metric_for_best_model": "eval_loss"}
    return saving | {"save_steps": every, "eval_steps": every} | watching | metric


class Shares(NamedTuple):
    """How an optimizer step's pairs are shared among devices.

    Attributes:
        micro: pairs that a device reads at a time.
        accumulate: how often it does so in a step.
        batch: pairs a step, over all devices.
    """

    micro: int
    accumulate: int
    batch: int


def share_batch(stage: Stage, recipe: Recipe, devices: int) -> Shares:
    """Share a stage's batch among devices.

    Raises:
        UserError: no whole number of pairs comes out for each.
    """
    batch = stage.options.batch
    micro = min(recipe.device_batch, max(1, batch // devices))
    accumulate, rest = divmod(batch, micro * devices)
    if rest:
        raise UserError(
            f"{stage.name}: batch {batch} cannot be shared among {devices} devices of "
            f"{micro} pairs; make it a multiple of {micro * devices}"
        )
    return Shares(micro, accumulate, batch)


def planned_steps(options: StageOptions, rows: int, batch: int) -> int:
    """Return a stage's optimizer steps; an epoch's last, smaller batch counts."""
    if options.steps is not None:
        return options.steps
    return max(1, math.ceil(options.epochs * rows / batch))


@contextmanager
def one_line_for_trl(stage: str) -> Iterator[None]:
    """Turn what TRL or peft refuses into one line.

    Raises:
        UserError: in place of their ValueError or NotImplementedError.
    """
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"{stage}: cannot be trained so: {first_line(error)}") from error


@contextmanager
def one_line_for_memory(recipe: Recipe, options: StageOptions) -> Iterator[None]:
    """Turn a GPU's lack of memory into one line that says what to lower.

    Raises:
        UserError: in place of torch.OutOfMemoryError.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        ways = [
            f"device_batch (now {recipe.device_batch})",
            f"max_length (now {options.max_length})",
        ]
        more = [] if recipe.gradient_checkpointing else ["set gradient_checkpointing: true"]
        if recipe.lora is None:
            more.append("train adapters (lora: {})")
        raise UserError(
            f"the GPU has not enough memory: lower {' or '.join(ways)}"
            + "".join(f", or {way}" for way in more)
            + "; what is finished is kept"
        ) from error
