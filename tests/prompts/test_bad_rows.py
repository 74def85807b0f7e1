"""Rows and files of prompts that cannot be read: what is set aside, and what is refused."""

import os

import pytest

from udasa_data.errors import UserError
from udasa_data.prompts import load_prompts


def load(path):
    return load_prompts([str(path)], limit=None, seed=0, commits={})


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        (r'{"prompt": "\\ud800"}', "half a character"),
        ('{"prompt": "Why?", "axis": ["helpfulness"]}', "axis is \\['helpfulness'\\]"),
        ('{"prompt": "Why?", "axis": "astronomy"}', "axis is 'astronomy', not one of harmless"),
        ('{"prompt": "Why?", "mode": {"a": 1}}', "mode is"),
        ('{"prompt": [{"role": ["user"], "content": "Why?"}]}', "role is"),
        ('{"prompt": [{"role": "user", "content": [7]}]}', "content holds 7"),
        ('{"prompt": 100000000000000000000}', "beyond 64 bits"),
    ],
)
def test_a_bad_row_is_set_aside_and_says_what_is_wrong(tmp_path, row, detail):
    path = tmp_path / "p.jsonl"
    first = '{"prompt": "How?", "axis": "helpfulness", "mode": "chat"}'
    path.write_text(f"{first}\n{row.replace(chr(92) * 2, chr(92))}\n")
    loaded = load(path)
    assert len(loaded.prompts) == 1
    (dropped,) = loaded.dropped.to_dicts()
    assert dropped["why"] == "malformed"
    assert detail.replace(chr(92), "") in dropped["detail"]
    assert "line 2" in dropped["detail"]


def test_a_pipe_and_a_folder_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(UserError, match="a pipe or a device"):
        load(tmp_path / "pipe.jsonl")
    with pytest.raises(UserError, match="a folder"):
        load(tmp_path / "folder.parquet")
