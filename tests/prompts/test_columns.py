"""Rows of the shapes that people have: which columns are read, and which are of another meaning."""

import json

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_data.prompts import load_prompts


def load(path, rows, column=""):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return load_prompts([f"{path}{column}"], limit=None, seed=0, commits={})


def questions(loaded):
    return [messages[-1]["content"] for messages in loaded.prompts["messages"].to_list()]


CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
WRONG = [CHAT[0], {"role": "assistant", "content": "No."}]


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Why?", "answer": "Because."},
        {"query": "Why?", "response": "Because."},
        {"instruction": "Why?", "input": "", "output": "Because.", "text": "Below is … Because."},
        {"id": 1, "text": "", "conversations": [{"from": "human", "value": "Why?"}]},
        {"prompt": None, "question": "Why?"},
        {"prompt": " ", "messages": [], "question": "Why?"},
        {"prompt": {"text": "Why?", "toxicity": None}},
        {"turns": ["Why?", "Because."]},
        {"dialog": ["Why?", "Because."]},
        {"conversation": CHAT, "model": "m", "turn": 1},
        # UltraFeedback, KTO, DPO with and without its prompt, HH-RLHF
        {"instruction": "Why?", "completions": [{"response": "Because."}], "source": "s"},
        {"prompt": "Why?", "completion": "Because.", "label": True},
        {"prompt": [CHAT[0]], "completion": [CHAT[1]], "label": False},
        {"prompt": "Why?", "chosen": "Because.", "rejected": "No."},
        {"chosen": CHAT, "rejected": WRONG},
        {"prompt": [CHAT[0]], "chosen": [CHAT[1]], "rejected": [WRONG[1]]},
        {"chosen": "\n\nHuman: Why?\n\nAssistant: Because.", "rejected": "\n\nHuman: Why?"},
    ],
)
def test_one_question_in_many_rows(row, tmp_path):
    loaded = load(tmp_path / "p.jsonl", [row])
    assert questions(loaded) == ["Why?"]
    assert loaded.notes == ()


def test_a_file_of_rows_of_several_shapes(tmp_path):
    rows = [{"prompt": "One?"}, {"question": "Two?"}, {"messages": CHAT}, {"prompt": ""}]
    rows += [{"text": "An answer, or a document."}]
    loaded = load(tmp_path / "p.jsonl", rows)
    assert questions(loaded) == ["One?", "Two?", "Why?"]
    assert loaded.dropped["why"].to_list() == ["empty_prompt"] * 2


@pytest.mark.parametrize(
    "written", ["<no input>", "<noinput>", "No input.", "N/A", "none", " ", "-", None]
)
def test_an_input_that_says_there_is_none(written, tmp_path):
    row = {"instruction": "Name a colour.", "input": written}
    assert questions(load(tmp_path / "p.jsonl", [row])) == ["Name a colour."]


@pytest.mark.parametrize("written", ["42", "你好", "None of these is blue.", "no", "a - b"])
def test_an_input_that_is_one(written, tmp_path):
    row = {"instruction": "What is this?", "input": written}
    assert questions(load(tmp_path / "p.jsonl", [row])) == [f"What is this?\n\n{written}"]


@pytest.mark.parametrize(
    ("side", "note"),
    [
        ({"mode": "train"}, "p.jsonl: column 'mode' holds 'train': not read as the mode"),
        ({"axis": 3}, "p.jsonl: column 'axis' holds 3: not read as the axis"),
        ({"axis": ["x"]}, "p.jsonl: column 'axis' holds ['x']: not read as the axis"),
        ({"subset": "algebra"}, "p.jsonl: column 'subset' holds 'algebra': not read as the axis"),
        ({"context": 0.5}, "p.jsonl: column 'context' holds 0.5: not read as evidence"),
        ({"input": "x.json"}, "p.jsonl: column 'input' is read beside 'instruction' alone"),
    ],
)
def test_a_column_of_another_meaning_is_passed_over_with_a_note(side, note, tmp_path):
    loaded = load(tmp_path / "p.jsonl", [{"prompt": f"Question {n}?", **side} for n in range(3)])
    assert questions(loaded) == ["Question 0?", "Question 1?", "Question 2?"]
    assert set(loaded.prompts["axis"]) == {"helpfulness"}
    assert loaded.notes == (note,)
    assert loaded.dropped.is_empty()


def test_several_foreign_values_are_shortened(tmp_path):
    loaded = load(tmp_path / "p.jsonl", [{"prompt": f"{n}?", "mode": f"m{n}"} for n in range(3)])
    assert loaded.notes == ("p.jsonl: column 'mode' holds 'm0', …: not read as the mode",)


def test_one_bad_value_in_a_column_of_ours_sets_its_row_aside(tmp_path):
    rows = [{"prompt": "One?", "axis": "astronomy"}, {"prompt": "Two?", "axis": " Harmlessness"}]
    rows += [{"prompt": "Three?", "axis": None}]
    loaded = load(tmp_path / "p.jsonl", rows)
    assert loaded.prompts["axis"].to_list() == ["harmlessness", "helpfulness"]
    (dropped,) = loaded.dropped["detail"].to_list()
    assert dropped.startswith("p.jsonl line 1: axis is 'astronomy', not one of harmlessness, help")
    # the axis that the user gives stands above the column
    named = load_prompts([f"sentiment={tmp_path / 'p.jsonl'}"], limit=None, seed=0, commits={})
    assert named.prompts["axis"].to_list() == ["sentiment"] * 3


