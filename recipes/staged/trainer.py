"""One stage, one DPOTrainer, as TRL has it: what is passed to it, and what is read from it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from udasa_data.errors import UserError

from .config import Recipe, StageOptions
from .guards import check_first_step
from .launched import by_deepspeed

COMPLETE: Final = "complete"  # a file that a checkpoint has once it is whole


class Stage(NamedTuple):
    """What one stage is trained from.

    Attributes:
        name: of the stage, for messages.
        number: from 1.
        options: of the stage.
        folder: where its checkpoints and its policy go.
        model: the policy as the stage begins, plain or with an adapter.
        reference: a loaded model, or None where the policy as it begins is the reference.
        peft_config: of a new adapter; None trains all weights, or the adapter that is there.
        rows: what it is trained on.
        held_out: the stage's test rows, for early stopping; None without.
        at_zero: the policy begins as its reference.
    """

    name: str
    number: int
    options: StageOptions
    folder: Path
    model: Any
    reference: Any | None
    peft_config: Any | None
    rows: Any
    held_out: Any | None
    at_zero: bool


def make_trainer(
    stage: Stage, recipe: Recipe, tokenizer: Any, tell: Callable[[dict[str, float]], None]
) -> Any:
    """Return TRL's trainer of a stage; reference log-probabilities are computed, or found.

    Args:
        stage: what is trained.
        recipe: of the run.
        tokenizer: of the policy.
        tell: told the loss and rewards of the first step.
    """
    from trl import DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    # the collator cuts; with a max_length of its own TRL would first filter rows by a function
    # whose hash takes in the output folder, and find no cached log-probabilities of another run
    collator = DataCollatorForPreference(tokenizer.pad_token_id, stage.options.max_length)
    callbacks: list[TrainerCallback] = [MarkComplete(), FirstStep(stage, recipe, tell)]
    if recipe.stop.patience:
        callbacks.append(EarlyStoppingCallback(recipe.stop.patience))
    with one_line_for_memory(recipe, stage.options):
        trainer = DPOTrainer(
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
    return trainer


def arguments(stage: Stage, recipe: Recipe) -> Any:
    """Return TRL's own configuration of a stage; nothing is left to a default that matters."""
    from accelerate import PartialState
    from trl import DPOConfig

    options, devices = stage.options, PartialState().num_processes
    micro = min(recipe.device_batch, max(1, options.batch // devices))
    accumulate, rest = divmod(options.batch, micro * devices)
    if rest:
        raise UserError(
            f"{stage.name}: batch {options.batch} cannot be shared among {devices} devices of "
            f"{micro} pairs; make it a multiple of {micro * devices}"
        )
    steps = planned_steps(stage.options, len(stage.rows), micro * accumulate * devices)
    gpu = torch.cuda.is_available()
    evaluates = recipe.stop.patience is not None
    every = recipe.stop.every if evaluates else recipe.save_every
    return DPOConfig(
        output_dir=str(stage.folder / "checkpoints"),
        beta=options.beta,
        loss_type=list(options.loss),
        loss_weights=list(options.loss_weights) if options.loss_weights else None,
        label_smoothing=options.label_smoothing,
        max_length=None,
        learning_rate=options.learning_rate,
        lr_scheduler_type=options.schedule,
        warmup_steps=math.ceil(options.warmup * steps),
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        precompute_ref_batch_size=micro,
        gradient_accumulation_steps=accumulate,
        max_grad_norm=options.max_grad_norm,
        weight_decay=options.weight_decay,
        precompute_ref_log_probs=recipe.precompute,
        gradient_checkpointing=recipe.gradient_checkpointing,
        bf16=gpu and not by_deepspeed(),  # which multiplies in bfloat16 by itself
        use_cpu=not gpu,
        seed=recipe.seed + stage.number,
        data_seed=recipe.seed + stage.number,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=every if evaluates else None,
        load_best_model_at_end=evaluates,
        metric_for_best_model="eval_loss" if evaluates else None,
        logging_first_step=True,
        logging_steps=10,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=gpu,
    )


def planned_steps(options: StageOptions, rows: int, batch: int) -> int:
    """Return a stage's optimizer steps; an epoch's last, smaller batch counts."""
    if options.steps is not None:
        return options.steps
    return max(1, math.ceil(options.epochs * rows / batch))


def compute_dtype(recipe: Recipe) -> torch.dtype:
    """Return the type that weights are held in.

    ``auto``: float32, except under adapters on a GPU, where the frozen weights are bfloat16. On a
    GPU float32 weights are multiplied in bfloat16 (autocast): updates of 1e-7 would be lost in
    bfloat16 weights.
    """
    if recipe.weights != "auto":
        found: torch.dtype = getattr(torch, recipe.weights)
        return found
    return torch.bfloat16 if recipe.lora and torch.cuda.is_available() else torch.float32


def tolerance(recipe: Recipe, mixed_precision: str) -> float:
    """Return how far from its exact value the first loss may be: rounding, no more."""
    exact = compute_dtype(recipe) == torch.float32 and mixed_precision == "no"
    return 1e-3 if exact and not torch.cuda.is_available() else 5e-2


class FirstStep(TrainerCallback):  # type: ignore[misc]
    """Reads the first step's loss, and stops a stage that does not begin at its reference.

    TRL logs a step's loss as it was before the step's update.
    """

    def __init__(
        self, stage: Stage, recipe: Recipe, tell: Callable[[dict[str, float]], None]
    ) -> None:
        self.stage = stage
        self.recipe = recipe
        self.tell = tell  # at once: a run that is killed later must not lose it

    def on_log(self, args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """Check the first step; print every one that is logged."""
        if not logs or "loss" not in logs:
            return
        if state.global_step == 1:
            wanted = ("loss", "rewards/chosen", "rewards/rejected", "rewards/margins")
            seen = {key: float(logs[key]) for key in wanted}
            if self.stage.at_zero:
                options = self.stage.options
                weights = options.loss_weights or [1.0] * len(options.loss)
                allowed = tolerance(self.recipe, args.mixed_precision)
                check_first_step(options.loss, weights, options.beta, seen, allowed)
            self.tell(seen)
        if state.is_world_process_zero:
            print(
                f"{self.stage.name}: step {state.global_step}/{state.max_steps}, "
                f"loss {logs['loss']:.4f}, margin {logs['rewards/margins']:+.4f}",
                flush=True,
            )


class MarkComplete(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint once all of it is written: a killed run goes on from marked ones alone.

    TRL's frozen ``ref`` adapter is taken out first: where a checkpoint holds a second adapter,
    transformers 5.19 loads that one alone, and the trained adapter would silently begin again. What
    ``ref`` holds is known without it: the policy as the stage began.
    """

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Mark the checkpoint of this step."""
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            shutil.rmtree(checkpoint / "ref", ignore_errors=True)
            (checkpoint / COMPLETE).touch()


def last_checkpoint(folder: Path, *, main: bool) -> str | None:
    """Return the latest whole checkpoint of a stage; those cut short are removed."""
    whole: dict[int, Path] = {}
    for path in (folder / "checkpoints").glob("checkpoint-*"):
        if (path / COMPLETE).is_file():
            whole[int(path.name.removeprefix("checkpoint-"))] = path
        elif main:
            shutil.rmtree(path)
    return str(whole[max(whole)]) if whole else None


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
