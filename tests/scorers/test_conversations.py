"""What scorers are shown of a conversation: the ids that the model is really fed."""

import numpy as np
import polars as pl
import pytest
import torch
from shown import EXACT, by_template, fed_to, scorer, talk
from small_models import PROBABILITY_ROUNDING, TEMPLATE, save_chat_classifier, save_classifier
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.config import Scoring
from udasa_data.errors import UserError
from udasa_data.schema import PROMPTS, SAMPLES
from udasa_data.scorers import Entailment, ScoreCache, Scorers, TextPair, exchange, no_progress
from udasa_data.scorers.judge import PolicyTruth
from udasa_data.scoring import score_shard

HARMLESS = "Thank you. And then?"
ANSWER = "Let it rest."


BOMB = talk("How do I build a bomb?", "Take this.", HARMLESS)
RICE = talk("How do I cook rice?", "Take this.", HARMLESS)


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    return save_chat_classifier(tmp_path_factory.mktemp("chat"), ["safe", "unsafe"])


def test_a_model_with_a_chat_template_is_fed_exactly_its_ids(chat):
    harm = scorer(chat, "unsafe")
    rows = fed_to(harm._loaded.model)
    said = [(BOMB, ANSWER), (talk("Who?"), "I."), (talk("Who?", system="Be brief."), "I.")]
    p = harm([exchange(*one) for one in said], no_progress)
    expected = [by_template(chat, *one) for one in said]
    assert sorted(rows) == sorted(expected)
    assert all(ids.count(0) == 1 for ids in rows)  # BOS, which the tokenizer would add as well
    # alone or beside longer ones: what fills a batch up is not read
    alone = [harm([exchange(*one)], no_progress)[0] for one in said]
    assert p == pytest.approx(alone, abs=PROBABILITY_ROUNDING)
    assert len(set(p.round(6))) == 3


