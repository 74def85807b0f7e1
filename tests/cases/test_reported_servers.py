"""Servers whose replies made other tools fail, by the report; the addresses: README.md."""

import json

import msgspec
import polars as pl
import pytest
from answering_server import AnsweringServer, choice, reply

from udasa_data import resolve
from udasa_data.config.build import Sampling
from udasa_data.config.engine import Server
from udasa_data.engines.meter import Meter
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.errors import UserError
from udasa_data.sampling import sample_shards
from udasa_data.schema import Why

PARAMS = Sampling(samples=2, max_tokens=16)
ODD, EVEN = "Say odd", "Say even"
SYSTEM = (("system", "Be brief."), ("user", EVEN))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Back off in milliseconds."""
    monkeypatch.setattr("udasa_data.engines.wire._FIRST_PAUSE", 0.005)
    monkeypatch.setattr("udasa_data.engines.wire._LONGEST_PAUSE", 0.05)


def asked(answer, prompts=(ODD, EVEN), address="/v1", raw=False, **options):
    """Return (answers by prompt, the engine's notes, what the server was asked)."""
    turns = [(("user", p),) if isinstance(p, str) else p for p in prompts]
    given = [PolicyPrompt(of, raw=raw, seed=n * 1024) for n, of in enumerate(turns)]
    with AnsweringServer(answer) as server:
        url = server.url.removesuffix("/v1") + address
        named = Server(base_url=url, **{"retries": 2, "timeout": 10.0, "in_flight": 2, **options})
        engine = OpenAIEngine("m", named, Meter())
        try:
            found = dict(engine.sample(given, PARAMS, lambda _n: None))
        finally:
            engine.close()
        return found, engine.notes, server.bodies


def at(word, status, value):
    """Return a server that answers so where a request holds a word, and well elsewhere."""
    return lambda _path, body: (status, value) if word in json.dumps(body) else (200, reply(body))


def first(status, value, times=1):
    """Return a server that answers so a few times, and well from then on."""
    left = [(status, value)] * times
    return lambda _path, body: left.pop() if left else (200, reply(body))


def whole(found, n=0):
    return isinstance(found[n], list) and [one.text for one in found[n]] == ["Rice and water."] * 2


def without_top(_path, body):
    wrong = "logprobs" in body and "top_logprobs" not in body
    words = "when using `logprobs`, `top_logprobs` must be set to a positive value"
    return (400, {"object": "error", "message": words}) if wrong else (200, reply(body))


NOT_TAKEN = {
    "litellm-17165": {"message": "UnsupportedParamsError: no support for: ['logprobs'], for m"},
    "litellm-39536": {"message": "logprobs: not taken", "type": "None", "param": "None"},
}


@pytest.mark.parametrize("error", NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_an_option_is_learnt_from_one_refusal(error):
    found, notes, bodies = asked(at("logprobs", 400, {"error": error}), in_flight=1)
    assert whole(found, 0)
    assert whole(found, 1)
    assert len(notes) == 1
    assert len(bodies) == 3


def test_the_likeliest_tokens_are_asked_for_where_they_must_be():  # vllm-4795
    found, notes, bodies = asked(without_top, in_flight=1)
    assert [one.sum_logprob for one in found[1]] == [-0.75, -0.75]
    assert (notes, bodies[-1]["top_logprobs"], len(bodies)) == ((), 1, 3)


def test_a_system_turn_that_vllm_refuses():  # chat-ui-1386
    error = {"object": "error", "message": "System role not supported", "param": None, "code": 400}
    found, notes, bodies = asked(at('"system"', 400, error), [SYSTEM])
    assert whole(found)
    assert "takes no system turn" in notes[0]
    assert bodies[-1]["messages"] == [{"role": "user", "content": f"Be brief.\n\n{EVEN}"}]


SET_ASIDE = {
    "vllm-6862": (400, {"message": "conversation roles must alternate user/assistant"}, "alternat"),
    "helm-3327": (
        400,
        {"error": {"message": "triggered the content policy", "code": "content_filter"}},
        "content policy",
    ),
    "MoneyPrinterTurbo-210": (200, {"id": None, "choices": None, "usage": None}, "no choices"),
    "gram-3129": (200, {"choices": []}, "no choices"),
    "vllm-10234": (500, b"Internal Server Error", "HTTP 500, 3 times: Internal Server Error"),
    "opencode-22448": (
        200,
        {"error": {"code": 502, "message": "Network connection lost."}},
        "the error 502, 3 times: Network connection lost.",
    ),
}


@pytest.mark.parametrize("order", [(ODD, EVEN), (EVEN, ODD)])
@pytest.mark.parametrize("in_flight", [1, 2])
@pytest.mark.parametrize(("status", "value", "words"), SET_ASIDE.values(), ids=SET_ASIDE)
def test_one_prompt_is_set_aside_whatever_the_order(status, value, words, in_flight, order):
    found, _, _ = asked(at(ODD, status, value), order, in_flight=in_flight)
    odd = found[order.index(ODD)]
    assert isinstance(odd, SetAside)
    assert (odd.why, words in odd.detail) == (Why.SERVER_REFUSED, True)
    assert whole(found, order.index(EVEN))


def test_log_probabilities_at_which_a_server_fails():  # sglang-5984
    found, notes, bodies = asked(at("logprobs", 500, b"Internal Server Error"))
    assert whole(found, 0)
    assert whole(found, 1)
    assert "returns no log-probabilities" in notes[0]
    assert {"seed", "n", "top_p"} <= bodies[-1].keys()


def test_a_server_that_fails_at_all_prompts_ends_the_run():
    with pytest.raises(UserError, match="HTTP 500, 3 times; the same command resumes"):
        asked(lambda _path, _body: (500, b"down"))
    healthy = iter([True])  # and is down from then on
    with pytest.raises(UserError, match="HTTP 500, 3 times; the same command resumes"):
        asked(
            lambda _path, body: (200, reply(body)) if next(healthy, False) else (500, b"down"),
            in_flight=1,
        )


TRANSIENT = {
    "inspect_ai-3188": (200, {"error": {"message": "Provider returned error", "code": 504}}),
    "pi-9815": (429, {"object": "error", "type": "rate_limited", "message": "Rate limit exceeded"}),
    "llxprt-1180": (502, b"<html><head><title>502 Bad Gateway</title></head></html>"),
    "OSA-254": (200, b""),
}


@pytest.mark.parametrize(("status", "value"), TRANSIENT.values(), ids=TRANSIENT)
def test_what_passes_is_tried_again(status, value):
    found, notes, bodies = asked(first(status, value, times=2))
    assert whole(found, 0)
    assert whole(found, 1)
    assert (notes, len(bodies)) == ((), 4)


ENDS = {
    "aider-3550": (
        "/v1",
        {"error": {"message": "Rate limit exceeded: free-models-per-day", "code": 429}},
        "it says: Rate limit exceeded: free-models-per-day",
    ),
    "lmstudio-bug-tracker-618": (
        "",
        {"error": "Unexpected endpoint or method. (POST /chat/completions)"},
        r"Unexpected endpoint .* \(check the address: it mostly ends in /v1\)",
    ),
}


@pytest.mark.parametrize(("address", "value", "words"), ENDS.values(), ids=ENDS)
def test_what_does_not_pass_is_told_in_the_servers_words(address, value, words):
    with pytest.raises(UserError, match=words):
        asked(lambda _path, _body: (200, value), address=address)


@pytest.mark.parametrize("raw", [False, True], ids=["ollama-13638", "llama.cpp-11346"])
def test_log_probabilities_that_are_null(raw):
    more = {"text": "Rice and water."} if raw else {}
    bare = lambda k: choice(index=k, logprobs=None, **more)  # noqa: E731
    found, notes, _ = asked(lambda _path, body: (200, reply(body, bare)), raw=raw)
    assert whole(found)
    assert {one.sum_logprob for one in found[0]} == {None}
    assert any("returns no log-probabilities" in note for note in notes)


EMPTY = {
    "vllm-41902": ({"content": None, "reasoning": None}, "stop"),
    "litellm-8953": ({"content": None, "refusal": None}, "content_filter"),
}


@pytest.mark.parametrize(("message", "reason"), EMPTY.values(), ids=EMPTY)
def test_null_content_is_an_empty_answer(message, reason):
    empty = lambda k: choice(index=k, message=message, finish_reason=reason)  # noqa: E731
    found, _, bodies = asked(lambda _path, body: (200, reply(body, empty)))
    assert [(one.text, one.finish_reason) for one in found[0]] == [("", reason)] * 2
    assert len(bodies) == 2


def test_an_answer_that_shows_nothing_is_empty():  # ecto-4087
    turns = [[{"role": "user", "content": ODD}], [{"role": "user", "content": EVEN}]]
    prompts = pl.DataFrame({"prompt_id": ["a", "b"], "messages": turns, "mode": ["chat"] * 2})
    unseen = {"choices": [choice("\u200b\u3164"), choice("\u200bx", index=1)]}
    with AnsweringServer(at(ODD, 200, unseen)) as server:
        engine = OpenAIEngine("m", Server(base_url=server.url), Meter())
        config = resolve("tiny", {"sampling": {"samples": 4, "max_tokens": 16}})
        config = msgspec.structs.replace(config, sampling=PARAMS)
        try:
            ((_, sampled),) = sample_shards([(0, prompts)], engine, config, lambda _n: None)
        finally:
            engine.close()
    assert sampled.samples["text"].to_list() == ["", "\u200bx", *["Rice and water."] * 2]
    assert sampled.dropped["why"].to_list() == ["empty_sample"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_is_not_asked_for_this_machine(name, monkeypatch):  # hermes-agent-5834
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    for unset in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(unset, raising=False)
    found, _, _ = asked(lambda _path, body: (200, reply(body)))
    assert whole(found)
