"""Files read whole: what no table can hold is carried over as text, and said."""

import json

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_data.prompts.tables import read_table


def table_of(path, rows, typed=()):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    found = read_table(path, typed)
    found.table.write_parquet(path.with_suffix(".parquet"))  # whatever it holds can be written
    return found


@pytest.mark.parametrize(
    "values",
    [
        [{"k": "x", "l": [1, 2.5]}, {"k": 1, "l": [1, 2.5]}],
        [{}, {}],
        [1, "a"],
        [[1], "a"],
        [[1, "a"], [2]],
        [2**70, 1],
        [{"n": 2**70}, None],
        [True, 1],
        [[[[{"a": {}}]]]],
    ],
)
def test_values_of_no_one_type_are_json_text(values, tmp_path):
    found = table_of(tmp_path / "a.jsonl", [{"n": 1, "meta": value} for value in values])
    assert found.table.schema["meta"] == pl.String
    held = [None if cell is None else cell for cell in found.table["meta"].to_list()]
    again = [
        v if isinstance(v, str) or v is None else json.loads(h)
        for v, h in zip(values, held, strict=True)
    ]
    assert again == values
    (note,) = found.notes
    assert note == "column 'meta': no one type holds its values; carried over as JSON text"


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5, None],
        [[], []],
        [{"a": 1}, {"b": "x"}, None],
        [{"a": [1.5, 2]}, {"a": None}],
        [True, None],
        [2**63 - 1, -(2**63)],
    ],
)
def test_values_of_one_type_stay_as_they_are(values, tmp_path):
    found = table_of(tmp_path / "a.jsonl", [{"n": 1, "meta": value} for value in values])
    assert found.table.schema["meta"] != pl.String
    assert found.notes == []


def test_half_a_character_is_replaced_and_counted(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [
        r'{"note": "x \ud83d", "meta": {"k\ud800": ["\udc00"]}}',
        r'{"note": "y \ud83d\ude00"}',
    ]
    path.write_text("\n".join(lines))
    found = read_table(path)
    assert found.table["note"].to_list() == ["x \ufffd", "y 😀"]
    assert json.loads(found.table["meta"][0]) == {"k\ufffd": ["\ufffd"]}
    assert "column 'note': 1 of its texts held half a character" in found.notes[0]


def test_a_typed_column_holds_one_kind(tmp_path):
    rows = [{"text": "a"}, {"text": 5}]
    with pytest.raises(UserError, match=r"line 2, column 'text': a number, but a string in line 1"):
        table_of(tmp_path / "a.jsonl", rows, ("text",))
    assert table_of(tmp_path / "a.jsonl", rows).table["text"].to_list() == ["a", "5"]
    with pytest.raises(UserError, match=r"line 1, column 'n': an integer beyond 64 bits"):
        table_of(tmp_path / "a.jsonl", [{"n": 2**70}], ("n",))
