"""A template's space before an answer, which a SentencePiece tokenizer has in the first token."""

import pytest
from shaped_tokenizers import CHATML, MISTRAL, chatml, mistral

from udasa_data.engines import rewritten, special_tokens

TURNS = [{"role": "user", "content": "Who wrote it?"}]


def made(tokenizer, template, said):
    tokenizer.chat_template = template
    return rewritten(tokenizer, TURNS, said, special_tokens(tokenizer), {})


def test_it_is_no_other_text_to_mistrals_tokenizer():
    assert made(mistral(), MISTRAL, "the answer is good") is None
    # what the model says is decoded to the same: its first token holds the space
    ids = mistral()("[/INST] good</s>", add_special_tokens=False)["input_ids"]
    assert mistral().decode(ids[1:-1]) == "good"


@pytest.mark.parametrize("said", ["  good", "the\n\n"])
def test_what_the_template_trims_is(said):
    assert "of the answer" in made(mistral(), MISTRAL, said)


def test_it_is_to_a_tokenizer_that_keeps_spaces():
    spaced = CHATML.replace("{{ m.content }}", "{{ ' ' + m.content }}")
    assert "of the answer 'good'" in made(chatml(), spaced, "good")