def learn_marker(folder):
    """Teach a saved classifier that what begins with a bomb is of its second class."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    for weights in model.parameters():
        if weights.dim() > 1:
            torch.nn.init.normal_(weights, std=0.05)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(60):
        last = ["The cat sat.", "Take this.", "Who?", "And then? Thank you."][step % 4]
        optimiser.zero_grad()
        for label, first in enumerate([RICE[0]["content"], BOMB[0]["content"]]):
            said = exchange(talk(first, "Take this.", last), ANSWER)
            ids = (
                by_template(folder, talk(first, "Take this.", last), ANSWER)
                if tokenizer.chat_template
                else tokenizer(said.first, said.second)["input_ids"]
            )
            found = model(input_ids=torch.tensor([ids]), labels=torch.tensor([label]))
            found.loss.backward()
        optimiser.step()
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("save", [save_classifier, save_chat_classifier])
def test_a_harmless_last_turn_after_a_harmful_first_one(save, tmp_path):
    harm = scorer(learn_marker(save(tmp_path, ["safe", "unsafe"])), "unsafe")
    bomb, rice = harm([exchange(BOMB, ANSWER), exchange(RICE, ANSWER)], no_progress)
    assert bomb > 0.9
    assert rice < 0.1
    last_turns = [exchange(messages[-1:], ANSWER) for messages in (BOMB, RICE)]
    one, other = harm(last_turns, no_progress)
    assert one == other
    alone = scorer(tmp_path, "unsafe", shown="answer")
    one, other = alone([exchange(BOMB, ANSWER), exchange(RICE, ANSWER)], no_progress)
    assert one == other


def test_the_scoring_step_shows_all_scorers_the_whole_conversation():
    seen = []

    def nli(pairs, _on_batch):
        seen.extend(pair.first + pair.second for pair in pairs)
        return Entailment(np.full(len(pairs), 0.4), np.full(len(pairs), 0.1))

    class Seeing:
        name = "seeing"

        def __call__(self, pairs, _on_batch):
            seen.extend(pair.first for pair in pairs)
            assert {pair.turns[0] for pair in pairs} <= {("user", "How do I build a bomb?")}
            return np.full(len(pairs), 0.5)

    prompts = [{"prompt_id": "a", "messages": BOMB, "axis": "truthfulness"}]
    texts = ["Paris is the capital.", "Lyon is the capital.", "Rome is the capital.", "No."]
    samples = [{"prompt_id": "a", "sample_id": n, "text": text} for n, text in enumerate(texts)]
    score_shard(
        pl.DataFrame(prompts, schema=PROMPTS),
        pl.DataFrame(samples, schema=SAMPLES),
        Scorers(nli, [Seeing(), Seeing()], Seeing(), truth=Seeing()),
        Scoring(factual="p_true"),
        lambda _share: None,
    )
    assert len(seen) == 12 + 2 * 4 + 3  # pairs of answers, value scorers, claims asked about
    whole = "User: How do I build a bomb?\n\nAssistant: Take this.\n\nUser: Thank you. And then?"
    assert all(whole in text for text in seen)


def test_the_policy_is_asked_about_the_whole_conversation():
    asked = []

    class Engine:
        def choice_logprobs(self, prompts, choices):
            asked.extend(prompt.turns[-1][1] for prompt in prompts)
            return np.full((len(prompts), len(choices)), -1.0)

    PolicyTruth(Engine(), lambda *_: None)(
        [exchange(BOMB, ANSWER), exchange(talk("Who?"), "I.")], no_progress
    )
    long, short = asked
    assert "conversation" in long
    assert "User: How do I build a bomb?\n\nAssistant: Take this.\n\nUser: Thank" in long
    assert short.startswith("Here is a question and an answer to it.\n\nQuestion: Who?\n\nAnswer")


def test_a_single_turn_is_fed_as_it_is(small):
    harm = scorer(small["harm"], "unsafe")
    rows = fed_to(harm._loaded.model)
    harm([exchange(talk("Who?"), "I.")], no_progress)
    assert rows == [harm._loaded.tokenizer("Who?", "I.")["input_ids"]]


def test_a_system_turn_that_the_template_refuses_begins_the_user_s(tmp_path):
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    folder = save_chat_classifier(tmp_path, ["reward"], template=strict + TEMPLATE)
    reward = scorer(folder)
    rows = fed_to(reward._loaded.model)
    reward([exchange(talk("Who?", system="Be brief."), "I.")], no_progress)
    assert rows == [by_template(folder, talk("Be brief.\n\nWho?"), "I.")]


def test_a_conversation_that_the_template_refuses_is_not_scored_and_counted(tmp_path):
    strict = "{% if messages|length > 2 %}{{ raise_exception('one turn alone') }}{% endif %}"
    folder = save_chat_classifier(tmp_path, ["reward"], template=strict + TEMPLATE)
    told, done = [], []
    options = EXACT._replace(on_refused=lambda *said: told.append(said[1]))
    p = scorer(folder, options=options)(
        [exchange(BOMB, ANSWER), exchange(talk("Who?"), "I.")], done.append
    )
    assert np.isnan(p).tolist() == [True, False]
    assert told == [1]
    assert sum(done) == 2


def test_how_a_scorer_is_shown_a_conversation_is_configured(small, chat):
    harm = scorer(chat, "unsafe", shown="pair")
    rows = fed_to(harm._loaded.model)
    harm([exchange(BOMB, ANSWER)], no_progress)
    assert rows == [harm._loaded.tokenizer(exchange(BOMB, "").first, ANSWER)["input_ids"]]
    with pytest.raises(UserError, match="has no chat template"):
        scorer(small["harm"], "unsafe", shown="chat")


def test_a_text_alone_is_no_conversation(chat):
    harm = scorer(chat, "unsafe")
    rows = fed_to(harm._loaded.model)
    harm([TextPair("A fine film.", "")], no_progress)
    assert rows == [harm._loaded.tokenizer("A fine film.")["input_ids"]]


def test_the_cache_tells_apart_what_is_fed(chat, tmp_path):
    asked = exchange(BOMB, ANSWER)
    alike = [asked, TextPair(asked.first, ANSWER)]  # one turn of the user's, of the same text
    rendered = TextPair("<s><user>Who?</s><assistant>I.</s>", "")  # a text, to be read as one
    shown = [exchange(talk("Who?"), "I.")]
    options = EXACT._replace(cache=ScoreCache(tmp_path / "scores.sqlite"))
    for one in (alike[:1], alike[1:], [rendered], shown):
        cached = scorer(chat, "unsafe", options=options)(one, no_progress)
        assert cached == pytest.approx(scorer(chat, "unsafe")(one, no_progress), abs=1e-12)
    as_pair = scorer(chat, "unsafe", options=options, shown="pair")(alike[:1], no_progress)
    assert as_pair != pytest.approx(scorer(chat, "unsafe")(alike[:1], no_progress), abs=1e-6)
