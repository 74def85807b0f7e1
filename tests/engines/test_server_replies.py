"""What servers write in place of a plain reply: understood, or their own words shown once."""

import json
import math

import numpy as np
import polars as pl
import pytest
from answering_server import AnsweringServer, choice, reply

from udasa_data import build, resolve
from udasa_data.config.build import Sampling
from udasa_data.config.engine import Server
from udasa_data.engines.meter import Meter
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.errors import UserError

PARAMS = Sampling(samples=4, max_tokens=16)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Back off in milliseconds."""
    monkeypatch.setattr("udasa_data.engines.wire._FIRST_PAUSE", 0.005)
    monkeypatch.setattr("udasa_data.engines.wire._LONGEST_PAUSE", 0.05)


def asked(answer, texts=("Say one", "Say two"), params=PARAMS, **options):
    """Return (answers by prompt, the engine's notes, what the server was asked)."""
    prompts = [PolicyPrompt((("user", t),), raw=False, seed=n * 1024) for n, t in enumerate(texts)]
    meter = Meter()
    with AnsweringServer(answer) as server:
        given = {"retries": 3, "timeout": 10.0, "in_flight": 4, **options}
        engine = OpenAIEngine("m", Server(base_url=server.url, **given), meter)
        try:
            found = dict(engine.sample(prompts, params, lambda _n: None))
        finally:
            engine.close()
        return found, engine.notes, server.bodies


def each(make):
    """Return a server all of whose answers are made so, by their number."""
    return lambda _path, body: (200, reply(body, make))


def of_message(**message):
    return each(lambda k: choice(index=k, message=message))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
             {"type": "text", "text": "Rice "}, {"type": "text", "text": "here."}],
            "Rice here.",
        ),
        (["Rice ", "here."], "Rice here."),
        ({"type": "text", "text": "Rice here."}, "Rice here."),
        ([{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "Rice"}], "Rice"),
    ],
)  # fmt: skip
def test_chunks_are_joined_and_thoughts_left_out(content, text):
    found, notes, bodies = asked(of_message(content=content))
    assert [one.text for one in found[0]] == [text] * 4
    assert (len(bodies), notes) == (2, ())


def test_thoughts_alone_are_an_empty_answer_and_a_note():
    message = {"content": None, "reasoning_content": "long thoughts", "extra": {"x": 1}}
    answer = each(lambda k: choice(index=k, message=message, finish_reason="length"))
    found, notes, _ = asked(answer)
    one = found[0][0]
    assert (one.text, one.reasoning, one.finish_reason) == ("", "long thoughts", "length")
    assert notes[0].startswith("some answers are empty behind their reasoning: raise sampling.max")


def test_a_refusal_of_the_models_own_is_its_answer():
    found, _, _ = asked(of_message(content=None, refusal="I cannot help with that."))
    assert found[0][0].text == "I cannot help with that."


def logprobs_of(*values):
    return {"content": [{"token": "x", "logprob": p} for p in values]}


@pytest.mark.parametrize("p", [None, -math.inf, math.nan, "-inf", "NaN", -9999.0])
def test_a_logprob_that_is_none_leaves_its_sum_unknown(p):
    found, notes, bodies = asked(each(lambda k: choice(index=k, logprobs=logprobs_of(-0.5, p))))
    assert [(one.n_tokens, one.sum_logprob) for one in found[1]] == [(2, None)] * 4
    assert notes == (
        "some log-probabilities are null or infinite: the sum_logprob of their answers is null",
    )
    assert len(bodies) == 2


@pytest.mark.parametrize("logprobs", [logprobs_of(None), {"content": [{}]}, [1, 2], "none", 5])
def test_logprobs_of_no_known_form_are_none(logprobs):
    found, _, _ = asked(each(lambda k: choice(index=k, logprobs=logprobs)))
    assert {one.sum_logprob for one in found[0]} == {None}


def test_logprobs_as_texts_are_read():
    found, _, _ = asked(each(lambda k: choice(index=k, logprobs=logprobs_of("-0.5", -1))))
    assert found[0][0].sum_logprob == -1.5


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 5, "completion_tokens": None},
        {"prompt_tokens": None, "completion_tokens": 8.0, "prompt_tokens_details": None},
        {"prompt_tokens": "5", "completion_tokens": "8"},
        None,
    ],
)
def test_counts_may_be_missing_or_of_another_type(usage):
    found, _, bodies = asked(lambda _path, body: (200, reply(body) | {"usage": usage}))
    assert [one.n_tokens for one in found[0]] == [2] * 4
    assert len(bodies) == 2


