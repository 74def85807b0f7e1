"""The names in the folders that training writes: what is ours there, and what alone is deleted.

A folder is known as ours by its mark (``.lock``); a staged run's by its ``stages.json``, too. What
the trainer saves is known by the names that transformers, peft, accelerate and DeepSpeed give.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from udasa_data.config import read_bytes
from udasa_data.runs import Layout, Run
from udasa_data.storage import LOCK, claim, parse_json, plain_file, remove_left_over, remove_made

LEDGER: Final = "stages.json"
OPTIMIZER: Final = "optimizer.safetensors"
CURVES: Final = "training.parquet"
PICTURE: Final = "training.png"
TUNING: Final = "tuning.json"
PROMPTS: Final = "training_prompts.parquet"
CHECKPOINTS: Final = "checkpoints"
COMPLETE: Final = "complete"  # a file that a checkpoint has once it is whole

_MODEL: Final = re.compile(
    r"(model|adapter_model|pytorch_model)(-\d{5}-of-\d{5})?\.(safetensors|bin)"
    r"|(model|pytorch_model)\.(safetensors|bin)\.index\.json"
    r"|(config|generation_config|adapter_config|tokenizer|tokenizer_config|special_tokens_map"
    r"|added_tokens|vocab|processor_config|preprocessor_config)\.json"
    r"|(tokenizer|spiece|sentencepiece\.bpe)\.model|(merges|vocab)\.txt|chat_template\.jinja"
    r"|training_args\.bin|README\.md|ref/(README\.md|adapter_(config\.json|model\.safetensors))"
)
_STATE: Final = re.compile(
    r"(\.tmp-[0-9a-f]{12}-)?complete|latest|zero_to_fp32\.py|trainer_state\.json|(optimizer|scheduler|scaler)\.(pt|bin)"
    r"|rng_state(_\d+)?\.pth|(pytorch_model_fsdp|optimizer)_\d+/(\.metadata|__\d+_\d+\.distcp)"
    r"|global_step\d+/[a-z0-9_]+\.pt"
)
_CHECKPOINT: Final = re.compile(r"checkpoint-\d+")
_STAGE: Final = re.compile(r"\d+-[A-Za-z0-9_]+")
_MEASURE: Final = re.compile(r"\d+-[A-Za-z0-9_]+-(pairs|samples)\.parquet")
KINDS: Final = ("policy", "adapter", "master")  # folders of a stage that hold weights
_POLICY: Final = re.compile(r"(\.tmp-[0-9a-f]{12}-)?(policy|adapter|master)(\.unfinished)?")
_CELL: Final = re.compile(r"[a-z_]+-\d+-[0-9a-f]{12}-[0-9a-f]{12}\.json")


def is_model_file(path: str) -> bool:
    """Return whether a path in the folder of a model is of a file that a trainer saves there."""
    return _MODEL.fullmatch(path) is not None


def is_checkpoint_file(path: str) -> bool:
    """Return whether a path in ``checkpoints/`` is of a file that a trainer saves there."""
    checkpoint, _, rest = path.partition("/")
    ours = is_model_file(rest) or _STATE.fullmatch(rest) is not None
    return ours and is_checkpoint(checkpoint)


def is_checkpoint(name: str) -> bool:
    """Return whether a name in ``checkpoints/`` is of a trainer's checkpoint."""
    return _CHECKPOINT.fullmatch(name) is not None


def is_stage_file(path: str) -> bool:
    """Return whether a path in ``stages/`` is of a file that a staged run makes."""
    stage, _, rest = path.partition("/")
    if not _STAGE.fullmatch(stage):
        return False
    folder, _, file = rest.partition("/")
    if folder == CHECKPOINTS:
        return is_checkpoint_file(file)
    return rest == OPTIMIZER or bool(_POLICY.fullmatch(folder) and is_model_file(file))


def is_measure_file(name: str) -> bool:
    """Return whether a name in ``measures/`` is of a table that a staged run makes."""
    return _MEASURE.fullmatch(name) is not None


