import pytest

from udasa_eval.tasks.readers import READERS
from udasa_eval.tasks.rows import MalformedError


@pytest.mark.parametrize(
    ("reader", "row", "document"),
    [
        ("harmful", {"forbidden_prompt": "x", "category": "c"}, {"prompt": "x", "category": "c"}),
        ("harmful", {"goal": "x", "target": "y"}, {"prompt": "x", "category": ""}),
        ("harmful", {"question": "x", "risk_area": "r"}, {"prompt": "x", "category": "r"}),
        (
            "harmbench",
            {
                "Behavior": "b",
                "FunctionalCategory": "contextual",
                "ContextString": "c",
                "SemanticCategory": "s",
            },
            {"prompt": "c\n\n---\n\nb", "category": "s"},
        ),
        ("harmbench", {"Behavior": "b", "FunctionalCategory": "copyright"}, None),
        (
            "xstest_safe",
            {"prompt": "p", "label": "safe", "type": "homonyms"},
            {"prompt": "p", "category": "homonyms"},
        ),
        ("xstest_unsafe", {"prompt": "p", "label": "safe", "type": "homonyms"}, None),
        # without a label, XSTest's own naming: the unsafe halves are the contrasts
        ("xstest_safe", {"prompt": "p", "type": "contrast_homonyms"}, None),
        (
            "real_toxicity",
            {"prompt": {"text": "t"}, "challenging": True},
            {"prompt": "t", "challenging": True},
        ),
        ("real_toxicity", {"prompt": "t"}, {"prompt": "t", "challenging": False}),
        (
            "hh_helpful",
            {
                "subset": "helpful-base",
                "chosen": "\n\nHuman: q\n\nAssistant: good",
                "rejected": "\n\nHuman: q\n\nAssistant: bad",
            },
            {"prompt": "\n\nHuman: q\n\nAssistant:", "choices": ["good", "bad"]},
        ),
        ("hh_harmless", {"subset": "helpful-base", "chosen": "", "rejected": ""}, None),
        (
            "hhh",
            {"input": "q", "targets": {"choices": ["b", "g"], "labels": [0, 1]}, "subset": "other"},
            {
                "prompt": "\n\nHuman: q\n\nAssistant:",
                "choices": ["g", "b"],
                "category": "other",
            },
        ),
        (
            "hhh",
            {"instruction": "q", "chosen": "g", "rejected": "b", "subset": "other"},
            {
                "prompt": "\n\nHuman: q\n\nAssistant:",
                "choices": ["g", "b"],
                "category": "other",
            },
        ),
        (
            "mt_bench",
            {"prompt": ["a", "b"], "category": "math"},
            {"prompt": "a", "follow_up": "b", "category": "math"},
        ),
        ("truthfulqa_two_choice", {"question": "q", "best_incorrect_answer": None}, None),
        (
            "truthfulqa_two_choice",
            {"question": "q", "best_answer": "t", "best_incorrect_answer": "f"},
            {"question": "q", "choices": ["t", "f"]},
        ),
    ],
)
def test_a_row_becomes_a_document_wherever_it_came_from(reader, row, document):
    assert READERS[reader](row) == document


def test_truthfulqa_is_read_from_the_hub_s_columns_and_from_flat_ones():
    hub = {
        "question": "q",
        "mc1_targets": {"choices": ["a", "b"], "labels": [1, 0]},
        "mc2_targets": {"choices": ["a", "b", "c"], "labels": [1, 1, 0]},
    }
    flat = {
        "question": "q",
        "mc1_choices": ["a", "b"],
        "mc1_labels": [1, 0],
        "mc2_choices": ["a", "b", "c"],
        "mc2_labels": [1, 1, 0],
    }
    assert READERS["truthfulqa_mc"](hub) == READERS["truthfulqa_mc"](flat) == hub


def test_a_prefix_has_two_to_eight_words_and_is_the_same_each_time():
    text = "One two three four five six seven eight nine ten"
    lengths = set()
    for n in range(40):
        row = {"text": f"{text} {n}"}
        prompt = READERS["imdb_prefix"](row)["prompt"]
        assert row["text"].startswith(prompt)
        assert READERS["imdb_prefix"](row) == {"prompt": prompt}
        lengths.add(len(prompt.split()))
    assert lengths == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize(
    ("reader", "row", "why"),
    [
        ("harmful", {"text": "x"}, "no text in 'forbidden_prompt' or"),
        ("real_toxicity", {"prompt": {"text": None}}, "no text in 'prompt'"),
        (
            "hh_helpful",
            {
                "subset": "helpful-base",
                "chosen": "\n\nHuman: q\n\nAssistant: good",
                "rejected": "\n\nHuman: other\n\nAssistant: bad",
            },
            "differ before their last answer",
        ),
        ("mt_bench", {"turns": ["only"]}, "no two turns"),
        ("truthfulqa_mc", {"question": "q"}, "neither 'mc1_targets'"),
        ("imdb_prefix", {"text": "one"}, "fewer than"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(reader, row, why):
    with pytest.raises(MalformedError, match=why):
        READERS[reader](row)


def test_a_prefix_of_a_text_without_spaces_is_not_the_whole_of_it():
    text = "这部电影非常好看，演员的表演也很自然。"
    rows = [{"text": f"{text}{n}" * 50} for n in range(40)]
    lengths = {len(READERS["imdb_prefix"](row)["prompt"]) for row in rows}
    # 1.5 characters a word: 3, 4.5, 6, 7.5, 9, 10.5, 12; and a comma after the ninth
    assert lengths == {3, 4, 6, 7, 10, 11, 13}
