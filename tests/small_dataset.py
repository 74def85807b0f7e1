"""A small dataset folder in the published form, made by hand: stages of pairs, train and test."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl

from udasa_data.schema import PAIRS, Stage

WORDS = ["cat", "moon", "rice", "film", "Paris", "mat", "actors", "France", "boil", "rest"]


def message(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def pair(stage: str, number: int, *, mode: str = "chat") -> dict:
    """A row of the pairs table; its texts depend on stage and number alone."""
    word, other = WORDS[number % 10], WORDS[(number * 7 + 3) % 10]
    prompt = f"Tell me of {word} number {number} in {stage}"
    row = dict.fromkeys(PAIRS)
    return row | {
        "prompt": message("user", prompt),
        "chosen": message("assistant", f"The {word} was very good."),
        "rejected": message("assistant", f"I look at the {other}, a lot, and rest."),
        "stage": stage,
        "delta_u": 0.5,
        "p_chosen_better": 0.8,
        "prompt_id": hashlib.sha256(prompt.encode()).hexdigest(),
        "axis": "helpfulness" if mode == "chat" else "sentiment",
        "mode": mode,
        "source": "by hand",
    }


def save_dataset(
    folder: Path, *, train: int = 12, test: int = 4, policy: dict | None = None, change=None
) -> Path:
    """Save the folder; ``change(rows, stage, split)`` may alter rows before they are written."""
    configs = {}
    for at, stage in enumerate(Stage):
        for split, start, n in (("train", 0, train), ("test", 1000, test)):
            numbers = range(start + 100 * at, start + 100 * at + n)
            rows = [
                pair(stage.value, k, mode="completion" if k % 6 == 5 else "chat") for k in numbers
            ]
            table = pl.DataFrame(rows, schema=PAIRS, orient="row")
            if change:
                table = change(table, stage.value, split)
            if table is None:
                continue
            path = folder / "data" / stage.value / f"{split}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            table.write_parquet(path)
            name = path.with_name(
                f"{split}-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}.parquet"
            )
            path.rename(name)
            configs.setdefault(stage.value, {})[split] = [str(name.relative_to(folder))]
    configs["all"] = {
        split: [p for one in configs.values() for p in one.get(split, [])]
        for split in ("train", "test")
    }
    lines = ["---", "configs:"]
    for name, splits in configs.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, paths in splits.items():
            lines += [f"  - split: {split}", f"    path: {json.dumps(paths)}"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))
    if policy is not None:
        manifest = {"schema_version": 1, "policy": policy, "scorers": [], "config": {}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
