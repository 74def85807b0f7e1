"""What makes two prompts one, and what makes them one question."""

import json
import unicodedata

import polars as pl
import pytest

from udasa_data.prompts import load_prompts, prompt_id, question_of, split_of


def id_of(text, context=None, mode="chat"):
    return prompt_id([("user", text)], mode, context)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2² + 1?", "What is 22 + 1?"),
        ("What is ½ of 4?", "What is 1⁄2 of 4?"),  # the fraction slash, as NFKC writes ½
        ("What is x₂ in H₂O?", "what is X2 in h2o?"),
        ("Is Polish a language?", "is polish a language?"),
        ("if x:\n    y\nelse:\n  z", "if x: y else: z"),
        ("if x:\n\ty", "if x:\n    y"),
        ("２", "2"),
    ],
)
def test_what_differs_as_text_is_another_prompt_of_the_same_question(one, other):
    assert id_of(one) != id_of(other)
    assert question_of([("user", one)]) == question_of([("user", other)])
    for share in (0.1, 0.5, 0.9):
        assert split_of(id_of(one), share) == split_of(id_of(other), share)


def test_how_letters_are_composed_does_not_count():
    text = "Où est le café ?"
    assert id_of(text) == id_of(unicodedata.normalize("NFD", text))


def test_evidence_and_mode_are_part_of_a_prompt_and_not_of_its_split():
    ids = {
        id_of("Who?"),
        id_of("Who?", "A passage."),
        id_of("Who?", "Another."),
        id_of("Who?", mode="completion"),
    }
    assert len(ids) == 4
    for share in (0.1, 0.5, 0.9):
        assert len({split_of(one, share) for one in ids}) == 1


def test_other_questions_have_other_splits():
    splits = {split_of(id_of(f"Question {n}?"), 0.5) for n in range(40)}
    assert splits == {"train", "test"}


def test_roles_and_turns_count():
    turns = [("user", "a"), ("assistant", "b"), ("user", "c")]
    assert question_of(turns) != question_of([("user", "a b c")])
    assert question_of(turns) != question_of([("system", "a"), ("assistant", "b"), ("user", "c")])


def test_prompts_keep_their_layout_and_line_ends_are_of_one_kind(tmp_path):
    path = tmp_path / "p.jsonl"
    texts = ["\r\n\r\n    def f():\r\n\treturn 1\r\n\r\n", "a\rb", "  Code?  "]
    path.write_text("\n".join(json.dumps({"prompt": text}) for text in texts))
    loaded = load_prompts([str(path)], limit=None, seed=0, commits={})
    found = [messages[0]["content"] for messages in loaded.prompts["messages"].to_list()]
    assert found == ["    def f():\n\treturn 1", "a\nb", "  Code?"]


def test_a_line_end_of_another_system_is_no_other_prompt(tmp_path):
    path = tmp_path / "p.parquet"
    pl.DataFrame({"prompt": ["a\nb", "a\r\nb", "a\rb\n"]}).write_parquet(path)
    loaded = load_prompts([str(path)], limit=None, seed=0, commits={})
    assert len(loaded.prompts) == 1
    assert loaded.dropped["why"].to_list() == ["duplicate"] * 2
