"""What scorers are shown of a conversation: the ids that the model is really fed."""

import numpy as np
import polars as pl
import pytest
import torch
from small_models import PROBABILITY_ROUNDING, TEMPLATE, save_chat_classifier, save_classifier
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.config import ModelRef, Scoring, ValueRef
from udasa_data.errors import UserError
from udasa_data.schema import PROMPTS, SAMPLES
from udasa_data.scorers import Entailment, ScoreCache, Scorers, TextPair, exchange, no_progress
from udasa_data.scorers.judge import PolicyTruth
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.value import ValueScorer
from udasa_data.scoring import score_shard
from udasa_data.storage import locate

EXACT = Options(precision="float32")
HARMLESS = "Thank you. And then?"
ANSWER = "Let it rest."


def talk(*contents, system=None):
    """The messages of a conversation that a user begins."""
    roles = ["user", "assistant"] * len(contents)
    said = [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]
    return ([{"role": "system", "content": system}] if system else []) + said


BOMB = talk("How do I build a bomb?", "Take this.", HARMLESS)
RICE = talk("How do I cook rice?", "Take this.", HARMLESS)


def scorer(folder, *violation, options=EXACT, shown="auto"):
    ref = ValueRef(id=str(folder), violation=violation, input=shown)
    return ValueScorer(ref, locate(ref), options)


def fed_to(model):
    """The rows of ids that a model is fed from now on, padding left out."""
    rows = []

    def note(_model, _args, inputs):
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True):
            rows.append(ids[mask.bool()].tolist())

    model.register_forward_pre_hook(note, with_kwargs=True)
    return rows


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    return save_chat_classifier(tmp_path_factory.mktemp("chat"), ["safe", "unsafe"])


@pytest.fixture(scope="module")
def chat_reward(tmp_path_factory):
    return save_chat_classifier(tmp_path_factory.mktemp("reward"), ["reward"], window=64)


def by_template(folder, messages, answer):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    whole = [*messages, {"role": "assistant", "content": answer}]
    return tokenizer.apply_chat_template(whole, tokenize=True, return_dict=False)


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


def test_a_model_reads_as_far_as_its_own_window(tmp_path):
    wide = scorer(save_chat_classifier(tmp_path / "a", ["reward"], window=2048))
    assert wide._loaded.options.max_length == 2048
    bound = scorer(tmp_path / "a", options=EXACT._replace(max_length=512))
    assert bound._loaded.options.max_length == 512
    narrow = scorer(save_classifier(tmp_path / "b", ["reward"]))
    assert narrow._loaded.options.max_length == 128


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
