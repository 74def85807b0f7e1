"""What a stage begins with: its rows, its policy, and the reference of its loss."""

from __future__ import annotations

from typing import Any

import msgspec
import torch

from udasa_data.errors import UserError

from . import policies
from .config import SFT, options_of
from .guards import check_moves, check_unseen
from .launched import by_fsdp
from .ledger import DatasetRecord, ReferenceRecord, StageRecord
from .measures import load_model
from .mixture import mix, render, stored
from .references import stacked_sha256
from .stage import Stage
from .stage_options import PREVIOUS, StageOptions
from .state import RunState


def begin(run: RunState, number: int) -> tuple[StageRecord, Stage]:
    """Return what is known of a stage before it is trained, and the stage."""
    name = run.recipe.order[number - 1]
    options = options_of(run.recipe, name)
    rows, replayed = _rows(run, number, name, options)
    wanted = options.reference
    at_zero = wanted == PREVIOUS or (wanted == SFT and number == 1)
    split = run.prepared.splits[name]
    source = run.prepared.source
    entry = StageRecord(
        name=name,
        number=number,
        parent_sha256=run.sha256(number - 1),
        reference=ReferenceRecord(wanted, _expected(run, number, wanted, at_zero=at_zero)),
        dataset=DatasetRecord(source.place, source.commit, split.fingerprint),
        chat_template_sha256=run.prepared.own_template,
        config=msgspec.to_builtins(options),
        counts=run.prepared.rendered[name].counts,
        replayed=replayed,
        trained_rows=len(rows),
    )
    lora = run.recipe.lora
    continues = lora is not None and lora.adapter == "continue" and number > 1
    where = run.trained_at(0 if continues else number - 1)
    adapter = run.folder(number - 1) / "adapter" if continues else None
    model = policies.load_to_train(where, run.dtype, adapter, lora)
    if lora is not None and not continues:
        policies.check_targets(model, lora)
    if lora is None and run.dtype == torch.bfloat16 and number == 1:
        check_moves(
            model, {at: options_of(run.recipe, at).learning_rate for at in run.recipe.order}
        )
    stage = Stage(
        name=name,
        number=number,
        options=options,
        folder=run.folder(number),
        model=model,
        reference=_reference(run, number, wanted, at_zero=at_zero),
        peft_config=policies.new_adapter(lora) if lora and not continues else None,
        rows=rows,
        held_out=_watched(run, name),
        at_zero=at_zero,
    )
    return entry, stage


def _rows(run: RunState, number: int, name: str, options: StageOptions) -> tuple[Any, int]:
    """Return a stage's rows with those replayed, as TRL takes them, and how many those are."""
    own = run.prepared.rendered[name]
    before = [run.prepared.rendered[stage].rows for stage in run.recipe.order[: number - 1]]
    table = mix(own.rows, before, options.replay, run.recipe.seed + number)
    check_unseen(table, run.prepared.held_out(), name)
    replayed = len(table) - len(own.rows)
    if replayed:
        own = render(table, run.prepared.renderer, options.max_length, completion=True)
    p = own.rows["p_chosen_better"] if options.needs_p else None
    if p is not None and p.fill_nan(None).null_count() == len(p):
        raise UserError(f"{name}: no pair has a p_chosen_better, which the stage's options need")
    with run.state.main_process_first():
        key = run.prepared.rows_key(options)
        return stored(own, key, run.cache, p), replayed


def _watched(run: RunState, name: str) -> Any | None:
    if run.recipe.stop.patience is None:
        return None
    if name not in run.prepared.tests:
        raise UserError(f"stop.patience: stage '{name}' has no held-out pairs to watch")
    with run.state.main_process_first():
        key = run.prepared.rows_key(options_of(run.recipe, name))
        return stored(run.prepared.tests[name], key, run.cache)


def _reference(run: RunState, number: int, wanted: str, *, at_zero: bool) -> Any | None:
    """Return the reference as a model; None where it is the policy as the stage begins.

    With adapters, TRL keeps that one as the weights below them; precomputed, not at all.
    """
    if at_zero:
        # under FSDP TRL would load one by itself: given here, its hash is known
        if run.recipe.lora is not None or (run.recipe.precompute and not by_fsdp()):
            return None
        return load_model(run.trained_at(number - 1), run.dtype, place=False)
    if wanted == SFT:
        return load_model(run.policy_at(0), run.dtype, place=False)
    return policies.load_reference(wanted, run.dtype)


def _expected(run: RunState, number: int, wanted: str, *, at_zero: bool) -> str:
    """Return the hash that the reference in use must have; "" for a folder of the user's.

    Quantized weights, too, are known by the first start of the stage alone.
    """
    if run.recipe.lora is not None and run.recipe.lora.quantize != "none":
        return ""
    before = run.ledger.stage(number - 1)
    lora = run.recipe.lora
    if at_zero and lora and lora.adapter == "continue" and before and before.adapter_sha256:
        return stacked_sha256(run.sha256(0), before.adapter_sha256)
    if at_zero or wanted == SFT:
        return run.sha256(number - 1 if at_zero else 0)
    return ""
