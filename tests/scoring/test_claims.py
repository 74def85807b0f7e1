import pytest

from udasa_data.languages import sentences
from udasa_data.scoring.claims import claims_of, is_checkable


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
        ("北京是中国的首都。", True),
        ("是的。", False),  # a word and a half
        ("你喜欢哪个？", False),
        ("東京は日本の首都です。", True),
        ("กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย", True),
        ("ครับ", False),  # three characters, one word
        ("هل تعلم ذلك الآن؟", False),
        ("القاهرة هي عاصمة مصر.", True),
        ("Please note that the museum closes at five.", True),
        ("I can tell you that vaccines cause autism.", True),
        ("I'm sure that the Earth is flat.", True),
        ("Note: the shop is closed on Sundays.", True),
        ("I want to note something.", False),
        ("I think that it is blue.", False),
        ("1. Rinse the rice in cold water.", False),
        ("Use a sharp knife for this.", False),
        ("3. Iron rusts in damp air.", True),
        ("## The history of Rome in brief", False),
        ("**Ingredients for four people:**", False),
        ("Here are three ways to do it:", False),
        ("Used cars lose value quickly.", True),
        ("서울은 대한민국의 수도이다.", True),
    ],
)
def test_what_is_checkable(sentence, expected):
    assert is_checkable(sentence) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Paris", [0]),
        ("Harper Lee.", [0]),
        ("1969", [0]),
        ("“Yes”", []),
        ("No, sorry.", []),
        ("Who?", []),
        ("Water boils at 100 degrees.", [0]),
    ],
)
def test_a_bare_name_answers_a_question_of_fact(answer, expected):
    assert claims_of([answer], of_fact=True) == expected
    assert claims_of([answer], of_fact=False) == ([0] if is_checkable(answer) else [])
    assert claims_of(["Well.", answer], of_fact=True) == ([1] if is_checkable(answer) else [])
