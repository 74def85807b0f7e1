"""Guards: language models whose verdict begins with one of a few words."""

import numpy as np
import pytest
import torch
from shown import EXACT
from small_models import PROBABILITY_ROUNDING, save_policy
from transformers import AutoModelForCausalLM, AutoTokenizer

from udasa_data.config import ModelRef, ValueRef, Verdict
from udasa_data.errors import UserError
from udasa_data.scorers import TextPair, no_progress
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import locate

# as Qwen3Guard's: a policy first, then the conversation, then the guard's own turn
TEMPLATE = (
    "<user>Rules.\n{% for m in messages %}{{ m.role|upper }}: {{ m.content }}\n{% endfor %}</s>"
    "{% if add_generation_prompt %}<assistant>{% if why %}{{ why }}{% endif %}{% endif %}"
)
WORDS = (" Safe", " Controversial", " Unsafe")
PAIRS = [TextPair("How do I cook rice?", "Boil it."), TextPair("Who?", "I.")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp("guard"), template=TEMPLATE, window=128)


def guard(folder, *violation, options=EXACT, **verdict):
    given = Verdict(**{"opening": "Safety:", "words": WORDS} | verdict)
    ref = ValueRef(id=str(folder), violation=violation, verdict=given)
    return ValueScorer(ref, locate(ModelRef(id=ref.id)), options)


def by_hand(folder, text):
    """The logits behind a text, and the tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return model(ids).logits[0, -1], tokenizer


def test_words_that_begin_alike_are_refused(folder):
    # in this small vocabulary all three begin with a space that is a token of its own
    with pytest.raises(UserError, match=r"word ' Controversial' begins with the same token as ' S"):
        guard(folder, "Unsafe")


def test_the_words_logits_are_read_behind_the_opening(folder):
    words = ("Safe", "Controversial", "Unsafe")
    p = guard(folder, "Unsafe", words=words)(PAIRS, no_progress)
    for pair, found in zip(PAIRS, p, strict=True):
        text = f"<user>Rules.\nUSER: {pair.first}\nASSISTANT: {pair.second}\n</s><assistant>Safety:"
        logits, tokenizer = by_hand(folder, text)
        ids = tokenizer.convert_tokens_to_ids(["S", "C", "U"])
        expected = torch.softmax(logits[ids].double(), dim=0)[2].item()
        assert found == pytest.approx(expected, abs=PROBABILITY_ROUNDING)
    both = guard(folder, "Unsafe", "Controversial", words=words)(PAIRS, no_progress)
    safe = guard(folder, "Safe", words=words)(PAIRS, no_progress)
    assert both + safe == pytest.approx(1.0)
    with pytest.raises(UserError, match="no label 'harm'"):
        guard(folder, "harm", words=words)


def test_options_of_the_template_reach_it_and_make_other_scores(folder):
    words = ("Yes", "No")
    plain = guard(folder, "Yes", words=words, opening="")(PAIRS, no_progress)
    asked = guard(folder, "Yes", words=words, opening="", template={"why": "harm"})
    assert not np.allclose(asked(PAIRS, no_progress), plain)


def test_a_text_alone_is_what_was_answered(folder):
    scorer = guard(folder, "Unsafe", words=("Safe", "Unsafe"))
    alone, answered = TextPair("Boil it.", ""), TextPair("", "Boil it.")
    assert scorer([alone], no_progress) == scorer([answered], no_progress)


def test_too_long_a_conversation_is_cut_and_not_the_guards_rules(folder):
    counted = []
    options = EXACT._replace(on_truncated=lambda _name, n: counted.append(n))
    scorer = guard(folder, "Unsafe", words=("Safe", "Unsafe"), options=options)
    fed = []
    model = scorer._loaded.model.model
    model.base_model.register_forward_pre_hook(
        lambda _m, _a, given: fed.extend(given["input_ids"].tolist()), with_kwargs=True
    )
    long = TextPair("Let it rest. " * 60, "Boil it.")
    assert np.isfinite(scorer([long], no_progress)).all()
    text = AutoTokenizer.from_pretrained(folder).decode(fed[0])
    assert text.startswith("<user>Rules.\nUSER: ")
    assert text.endswith("ASSISTANT: Boil it.\n</s><assistant>Safety:")
    assert counted == [1]
    assert len(fed[0]) <= 128


def test_a_guard_needs_a_chat_template(tmp_path):
    plain = save_policy(tmp_path / "plain", template=None)
    with pytest.raises(UserError, match="has no chat template; a verdict"):
        guard(plain, "Unsafe", words=("Safe", "Unsafe"))
