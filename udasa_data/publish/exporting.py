"""Pairs in the forms that other programs read: axolotl, LLaMA-Factory, TRL's KTO, Argilla."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import polars as pl
import yaml

from udasa_data.errors import UserError
from udasa_data.prompts import SPLITS, splits_of, with_split
from udasa_data.publish.argilla import record_rows, settings_text
from udasa_data.runs import Finished
from udasa_data.schema import Mode, Stage
from udasa_data.storage import write_text

Form: TypeAlias = Literal["axolotl", "llamafactory", "kto", "argilla"]
Row: TypeAlias = dict[str, Any]
Turns: TypeAlias = list[dict[str, str]]

_KEPT: Final = ("prompt_id", "stage", "p_chosen_better")
_SIDES: Final = ("chosen", "rejected")
_SHAREGPT: Final = {"user": "human", "assistant": "gpt", "system": "system"}


class Exported(NamedTuple):
    """What was written, and what was left out.

    Attributes:
        files: name → rows.
        continued: pairs left out that continue a text: these programs would make a chat of them.
        thoughtful: pairs whose answers were thought about; the thoughts are left out.
    """

    files: dict[str, int]
    continued: int
    thoughtful: int


def export_pairs(finished: Finished, form: Form, out: Path, stage: str | None = None) -> Exported:
    """Write a dataset's pairs for another program, the surest stage first.

    Args:
        finished: the dataset.
        form: whose.
        out: an empty folder, or none yet: ``train.jsonl``, ``test.jsonl`` where prompts are held
            out, and what the program needs to find them.
        stage: this one alone.

    Raises:
        UserError: ``out`` holds files, or there is no pair to write.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: is not empty; name a folder that is not there yet")
    pairs = finished.pairs
    order = [stage] if stage else [name.value for name in Stage]
    pairs = pl.concat([pairs.filter(pl.col("stage") == name) for name in order])
    # a reader of pairs may read what is continued; a training program would make a chat of it
    chats = pairs if form == "argilla" else pairs.filter(pl.col("mode") == Mode.CHAT)
    if chats.is_empty():
        where = f"{finished.place}, {stage}" if stage else finished.place
        raise UserError(f"{where}: holds no pairs of chats to export")
    thoughts = [pl.col(f"reasoning_{side}").fill_null("") for side in _SIDES]
    thought = pl.any_horizontal(text.str.strip_chars() != "" for text in thoughts)
    system = finished.manifest.config.system_prompt
    splits = with_split(chats, splits_of(chats["prompt_id"], finished.manifest.held_out))
    files = {}
    for split in SPLITS:
        rows = [
            made
            for row in splits.filter(pl.col("split") == split).iter_rows(named=True)
            for made in _ROWS[form](_turns(row, system), row)
        ]
        if rows:
            lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
            write_text(out / f"{split}.jsonl", lines)
            files[f"{split}.jsonl"] = len(rows)
    for name, text in _beside(form, list(files)).items():
        write_text(out / name, text)
        files[name] = 0
    return Exported(files, len(pairs) - len(chats), len(chats.filter(thought)))


def _turns(row: Mapping[str, Any], system: str | None) -> Turns:
    """Return the turns of a prompt as the build put them, its system prompt first."""
    turns = [dict(turn) for turn in row["prompt"]]
    if system and turns[0]["role"] != "system":
        return [{"role": "system", "content": system}, *turns]
    return turns


def _axolotl(turns: Turns, row: Row) -> Iterator[Row]:
    """``chat_template.default`` of axolotl's preference datasets."""
    yield {"messages": turns, **{side: row[side][-1] for side in _SIDES}, **_facts(row)}


def _llamafactory(turns: Turns, row: Row) -> Iterator[Row]:
    """LLaMA-Factory's preference data in the sharegpt form."""
    sides = {side: _sharegpt(row[side][-1]) for side in _SIDES}
    yield {"conversations": [_sharegpt(turn) for turn in turns], **sides, **_facts(row)}


def _kto(turns: Turns, row: Row) -> Iterator[Row]:
    """TRL's unpaired preferences: each side a row, desirable or not."""
    for side in _SIDES:
        label = side == "chosen"
        yield {"prompt": turns, "completion": row[side], "label": label, **_facts(row)}


def _sharegpt(turn: Mapping[str, str]) -> dict[str, str]:
    return {"from": _SHAREGPT.get(turn["role"], turn["role"]), "value": turn["content"]}


def _facts(row: Row) -> Row:
    return {name: row[name] for name in _KEPT}


_ROWS: Final[Mapping[str, Callable[[Turns, Row], Iterator[Row]]]] = {
    "axolotl": _axolotl,
    "llamafactory": _llamafactory,
    "kto": _kto,
    "argilla": record_rows,
}


def _beside(form: Form, files: list[str]) -> dict[str, str]:
    """Return what the program needs beside the rows: name → text."""
    if form == "axolotl":
        read: dict[str, Any] = {
            "ds_type": "json",
            "type": "chat_template.default",
            "field_messages": "messages",
            "field_chosen": "chosen",
            "field_rejected": "rejected",
            "message_property_mappings": {"role": "role", "content": "content"},
        }
        keys = {"train.jsonl": "datasets", "test.jsonl": "test_datasets"}
        told: dict[str, Any] = {
            keys[name]: [{"path": name, "split": "train", **read}] for name in files
        }
        return {"axolotl.yaml": yaml.safe_dump({"rl": "dpo", **told}, sort_keys=False)}
    if form == "llamafactory":
        columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}
        told = {
            f"udasa_{name.removesuffix('.jsonl')}": {
                "file_name": name,
                "formatting": "sharegpt",
                "ranking": True,
                "columns": columns,
            }
            for name in files
        }
        return {"dataset_info.json": json.dumps(told, indent=2) + "\n"}
    if form == "argilla":
        return {"settings.json": settings_text()}
    return {}
