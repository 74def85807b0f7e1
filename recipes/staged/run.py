"""A staged DPO run: the stages in their order, each guarded, trained, saved, measured, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from udasa_data.errors import UserError
from udasa_data.terminal import echo, note_position

from . import policies, references
from .after import Measured, Sft, Subject, measure, unmeasured, why_to_abort
from .beginning import begin
from .callbacks import last_checkpoint
from .carried import CarryMoments, save_moments
from .config import Recipe, options_of
from .curves import add_steps, steps_of
from .final import finish, is_finished
from .folders import OPTIMIZER, remove_checkpoints
from .kept import warning
from .launched import by_deepspeed, by_fsdp, from_main
from .ledger import Record, ReferenceRecord, StageRecord
from .measures import load_model, release
from .mixture import prompts_table
from .origin import prompts_before
from .policies import hashes_of, is_whole
from .report import falling, many_epochs, refusing
from .stage import Stage
from .state import RunState
from .trainer import make_trainer, one_line_for_memory

START: Final = "start"


class StagedRun(RunState):
    """A run of the stages of a recipe; see :class:`RunState` for what it is made from."""

    def __init__(self, recipe: Recipe, place: str, out: Path, cache: Path | None = None) -> None:
        super().__init__(recipe, place, out, cache)
        self.sft = Sft(self.prepared)

    def train_and_save(self) -> Record:
        """Train every stage, then put the final policy into the run's folder; again: do nothing.

        Raises:
            UserError: a guard or an abort rule stops the run; what is finished stays.
        """
        known = self.ledger.record
        if known is not None and is_finished(self.ledger):
            return self.ledger.open(
                self.prepared.record(known.policy.weights_sha256), write=self.state.is_main_process
            )
        record = self.train()
        if self.state.is_main_process:
            last = Path(self.policy_at(len(self.recipe.order))[0])
            trained = [rendered.rows for rendered in self.prepared.rendered.values()]
            prompts = prompts_table(trained, prompts_before(self.prepared.policy))
            finish(self.ledger, last, prompts, self.recipe)
        self.state.wait_for_everyone()
        return record

    def train(self) -> Record:
        """Train and measure every stage that is not finished yet.

        Raises:
            UserError: a guard or an abort rule stops the run; what is finished stays.
        """
        record = self._open()
        for number in range(1, len(self.recipe.order) + 1):
            if not self._is_done(number):
                self._stage(number)
                release()
            if self.state.is_main_process:
                remove_checkpoints(self.folder(number))
            self._abort_if_asked(number)
        return record

    def _is_done(self, number: int) -> bool:
        """Return whether a stage is trained, and what the next one needs of it is as it was."""
        done, after = self.ledger.stage(number), self.ledger.stage(number + 1)
        if done is None or not done.finished:
            return False
        needed = done.files and not (after and after.finished)
        return not needed or is_whole(self.folder(number), done.files)

    def _open(self) -> Record:
        known = self.ledger.record
        sha256 = known.policy.weights_sha256 if known else self._sft_sha256()
        begun = self.prepared.record(sha256)
        begun.served = str(self.served).removeprefix("torch.")
        record = self.ledger.open(begun, write=self.state.is_main_process)
        for note in record.notes:
            self._say(f"note: {note}")
        if record.start is None:
            beta = options_of(self.recipe, self.recipe.order[0]).beta
            record.start = self._measure(0, beta).measures
            self._save()
        return record

    def _say(self, text: str) -> None:
        if self.state.is_main_process:
            echo(text)

    def _save(self) -> None:
        if self.state.is_main_process:
            self.ledger.save()

    def _sft_sha256(self) -> str:
        def of_weights() -> str:
            return references.weights_sha256(load_model(self.policy_at(0), self.dtype, place=False))

        return self._once(of_weights)

    def _once(self, compute: Callable[[], str]) -> str:
        """Return what the main process computes: weights are hashed by one process, not by each."""
        found: str = from_main(compute() if self.state.is_main_process else None)
        return found

    # -- one stage -------------------------------------------------------------------------

    def _stage(self, number: int) -> None:
        started = time.monotonic()
        record = self.ledger.record
        assert record is not None
        note_position(f"stage {self.recipe.order[number - 1]}")
        entry, stage = begin(self, number)
        stage_name = stage.name
        parted = by_deepspeed() or by_fsdp()  # then no process holds the weights for long
        whole = self._once(partial(references.before_sharding, stage)) if parted else None
        trainer = make_trainer(stage, self.recipe, self.prepared.tokenizer, self._note_first)
        entry = self._check_reference(entry, trainer, whole)
        self.ledger.put(entry, write=self.state.is_main_process)
        planned, batch = trainer.args.max_steps, stage.options.batch
        if line := many_epochs(stage_name, planned, batch, entry.trained_rows):
            self._warn(line)
        self._fit(stage, trainer)
        entry = self.ledger.stage(number) or entry
        saved = policies.save(trainer, self.target(number))
        steps, planned = trainer.state.global_step, trainer.state.max_steps
        if self.state.is_main_process:
            history = trainer.state.log_history
            add_steps(self.out, steps_of(history, stage_name, stage.options.beta))
        trainer.accelerator.free_memory()
        del trainer, stage
        release()
        note_position(f"measuring after {stage_name}")
        measured = self._measure(number, entry.config["beta"])
        done = msgspec.structs.replace(
            entry,
            steps=steps,
            stopped_early=steps < planned,
            seconds=entry.seconds + time.monotonic() - started,
            policy_sha256=measured.sha256,
            master_sha256=saved.master_sha256,
            adapter_sha256=saved.adapter_sha256,
            files=hashes_of(self.folder(number)),
            measures=measured.measures,
        )
        self.ledger.put(done, write=self.state.is_main_process)
        before = self.ledger.stage(number - 1)
        earlier = before.measures if before else record.start
        lines = falling(earlier, measured.measures) if earlier else []
        lines += refusing(record.start, measured.measures) if record.start else []
        kept = warning(measured.measures.kept)
        for line in [*lines, *([kept] if kept else [])]:
            self._warn(f"after {stage_name}: {line}")

    def _warn(self, line: str) -> None:
        """Print a line once, and keep it with the run."""
        assert self.ledger.record is not None
        if line not in self.ledger.record.notes:
            self.ledger.record.notes.append(line)
            self._save()
            self._say(f"warning: {line}")

    def _check_reference(self, entry: StageRecord, trainer: Any, whole: str | None) -> StageRecord:
        """Compare the trainer's reference with the configured one, or an earlier start's.

        ``whole`` is its hash from before it was sharded, where it is.
        """
        in_use = whole or self._once(partial(references.reference_in_use, trainer))
        recorded = self.ledger.stage(entry.number)
        expected = entry.reference.sha256 or (recorded.reference.sha256 if recorded else in_use)
        references.check_reference(expected, in_use, entry.reference.wanted)
        return msgspec.structs.replace(
            entry,
            reference=ReferenceRecord(entry.reference.wanted, in_use),
            first_step=recorded.first_step if recorded else {},
            seconds=recorded.seconds if recorded else 0.0,
        )

    def _note_first(self, seen: dict[str, float]) -> None:
        """Record figures of the first step of the stage that is being trained."""
        assert self.ledger.record is not None
        entry = self.ledger.record.stages[-1]
        entry = msgspec.structs.replace(entry, first_step={**entry.first_step, **seen})
        self.ledger.put(entry, write=self.state.is_main_process)

    def _fit(self, stage: Stage, trainer: Any) -> None:
        """Train, from the last whole checkpoint if there is one."""
        if self.recipe.precompute:
            trainer.ref_model = None  # its log-probabilities are with the rows: its memory is free
        checkpoint = last_checkpoint(stage.folder, main=self.state.is_main_process)
        self.state.wait_for_everyone()
        carries = self.recipe.optimizer == "carry"
        if carries and stage.number > 1 and checkpoint is None:  # which has its own
            trainer.add_callback(CarryMoments(self.folder(stage.number - 1) / OPTIMIZER))
        with one_line_for_memory(self.recipe, stage.options):
            trainer.train(resume_from_checkpoint=checkpoint)
        if carries:
            save_moments(trainer, stage.folder / OPTIMIZER)

    # -- after a stage ---------------------------------------------------------------------

    def _subject(self, number: int) -> Subject:
        """Return the policy after a stage as it is measured; 0 is the SFT policy."""
        place = self.policy_at(number)

        def load(dtype: torch.dtype) -> Callable[[], Any]:
            return partial(load_model, place, dtype, place=False)

        target = self.target(number) if number else None
        trained = target and policies.loads_trained(target)
        return Subject(place, load(self.dtype), load(torch.float32), trained)

    def _measure(self, number: int, beta: float) -> Measured:
        """Measure the policy after a stage, in the first process; 0 is the SFT policy."""
        found = None
        if self.state.is_main_process:
            first = self._subject(0)
            subject = self._subject(number) if number else first
            if self._is_measured(number):
                label = f"{number}-{self.recipe.order[number - 1] if number else START}"
                found = measure((self.sft, first), subject, beta, self.out / "measures", label)
            else:
                found = unmeasured(subject, beta)
        measured: Measured = from_main(found)
        return measured

    def _is_measured(self, number: int) -> bool:
        return self.recipe.measures.stages == "each" or number in {0, len(self.recipe.order)}

    def _abort_if_asked(self, number: int) -> None:
        """Stop when the policy has gone too far or has too little left to say.

        Raises:
            UserError: names the figure and its limit.
        """
        done = self.ledger.stage(number)
        fresh = done.measures.fresh if done and done.measures else None
        why = why_to_abort(self.recipe.stop, fresh)
        if done is None or why is None:
            return
        if self.ledger.record is not None:
            self.ledger.record.aborted = f"after {done.name}: {why}"
            self._save()
        raise UserError(
            f"aborted after stage '{done.name}': {why}; its policy is in "
            f"{self.folder(number) / 'policy'}, everything measured in {self.ledger.path}"
        )