@pytest.mark.parametrize("index", [None, 0, "missing"])
def test_answers_without_an_index_of_their_own_stand_in_order(index):
    def make(k):
        made = choice(f"Answer {k}.", index)
        return {key: made[key] for key in made if key != "index" or index != "missing"}

    found, _, _ = asked(each(make))
    assert [one.text for one in found[0]] == [f"Answer {k}." for k in range(4)]


def test_half_a_character_is_replaced_and_counted():
    found, notes, bodies = asked(of_message(content="Rice \ud83d here \ud83d\ude00"))
    assert found[0][0].text == "Rice \ufffd here 😀"
    assert notes == ("some answers hold U+FFFD, where the server wrote no whole character",)
    assert len(bodies) == 2


@pytest.mark.parametrize(
    ("word", "reason"),
    [("eos_token", "stop"), ("tool_calls", "stop"), ("max_tokens", "length"), (None, "stop"),
     ("MAX_TOKENS", "length"), ("content_filter", "content_filter"), ("SAFETY", "content_filter"),
     (7, "stop")],
)  # fmt: skip
def test_other_words_for_the_end_of_an_answer(word, reason):
    found, _, _ = asked(each(lambda k: choice(index=k, finish_reason=word)))
    assert {one.finish_reason for one in found[0]} == {reason}


def test_an_answer_at_its_bound_is_cut_off_where_the_server_does_not_say():
    short = Sampling(samples=4, max_tokens=2)
    found, _, _ = asked(each(lambda k: choice(index=k, finish_reason=None)), params=short)
    assert {one.finish_reason for one in found[0]} == {"length"}


def test_no_choices_are_asked_for_once_more_and_set_the_prompt_aside():
    def answer(_path, body):
        empty = "two" in json.dumps(body)
        return 200, {"choices": [] if empty else reply(body)["choices"]}

    found, _, bodies = asked(answer)
    assert len(found[0]) == 4
    assert found[1] == SetAside("server_refused", "a reply with no choices")
    assert sum("two" in json.dumps(body) for body in bodies) == 2
    with pytest.raises(UserError, match="refuses every prompt: a reply with no choices"):
        asked(lambda _path, _body: (200, {"choices": None}))


def test_an_answer_that_failed_alone_is_asked_for_alone():
    error = {"code": 502, "message": "Upstream error"}

    def make(k):
        return choice(index=k, message=None, error=error) if k == 2 else choice(f"{k}.", k)

    found, notes, bodies = asked(each(make), texts=["Say one"])
    assert [(one.text, one.seed) for one in found[0]] == [
        ("0.", 0),
        ("1.", 1),
        ("0.", 2),
        ("3.", 3),
    ]
    assert [(body.get("n"), body["seed"]) for body in bodies] == [(4, 0), (None, 2)]
    assert notes == ()


@pytest.mark.parametrize("inside", [False, True])
def test_an_error_with_status_200_is_tried_again_if_it_may_pass(inside):
    calls = []
    error = {"message": "Provider returned error", "code": 502, "metadata": {"raw": "try later"}}
    bad = {"choices": [{"error": error, "finish_reason": "error"}]} if inside else {"error": error}

    def answer(_path, body):
        calls.append(body)
        return 200, bad if len(calls) < 3 else reply(body)

    found, _, _ = asked(answer, texts=["Say one"])
    assert len(found[0]) == 4
    with pytest.raises(UserError, match=r"error 502, 4 times; .*Provider returned error \(try lat"):
        asked(lambda _path, _body: (200, bad))


def test_an_account_without_credit_ends_the_run_with_the_servers_words():
    message = "Upstream provider is overloaded: insufficient credits"
    error = {"id": "gen-1", "error": {"message": message, "code": 402}}
    with pytest.raises(UserError, match=message) as told:
        asked(lambda _path, _body: (200, error))
    assert "\n" not in str(told.value)
    spent = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    bodies = []
    with pytest.raises(UserError, match="HTTP 429: You exceeded your quota"):
        asked(lambda _path, body: (bodies.append(body), (429, spent))[1], in_flight=1)
    assert len(bodies) == 1


def test_a_flagged_prompt_is_no_key_that_is_not_accepted():
    error = {"error": {"code": 403, "message": "Input was flagged by moderation"}}

    def answer(_path, body):
        return (403, error) if "two" in json.dumps(body) else (200, reply(body))

    found, _, _ = asked(answer)
    assert found[1] == SetAside("server_refused", "Input was flagged by moderation")


