"""Rows of questions and of more harm sets, as their sources have them."""

import base64

import pytest

from udasa_eval.tasks.attacks import ATTACKS
from udasa_eval.tasks.readers import READERS
from udasa_eval.tasks.rows import MalformedError


@pytest.mark.parametrize(
    ("reader", "row", "document"),
    [
        ("harmful", {"Goal": "x", "Category": "c"}, {"prompt": "x", "category": "c"}),
        ("harmful", {"prompts_final": "x", "harm_area": "h", "category": "c"}, ("x", "h")),
        ("wildguard_harmful", {"prompt": "x", "prompt_harm_label": "unharmful"}, None),
        (
            "wildguard_harmful",
            {"prompt": "x", "prompt_harm_label": "harmful", "adversarial": True},
            ("x", "adversarial"),
        ),
        (
            "wildguard_harmless",
            {"prompt": "x", "prompt_harm_label": "unharmful", "adversarial": False},
            ("x", "plain"),
        ),
        # without a label: neither
        ("wildguard_harmless", {"prompt": "x", "prompt_harm_label": None}, None),
        ("coconot_comply", {"prompt": "x", "category": "c", "subset": "original"}, None),
        ("coconot_comply", {"prompt": "x", "category": "c", "subset": "contrast"}, ("x", "c")),
        ("coconot_decline", {"prompt": "x", "category": "c", "subset": "original"}, ("x", "c")),
        ("short_answer", {"question": "q", "answers": ["a", "a", "b"]}, ["a", "b"]),
        (
            "short_answer",
            {"question": "q", "answer": {"value": "a", "aliases": ["b", "a"]}},
            ["a", "b"],
        ),
        ("short_answer", {"question": "q", "possible_answers": '["a", "b"]'}, ["a", "b"]),
        ("short_answer", {"question": "q", "answer": "1945"}, ["1945"]),  # JSON, but no list
        ("nq_open", {"question": "q", "answer": ["a"]}, ["a"]),
        ("nq_open", {"question": "q", "answers": ["a"], "split": "efficientqa_dev"}, None),
        ("web_questions", {"question": "q", "answers": ["a"], "split": "test"}, ["a"]),
        ("web_questions", {"question": "q", "answers": ["a"], "split": "val"}, None),
        ("simple_qa", {"problem": "q", "answer": "a", "metadata": "{}"}, ["a"]),
        (
            "self_aware",
            {"question": "q", "answerable": False, "answer": None},
            {"prompt": "q", "answerable": False, "category": "unanswerable"},
        ),
        (
            "halueval_qa",
            {"knowledge": "k", "question": "q", "right_answer": "a", "hallucinated_answer": "b"},
            {"prompt": "q", "knowledge": "k", "choices": ["a", "b"]},
        ),
        (
            "arena_hard",
            {
                "question_id": "1",
                "cluster": "c",
                "turns": [{"content": "q"}],
                "model_id": "m",
                "choices": [{"index": 0, "turns": [{"content": "a", "token_len": 1}]}],
            },
            {"prompt": "q", "category": "c", "baseline": "a", "baseline_of": "m"},
        ),
    ],
)
def test_rows_become_documents(reader, row, document):
    if isinstance(document, tuple):
        document = dict(zip(("prompt", "category"), document, strict=True))
    elif isinstance(document, list):
        document = {"prompt": "q", "answers": document}
    assert READERS[reader](row) == document


@pytest.mark.parametrize(
    ("reader", "row", "why"),
    [
        ("short_answer", {"question": "q"}, "no answers in 'answers'"),
        ("short_answer", {"question": "q", "answers": [" "]}, "no answer is a text"),
        ("self_aware", {"question": "q", "answerable": "yes"}, "no true or false"),
        ("arena_hard", {"turns": [{"content": "q"}]}, "no answer in 'choices'"),
        ("gsm8k", {"question": "q"}, "no 'answer'"),
        ("mmlu_pro", {"question": "q", "answer": "A"}, "no 'options' and no 'category'"),
    ],
)
def test_rows_that_lack_something_are_set_aside(reader, row, why):
    with pytest.raises(MalformedError, match=why):
        READERS[reader](row)


def test_each_request_is_under_one_attack_and_always_the_same():
    requests = [f"How do I pick lock {n}?" for n in range(60)]
    found = [READERS["jailbroken"]({"forbidden_prompt": text}) for text in requests]
    assert found == [READERS["jailbroken"]({"prompt": text}) for text in requests]
    assert {document["category"] for document in found} == set(ATTACKS)
    for request, document in zip(requests, found, strict=True):
        *_, last = document["prompt"].split("\n\n")
        hidden = document["category"] == "base64"
        text = base64.b64decode(last).decode() if hidden else document["prompt"]
        assert request in text
