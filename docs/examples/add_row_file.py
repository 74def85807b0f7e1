"""A reader of your own for files of rows: values separated by a bar."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from udasa_data.errors import UserError
from udasa_data.prompts import load_prompts


def read_psv(path: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a .psv file, each with where it stands."""
    # not splitlines(), which also cuts inside a cell, at U+2028 and the like
    lines = [line.rstrip("\r").split("|") for line in text.rstrip("\n").split("\n")]
    names, rows = lines[0], []
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(names):
            raise UserError(f"{path}, line {number}: not the {len(names)} fields of the header")
        rows.append((f"line {number}", dict(zip(names, cells, strict=True))))
    return rows


TEXT = "question|context\nWho wrote Emma?|Jane Austen wrote Emma.\nWho wrote Ulysses?|\n"

rows = read_psv(Path("questions.psv"), TEXT)
for where, row in rows:
    print(where, row)

# as long as .psv is not in the table: the same rows as a file that a build takes
with TemporaryDirectory() as folder:
    path = Path(folder) / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row) for _, row in rows))
    prompts = load_prompts([str(path)], limit=None, seed=0, commits={}).prompts
for prompt in prompts.iter_rows(named=True):
    print(prompt["axis"], prompt["messages"][0]["content"], "| evidence:", prompt["context"])