def test_a_reply_of_another_shape_is_not_paid_for_again():
    def answer(_path, body):
        odd = "two" in json.dumps(body)
        return 200, reply(body, lambda k: choice([[7]] if odd else "Fine.", k))

    found, _, bodies = asked(answer)
    what = "choices[0].message.content[0]: expected str | object, got array"
    assert found[1] == SetAside("server_refused", f"a reply of another shape: {what}")
    assert sum("two" in json.dumps(body) for body in bodies) == 1


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"answers": []}, "object missing required field `choices`"),
        ([1, 2], "the reply: expected object, got array"),
        ({"choices": "many"}, "choices: expected array | null, got str"),
    ],
)
def test_a_server_of_another_protocol_ends_in_its_own_shape(body, what):
    with pytest.raises(UserError) as told:
        asked(lambda _path, _body: (200, body))
    assert str(told.value).endswith(f"refuses every prompt: a reply of another shape: {what}")


def test_a_web_page_is_one_line():
    page = b"<!DOCTYPE html><html><head><title>Sign  in</title></head></html>"
    bodies = []
    with pytest.raises(UserError, match=r"answers with a web page \('Sign in'\)"):
        asked(lambda _path, body: (bodies.append(body), (200, page))[1], retries=8)
    assert len(bodies) <= 8


def test_a_stream_is_one_line():
    bodies = []
    with pytest.raises(UserError, match="answers with a stream of events"):
        asked(
            lambda _path, body: (bodies.append(body), (200, b'data: {"choices": []}\n\n'))[1],
            texts=["Say one"],
        )
    assert len(bodies) == 1


ODD = (None, -1, "x", "\ud800", [], [[]], [None], {}, {"error": None}, math.nan, 10**30)


def odd_replies():
    """Return replies that have an odd value, or none, in each place in turn."""
    body = {"n": 2}

    def places(value, path=()):
        yield path
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in parts:
            yield from (
                places(part, (*path, name)) if isinstance(part, (dict, list)) else [(*path, name)]
            )

    for path in list(places(reply(body)))[1:]:
        for odd in (*ODD, "missing"):
            made = json.loads(json.dumps(reply(body)))
            at = made
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = odd
            if odd == "missing":
                del at[path[-1]]
            yield made


def test_an_odd_value_in_any_place_is_an_answer_or_sets_one_prompt_aside():
    made = [reply({"n": 2}), *odd_replies(), *ODD]

    def answer(_path, body):
        words = body["messages"][0]["content"].split()
        whole = words == ["Hi"] or body.get("n") is None
        return 200, reply(body) if whole else made[int(words[1])]

    two = Sampling(samples=2, max_tokens=16)
    texts = [f"Say {n}" for n in range(len(made))]
    found, _, _ = asked(answer, texts, params=two, leave_out=())
    assert len(found) == len(made)
    for one in found.values():
        assert isinstance(one, SetAside) or len(one) == 2
    answered = sum(not isinstance(one, SetAside) for one in found.values())
    assert answered > len(made) / 2


def test_what_a_filter_cut_is_set_aside_with_its_own_reason(small_config, tmp_path):
    (tmp_path / "p.txt").write_text("".join(f"Say something about {x}.\n" for x in "abcdefgh"))
    served = tmp_path / "served.yaml"
    lines = small_config.read_text().splitlines(keepends=True)
    served.write_text("".join(line for line in lines if not line.startswith("policy")))

    def make(k):
        ending = "content_filter" if k == 1 else "stop"
        return choice(f"Rice {'and water ' * k}is good.", k, finish_reason=ending)

    with AnsweringServer(each(make)) as server:
        given = {"base_url": server.url}
        options = {"engine": "openai", "server": given, "prompts": [str(tmp_path / "p.txt")]}
        options["sampling"] = {"samples": 6}
        made = build(resolve("some-model", options, file=served), tmp_path / "run")
    dropped = pl.read_parquet(made.out / "dropped.parquet").filter(what="sample")
    assert set(dropped["why"]) == {"content_filter"}
    assert set(dropped["sample_id"]) == {1}
    assert set(dropped["detail"]) == {"Rice and water is good."}
    samples = pl.read_parquet(made.out / "dataset" / "data" / "samples" / "*.parquet")
    assert set(samples.filter(finish_reason="content_filter")["text"]) == {""}


def test_a_verdict_behind_empty_content_is_read():
    def answer(path, body):
        if path == "/tokenize":
            return 404, b"<html>not here</html>"
        top = [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": None}]
        first = {"token": "Yes", "logprob": -0.1, "top_logprobs": top}
        message = {"content": None, "reasoning_content": "Yes"}
        return 200, reply(body, lambda k: choice(message=message, logprobs={"content": [first]}))

    with AnsweringServer(answer) as server:
        engine = OpenAIEngine("m", Server(base_url=server.url), Meter(), asks_choices=True)
        prompt = PolicyPrompt((("user", "Is it?"),), raw=False, seed=0)
        found = engine.choice_logprobs([prompt], ["Yes", "No"])
        engine.close()
    # No is none of the likeliest, of which Yes is the only one: it may have all of the rest, .095
    assert found[0, 0] == -0.1
    assert np.isnan(found[0, 1])
