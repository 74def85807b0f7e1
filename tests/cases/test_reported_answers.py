"""Files of answers that made other tools fail, by the report; the addresses: README.md."""

import pyarrow as pa
import pytest
from prompt_files import write

from udasa_data.errors import UserError
from udasa_data.scoring.answer_files import read_answers

TALK = [{"from": ["human", "gpt"], "value": ["A?", "So."]}]
READ = {
    "pandas-55032": ("a.csv", "prompt,text\nA?,None\nA?,nan\n", ["None", "nan"]),
    "polars-16245": (
        "a.jsonl",
        '{"prompt": "A?", "text": "So."}\n{"prompt": "A?", "text": NaN}\n',
        ["So.", ""],
    ),
    "ecto-4087": (
        "a.jsonl",
        [{"prompt": "A?", "text": text} for text in ("\u200b", " \u2800", "\u200bx")],
        ["", "", "\u200bx"],
    ),
    "polars-17937": (
        "a.parquet",
        pa.table({"prompt": [b"A?"], "text": [b"So."], "image": [b"\xff"]}),
        ["So."],
    ),
    "datasets-888": ("a.parquet", pa.table({"conversations": TALK}), ["So."]),
    "unsloth-321": (
        "a.jsonl",
        '[{"from": "human", "value": "A?"}, {"from": "gpt", "value": "So."}]\n',
        ["So."],
    ),
}


@pytest.mark.parametrize(("name", "content", "texts"), READ.values(), ids=READ)
def test_reported_answers_are_read(name, content, texts, tmp_path):
    given = read_answers(write(tmp_path / name, content))
    assert given.samples["text"].to_list() == texts


def test_leading_zeros_of_ids_stay(tmp_path):  # arrow-46853
    given = read_answers(write(tmp_path / "a.csv", "prompt_id,text\n001,a\n1,b\n001,c\n"))
    assert given.samples["prompt_id"].to_list() == ["001", "1", "001"]
    assert given.samples["sample_id"].to_list() == [0, 0, 1]


def test_an_answer_that_is_an_object_names_its_keys(tmp_path):  # LlamaFactory-4249
    rows = [{"instruction": "A?", "input": "", "output": {"x": {"y": None}, "z": 57}}]
    with pytest.raises(UserError, match=r"line 1, column 'output': .*object of x, z; name the one"):
        read_answers(write(tmp_path / "a.jsonl", rows))
