import pytest

from udasa_data.languages import sentences
from udasa_data.scoring.claims import is_checkable


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
        ("서울은 대한민국의 수도이다.", True),
    ],
)
def test_what_is_checkable(sentence, expected):
    assert is_checkable(sentence) is expected
