import pytest

from udasa_data.scorers.texts import sentences
from udasa_data.scoring.claims import is_checkable
from udasa_data.scoring.refusal import is_refusal


def test_sentences():
    assert sentences("Dr. Smith left. He came back!\n\n42") == [
        "Dr. Smith left.",
        "He came back!",
        "42",
    ]
    assert sentences("no end") == ["no end"]
    assert sentences("...\n---") == []


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Paris is the capital of France.", True),
        ("- Water boils at 100 degrees.", True),
        ("Is Paris the capital?", False),
        ("I think it is blue.", False),
        ("Please wash the rice.", False),
        ("Very good.", False),
        ("Yes, water boils at 100 degrees.", True),
        ("Well, no: I think not.", False),
        ("Oh yes.", False),
        ("No one knows the answer.", True),
        ("Icebergs float on the sea.", True),
    ],
)
def test_what_is_checkable(sentence, expected):
    assert is_checkable(sentence) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot do this.", True),
        ("As an AI, I have no opinion.", True),
        ("Sorry, no.", True),
        ("I can help you with that.", False),
        ("The answer is sorry.", False),
    ],
)
def test_refusals(text, expected):
    assert is_refusal(text) is expected
