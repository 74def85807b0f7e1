"""Files of answers in the shapes that people have: one row an answer comes out of each."""

import json
import math

import polars as pl
import pytest
from typer.testing import CliRunner

from udasa_data.cli import app
from udasa_data.errors import UserError
from udasa_data.scoring.answer_files import read_answers


def write(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def read(path, rows, **options):
    given = read_answers(write(path, rows), **options)
    asked = [messages[-1]["content"] for messages in given.prompts["messages"].to_list()]
    return given, asked


USER = {"role": "user", "content": "Why?"}


def said(text):
    return {"role": "assistant", "content": text}


TEXTS = ["Because.", "So.", "It is."]


@pytest.mark.parametrize(
    "rows",
    [
        *(
            [{"prompt": "Why?", name: text} for text in TEXTS]
            for name in ("text", "response", "output")
        ),
        *(
            [{"question": "Why?", name: text} for text in TEXTS]
            for name in ("completion", "answer")
        ),
        [{"prompt": "Why?", "responses": TEXTS}],
        [{"prompt": "Why?", "responses": json.dumps(TEXTS)}],
        [{"prompt": "Why?", "responses": str(TEXTS)}],
        [{"prompt": "Why?", "completions": [[said(text)] for text in TEXTS]}],
        [{"instruction": "Why?", "completions": [{"response": t, "model": "m"} for t in TEXTS]}],
        [{"prompt": "Why?", "responses": TEXTS[:2]}, {"prompt": "Why?", "responses": TEXTS[2:]}],
        # KTO and conversations that end in their answer
        [{"prompt": [USER], "completion": [said(text)], "label": True} for text in TEXTS],
        [{"messages": [USER, said(text)]} for text in TEXTS],
        [{"messages": json.dumps([USER, said(text)])} for text in TEXTS],
        [
            {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": t}]}
            for t in TEXTS
        ],
    ],
)
def test_one_row_an_answer(rows, tmp_path):
    given, asked = read(tmp_path / "a.jsonl", rows)
    assert asked == ["Why?"]
    assert given.samples["text"].to_list() == TEXTS
    assert given.samples["sample_id"].to_list() == [0, 1, 2]
    assert given.table["prompt_id"].n_unique() == 1
    assert given.table["text"].to_list() == TEXTS


def test_numbers_and_labels_of_each_answer_go_with_it(tmp_path):
    row = {
        "prompt": "Why?",
        "responses": TEXTS,
        "n_tokens": [2, 2, 3],
        "wrong": [0, 1, None],
        "id": 7,
    }
    given, _ = read(
        tmp_path / "a.jsonl", [row | {"sum_logprob": [-1.0, None, -3.0]}], labels="wrong"
    )
    assert given.samples["n_tokens"].to_list() == [2, 2, 3]
    assert given.samples["sum_logprob"].to_list()[::2] == [-1.0, -3.0]
    assert given.samples["wrong"].to_list()[:2] == [0.0, 1.0]
    assert math.isnan(given.samples["wrong"][2])
    assert given.table["id"].to_list() == [7] * 3
    assert given.table["responses"].to_list() == TEXTS
    with pytest.raises(UserError, match=r"line 1, column 'n_tokens': 2 values, but the row has 3"):
        read(tmp_path / "a.jsonl", [row | {"n_tokens": [2, 2]}])


def test_a_row_without_answers_stays(tmp_path):
    rows = [{"prompt": "Why?", "responses": TEXTS}, {"prompt": "How?", "responses": []}]
    given, asked = read(tmp_path / "a.jsonl", rows)
    assert asked == ["Why?", "How?"]
    assert given.samples["text"].to_list() == [*TEXTS, ""]


def test_columns_of_answers_may_be_named(tmp_path):
    rows = [{"q_id": 1, "prompt": "Why?", "text": "no answer", "a": "Because.", "b": "So."}]
    given, _ = read(tmp_path / "a.jsonl", rows, columns=["a", "b"])
    assert given.samples["text"].to_list() == ["Because.", "So."]
    with pytest.raises(UserError, match=r"no column 'c' \(known: a, b"):
        read(tmp_path / "a.jsonl", rows, columns=["c"])


def test_the_command_takes_columns_behind_a_hash(tmp_path):
    rows = [{"prompt": f"{n}?", **{k: f"Answer {k}{n}." for k in "abcd"}} for n in range(2)]
    file = write(tmp_path / "a.jsonl", rows)
    out = tmp_path / "out.parquet"
    done = CliRunner().invoke(app, ["score", f"{file}#a,b,c,d", "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    table = pl.read_parquet(out)
    assert table["text"].to_list()[:4] == ["Answer a0.", "Answer b0.", "Answer c0.", "Answer d0."]
    assert table["u_value"].is_finite().all()


def test_one_answer_that_cannot_be_read_does_not_end_the_run(tmp_path):
    path = tmp_path / "a.jsonl"
    half = r'"[\"One.\", \"\\ud83d\", \"Three.\"]"'  # half a character, escaped in escaped JSON
    path.write_text(
        f'{{"prompt": "Why?", "responses": {half}}}\n{{"prompt": "How?", "responses": "["}}'
    )
    given = read_answers(path)
    assert given.samples["text"].to_list() == ["One.", "", "Three.", ""]
    (note,) = [note for note in given.notes if "cannot be read" in note]
    assert note.startswith("2 answers cannot be read and count as empty; the first: line 1, column")


def test_an_answer_that_is_a_list_of_messages_stays_one(tmp_path):
    answer = json.dumps([{"role": "user", "content": "Hi"}, said("Hello.")])
    given, _ = read(tmp_path / "a.jsonl", [{"prompt": "Write a chat as JSON.", "text": answer}])
    assert given.samples["text"].to_list() == [answer]


def test_prompts_that_differ_as_text_are_never_joined(tmp_path):
    rows = [{"prompt": p, "text": t} for p in ("What is 2² + 1?", "What is 22 + 1?") for t in TEXTS]
    given, asked = read(tmp_path / "a.jsonl", rows)
    assert asked == ["What is 2² + 1?", "What is 22 + 1?"]
    assert given.samples["sample_id"].to_list() == [0, 1, 2] * 2


def test_side_columns_of_another_meaning(tmp_path):
    rows = [{"prompt": "Why?", "text": t, "axis": "x", "context": ["One.", "Two."]} for t in TEXTS]
    given, _ = read(tmp_path / "a.jsonl", rows)
    assert given.prompts.select("axis", "context").row(0) == ("helpfulness", "One.\n\nTwo.")
    assert "column 'axis' holds 'x': not read as the axis" in given.notes


def test_what_scoring_does_not_read_is_carried_over(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [
        r'{"prompt": "Why?", "text": "One \ud83d", "meta": {"k": "x", "l": [1, 2.5]}}',
        r'{"prompt": "Why?", "text": "Two.", "meta": {"k": 1, "l": [1, 2.5]}, "big": 1e30}',
        r'{"prompt": "Why?", "text": "Three.", "note": "\ud83d", "big": 100000000000000000000}',
    ]
    path.write_text("\n".join(lines))
    given = read_answers(path)
    assert given.samples["text"].to_list() == ["One \ufffd", "Two.", "Three."]
    assert json.loads(given.table["meta"][0]) == {"k": "x", "l": [1, 2.5]}
    assert given.table["big"].to_list() == [None, "1e+30", "100000000000000000000"]
    assert sum("half a character" in note for note in given.notes) == 2
    assert sum("JSON text" in note for note in given.notes) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "Why?", "responses": [1, 2]}], "column 'responses': text is needed, not int"),
        (
            [{"prompt": "Why?", "responses": "['a', "}],
            "looks like a list of answers, but is neither",
        ),
        ([{"prompt": "Why?", "reply": "a"}], "no column 'text' .* name it: .*#COLUMN"),
        ([{"prompt": [{"role": "tool", "content": "x"}], "text": "a"}], "role 'tool' is not supp"),
    ],
)
def test_what_is_no_answer(rows, message, tmp_path):
    with pytest.raises(UserError, match=message):
        read(tmp_path / "a.jsonl", rows)