def is_work_file(path: str) -> bool:
    """Return whether a path in an ablation's ``work/`` is of a file that one of its runs makes."""
    cell, _, rest = path.partition("/")
    folder, _, file = rest.partition("/")
    ours = {"stages": is_stage_file, "measures": is_measure_file}.get(folder)
    named = rest in STAGED.files or (ours is not None and ours(file))
    return named and re.fullmatch(r"[a-z_]+-\d+", cell) is not None


def _never(_name: str) -> bool:
    return False


STAGED: Final = Layout(
    holds="staged run of udasa-train",
    marks=frozenset(),
    files=frozenset({LOCK, LEDGER, PROMPTS, CURVES, PICTURE, "README.md"}),
    levels={"measures": is_measure_file, "stages": _never},
    folders={},
)
TUNED: Final = Layout(
    holds="policy of udasa-train sft",
    marks=frozenset(),
    files=frozenset({LOCK, TUNING}),
    levels={CHECKPOINTS: _never, "master": is_model_file},
    folders={},
)
ROUNDS: Final = Layout(
    holds="rounds of udasa-train",
    marks=frozenset(),
    files=frozenset({LOCK, "rounds.json", "rounds.png"}),
    levels={},
    folders={},
)
EVIDENCE: Final = Layout(
    holds="evidence of udasa-train",
    marks=frozenset(),
    files=frozenset({LOCK, "figures.json", "figures.md", "gold.jsonl"}),
    levels={},
    folders={},
)
ABLATION: Final = Layout(
    holds="ablation of udasa-train",
    marks=frozenset(),
    files=frozenset({LOCK, "ablation.txt", "ablation.png"}),
    levels={"cells": lambda name: bool(_CELL.fullmatch(name)), "datasets": _never, "work": _never},
    folders={},
)


def claim_staged(out: Path, order: Sequence[str]) -> None:
    """Refuse to train where somebody else's files are, or through a link; writes nothing.

    Args:
        out: the folder of a staged run.
        order: its stages.

    Raises:
        UserError: the folder is not empty and none of ours, or a part of it is a link.
    """
    claim(out, _is_staged, STAGED.holds)
    plain_file(out, "measures")
    for number, name in enumerate(order, start=1):
        for part in (*KINDS, CHECKPOINTS):
            plain_file(out, f"stages/{number}-{name}/{part}")
        for kind in KINDS:
            plain_file(out, f"stages/{number}-{name}/{kind}.unfinished")
        _refuse_links(out / f"stages/{number}-{name}/{CHECKPOINTS}")


def _refuse_links(checkpoints: Path) -> None:
    """Refuse a link where the trainer would write: it writes by plain names, and would follow it.

    Raises:
        UserError: names the link.
    """
    for place, folders, files in os.walk(checkpoints, followlinks=False):
        for name in (*folders, *files):
            path = Path(place) / name
            inside = path.relative_to(checkpoints).as_posix()
            if path.is_symlink() and (is_checkpoint(inside) or is_checkpoint_file(inside)):
                plain_file(checkpoints, inside)


def tidy_staged(out: Path, order: Sequence[str]) -> None:
    """Delete what killed runs left half-written; another run must not be at work in the folder.

    Args:
        out: the folder of a staged run, which was claimed.
        order: its stages.
    """
    STAGED.tidy(out)
    remove_left_over(out, is_model_file, {})
    for number, name in enumerate(order, start=1):
        folders = dict.fromkeys(KINDS, is_model_file)
        remove_left_over(out / f"stages/{number}-{name}", OPTIMIZER.__eq__, folders)


def mark(out: Path, layout: Layout) -> None:
    """Mark a folder that was claimed; of processes that do so at once, each may go on."""
    if not layout.is_one(out):
        Run(out, layout).mark()


def remove_checkpoints(folder: Path) -> None:
    """Delete what a trainer saved in ``folder/checkpoints``; all else in it stays."""
    remove_made(folder / CHECKPOINTS, is_checkpoint_file)


def _is_staged(folder: Path) -> bool:
    if STAGED.is_one(folder):
        return True
    try:
        return {"inputs", "policy", "stages"} <= set(parse_json(read_bytes(folder / LEDGER)))
    except (OSError, TypeError, ValueError):
        return False
