"""Files of prompts as tests write them, and what is read of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from udasa_data.prompts import LoadedPrompts, load_prompts


def write(path: Path, content: Any) -> Path:
    """Write text, bytes, a table, or rows one JSON object a line; line ends stay as they are."""
    if isinstance(content, pa.Table):
        pq.write_table(content, path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        lines = content if isinstance(content, str) else "\n".join(map(json.dumps, content))
        path.write_text(lines, encoding="utf-8", newline="")
    return path


def load(source: object) -> LoadedPrompts:
    return load_prompts([str(source)], limit=None, seed=0, commits={})


def asked(loaded: LoadedPrompts) -> list[str]:
    """Return the last turn of each prompt."""
    return [messages[-1]["content"] for messages in loaded.prompts["messages"].to_list()]


def reasons(loaded: LoadedPrompts) -> str:
    """Return what was set aside and why, and the notes, as one text."""
    dropped = loaded.dropped.to_dicts()
    return "\n".join([f"{row['why']} {row['detail']}" for row in dropped] + [*loaded.notes])
