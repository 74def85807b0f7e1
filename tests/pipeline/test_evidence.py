"""A build of questions that are asked with several passages."""

import json

import polars as pl

from udasa_data import build, resolve
from udasa_data.pipeline import preview
from udasa_data.publish.verification import verify
from udasa_data.storage import read_parquet
from udasa_recipes.staged import guards
from udasa_recipes.staged.data import load_split, open_source

QUESTIONS = [
    f"What is told of the {word}?" for word in ("cat", "moon", "rice", "film", "mat", "boil")
]
ROWS = [
    {"question": text, "context": [f"Passage {n}.", "It is old."], "mode": "dev"}
    for text in QUESTIONS
    for n in range(3)
] + [{"question": QUESTIONS[0].upper(), "context": ["Passage 0.", "It is old."]}, {"question": 7}]


def test_a_question_is_trained_on_or_held_out_with_all_its_passages(small_config, tmp_path):
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS))
    options = {"prompts": [str(file)], "held_out": 0.5, "near_duplicates": "drop"}
    config = resolve("tiny", options, file=small_config)
    seen = preview(config, tmp_path / "run")
    assert seen.prompts == 18
    assert [(r.why.value, r.rows) for r in seen.left_out] == [
        ("malformed", 1),
        ("near_duplicate", 1),
    ]
    assert seen.notes == ("questions.jsonl: column 'mode' holds 'dev': not read as the mode",)
    result = build(config, tmp_path / "run")
    assert set(seen.notes) <= set(result.summary.notes)
    splits = {"train": set(), "test": set()}
    for path in result.folder.glob("data/samples/*.parquet"):
        rows = read_parquet(path)
        asked = rows["prompt"].list.last().struct.field("content")
        splits[path.name.split("-")[0]] |= set(asked)
        assert rows["context"].str.contains("It is old.").all()
    assert splits["train"]
    assert splits["test"]
    assert not splits["train"] & splits["test"]
    (check,) = [c for c in verify(str(tmp_path / "run"), print).checks if c.name == "splits"]
    assert check.passed
    source = open_source(str(result.folder))
    guards.check_splits([load_split(source, "all")])


def test_another_reason_for_a_row_makes_the_dataset_anew(small_config, tmp_path):
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS[:12]))
    config = resolve("tiny", {"prompts": [str(file)]}, file=small_config)
    build(config, tmp_path / "run")
    assert build(config, tmp_path / "run").reused
    with file.open("a") as opened:
        opened.write('\n{"question": ["x", 7]}')
    again = build(config, tmp_path / "run")
    assert not again.reused
    dropped = pl.read_parquet(again.out / "dropped.parquet").filter(what="row")
    assert dropped["why"].to_list() == ["malformed"]
