"""What does not fit a scorer's window: cut from the left, and counted."""

import numpy as np
import pytest
from shown import EXACT, by_template, fed_to, scorer, talk
from small_models import ENCODER, save_chat_classifier, save_classifier
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    ByT5Tokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from udasa_data.config import ModelRef
from udasa_data.scorers import ScoreCache, TextPair, exchange, no_progress
from udasa_data.scorers.models import _positions
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.shortening import last_tokens
from udasa_data.storage import locate

HARMLESS = "Thank you. And then?"
ANSWER = "Let it rest."


@pytest.fixture(scope="module")
def chat_reward(tmp_path_factory):
    return save_chat_classifier(tmp_path_factory.mktemp("reward"), ["reward"], window=64)


def test_what_a_template_renders_is_cut_from_the_left_and_counted(chat_reward, tmp_path):
    told = []
    cache = ScoreCache(tmp_path / "scores.sqlite")
    options = EXACT._replace(on_truncated=lambda *said: told.append(said[1]), cache=cache)
    long = talk("How do I cook rice? " * 20, "Wash it.", HARMLESS)
    pairs = [exchange(long, ANSWER), exchange(talk("Who?"), "I.")]
    reward = scorer(chat_reward, options=options)
    rows = fed_to(reward._loaded.model)
    first = reward(pairs, no_progress)
    ids = by_template(chat_reward, long, ANSWER)
    assert len(ids) > 64
    assert rows[0] == [ids[0], *ids[-63:]]
    assert rows[1] == by_template(chat_reward, talk("Who?"), "I.")
    assert told == [1]
    again = scorer(chat_reward, options=options)
    assert fed_to(again._loaded.model) == []
    assert np.array_equal(again(pairs, no_progress), first)
    assert told == [1, 1]


def test_a_reward_of_two_texts_is_never_an_average_and_keeps_the_answer_whole(small):
    told = []
    options = EXACT._replace(on_truncated=lambda *said: told.append(said[1]))
    reward = scorer(small["reward"], options=options)
    rows = fed_to(reward._loaded.model)
    answer = "Wash it, boil it, and let it rest. " * 3
    reward([exchange(talk("The cat sat on the mat. " * 40, "No.", HARMLESS), answer)], no_progress)
    (ids,) = rows
    tokenizer = reward._loaded.tokenizer
    first, second = tokenizer.decode(ids).removeprefix("[CLS]").split("[SEP]")[:2]
    assert len(ids) <= 128
    assert second.strip() == answer.strip()
    assert first.strip().endswith(f"User: {HARMLESS}")
    assert "The cat" in first
    assert told == [1]
    # an answer that alone is too long: one text still, its end
    rows.clear()
    reward([exchange(talk("Who?"), "The cat sat. " * 100 + "The end.")], no_progress)
    (ids,) = rows
    assert tokenizer.decode(ids).endswith("The end.[SEP]")


def test_a_classifier_of_two_texts_splits_the_answer_and_cuts_the_conversation(small):
    told = []
    options = EXACT._replace(on_truncated=lambda *said: told.append(said[1]))
    harm = scorer(small["harm"], "unsafe", options=options)
    rows = fed_to(harm._loaded.model)
    answer = " ".join(f"The cat number {n} sat on the mat." for n in range(20))
    harm([exchange(talk("I liked this film. " * 40, "No.", HARMLESS), answer)], no_progress)
    texts = [harm._loaded.tokenizer.decode(ids).split("[SEP]") for ids in rows]
    assert len(rows) > 1
    assert all(first.strip().endswith(f"User: {HARMLESS}") for first, *_ in texts)
    assert {n for n in range(20) if any(f"number {n} " in text[1] for text in texts)} == {
        *range(20)
    }
    assert told == [1]


def test_premise_and_hypothesis_lose_the_same_beginning(small):
    told = []
    options = EXACT._replace(on_truncated=lambda *said: told.append(said[1]))
    ref = ModelRef(id=str(small["nli"]))
    nli = NliScorer(locate(ref), options)
    rows = fed_to(nli._loaded.model)
    asked = exchange(talk("I liked this film. " * 40, "No.", HARMLESS), "")
    prefix = f"{asked.first}\n\nAssistant: "
    nli([TextPair(f"{prefix}It is so.", f"{prefix}It is not.", asked.turns)], no_progress)
    (ids,) = rows
    decoded = nli._loaded.tokenizer.decode(ids).removeprefix("[CLS]")
    first, second = (text.strip() for text in decoded.split("[SEP]")[:2])
    assert first.removesuffix("It is so.") == second.removesuffix("It is not.")
    assert first.endswith(f"User: {HARMLESS}\n\nAssistant: It is so.")
    assert told == [1]


def test_a_model_reads_as_far_as_its_own_window(tmp_path):
    wide = scorer(save_chat_classifier(tmp_path / "a", ["reward"], window=2048))
    assert wide._loaded.options.max_length == 2048
    bound = scorer(tmp_path / "a", options=EXACT._replace(max_length=512))
    assert bound._loaded.options.max_length == 512
    narrow = scorer(save_classifier(tmp_path / "b", ["reward"]))
    assert narrow._loaded.options.max_length == 128


@pytest.mark.parametrize(
    ("text", "n", "end"),
    [("The cat sat", 3, "sat"), ("The cat sat", 11, "The cat sat"), ("The cat", 0, "")],
)
def test_a_tokenizer_in_python_cuts_texts_too(text, n, end):
    assert last_tokens(ByT5Tokenizer(), text, n) == end


def test_a_text_is_cut_where_a_word_begins_or_in_a_script_without_spaces_anywhere(small):
    tokenizer = AutoTokenizer.from_pretrained(small["harm"])
    text = "Wonderful, incomprehensible things. " * 3
    for n in range(1, 40):
        end = last_tokens(tokenizer, text, n)
        assert text.endswith(end)
        assert not end or text[len(text) - len(end) - 1].isspace() or end == text
        assert len(tokenizer(end, add_special_tokens=False)["input_ids"]) <= n
    assert "東京は日本の首都".endswith(last_tokens(tokenizer, "東京は日本の首都", 9))
    assert last_tokens(tokenizer, "東京は日本の首都", 9)


def test_positions_before_the_first_are_none_of_the_window():
    small = {**ENCODER, "num_hidden_layers": 1}
    assert _positions(BertForSequenceClassification(BertConfig(**small))) == 40
    roberta = RobertaConfig(**{**small, "pad_token_id": 1})
    assert _positions(RobertaForSequenceClassification(roberta)) == 38