def test_a_mistyped_word_is_meant_for_us(tmp_path):
    loaded = load(
        tmp_path / "p.jsonl", [{"prompt": "One?", "axis": "helpfulnes"}, {"prompt": "Two?"}]
    )
    assert questions(loaded) == ["Two?"]
    assert "axis is 'helpfulnes'" in loaded.dropped["detail"][0]


def test_the_parts_of_hh_name_the_axis(tmp_path):
    parts = ["harmless-base", "helpful-online", "Harmless"]
    loaded = load(tmp_path / "p.jsonl", [{"prompt": f"{n}?", "subset": n} for n in parts])
    assert loaded.prompts["axis"].to_list() == ["harmlessness", "helpfulness", "harmlessness"]


@pytest.mark.parametrize(
    ("context", "evidence"),
    [
        ("Air scatters.", "Air scatters."),
        (["Air scatters.", "Blue most."], "Air scatters.\n\nBlue most."),
        (
            [["Air", ["It scatters.", " Blue most."]], ["Sea", ["Wet."]]],
            "Air: It scatters. Blue most.\n\nSea: Wet.",
        ),
        (
            {"title": ["Air", "Sea"], "sentences": [["It scatters."], ["Wet."]]},
            "Air: It scatters.\n\nSea: Wet.",
        ),
        ({"contexts": ["One.", "Two."], "labels": ["A", "B"]}, "One.\n\nTwo."),
        ({"title": "Air", "text": "It scatters."}, "Air: It scatters."),
        ([{"title": "Air", "text": "It scatters."}, {"text": "Wet."}], "Air: It scatters.\n\nWet."),
        ('["One.", "Two."]', "One.\n\nTwo."),
        ("['One.', 'Two.']", "One.\n\nTwo."),
        ("[citation needed] One.", "[citation needed] One."),
        ([], None),
        ("", None),
    ],
)
def test_evidence_of_every_shape(context, evidence, tmp_path):
    loaded = load(tmp_path / "p.jsonl", [{"question": "Why?", "context": context}])
    assert loaded.prompts["context"].to_list() == [evidence]


def test_evidence_in_contexts_and_a_row_without(tmp_path):
    rows = [{"question": "Why?", "contexts": ["One."]}, {"question": "How?"}]
    rows += [{"question": "When?", "contexts": 7}]
    loaded = load(tmp_path / "p.jsonl", rows)
    assert loaded.prompts["context"].to_list() == ["One.", None]
    assert "contexts is 7, not text or passages" in loaded.dropped["detail"][0]


def test_a_key_of_an_object_is_named_with_a_dot(tmp_path):
    rows = [{"data": {"asked": {"en": "Why?", "de": "Warum?"}}}, {"data": None}]
    loaded = load(tmp_path / "p.jsonl", rows, "#data.asked.de")
    assert questions(loaded) == ["Warum?"]
    assert loaded.dropped["why"].to_list() == ["empty_prompt"]
    with pytest.raises(
        UserError, match=r"no column 'data.asked.dee' \(did you mean 'data.asked.de'"
    ):
        load(tmp_path / "p.jsonl", rows, "#data.asked.dee")
    path = tmp_path / "p.parquet"
    pl.DataFrame({"prompt": [{"text": "Why?", "score": 0.5}]}).write_parquet(path)
    for source in (path, f"{path}#prompt", f"{path}#prompt.text"):
        loaded = load_prompts([str(source)], limit=None, seed=0, commits={})
        assert questions(loaded) == ["Why?"]
        assert loaded.prompts["mode"].to_list() == ["chat"]


def test_an_object_without_text_says_how_to_name_its_key(tmp_path):
    with pytest.raises(UserError, match=r"an object of en, de; name the one meant: #prompt.KEY"):
        load(tmp_path / "p.jsonl", [{"prompt": {"en": "Why?", "de": "Warum?"}}])


def test_a_transcript_in_a_text_column_is_no_document(tmp_path):
    rows = [
        {"text": "### Human: Why? ### Assistant: Because."},
        {"text": json.dumps([{"role": "user", "content": "How?"}, CHAT[1]])},
        {"text": "one two three four five six seven eight nine"},
    ]
    loaded = load(tmp_path / "p.jsonl", rows)
    assert questions(loaded) == ["Why?", "How?", "one two three four five six seven eight"]
    assert loaded.prompts["mode"].to_list() == ["chat", "chat", "completion"]
    assert loaded.prompts["axis"].to_list() == ["helpfulness", "helpfulness", "sentiment"]


def test_a_parquet_file_without_a_prompt_column_says_what_it_has(tmp_path):
    pl.DataFrame({"label": [1], "sentence": ["x"]}).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match="no prompt column among label, sentence; name one"):
        load_prompts([str(tmp_path / "p.parquet")], limit=None, seed=0, commits={})
