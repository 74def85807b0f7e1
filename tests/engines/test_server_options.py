"""Options that a real local server refuses, however it says so, are left out, told and recorded."""

import json

import pytest
from answering_server import AnsweringServer, choice, reply

from udasa_data import build, resolve
from udasa_data.config.build import Sampling
from udasa_data.config.engine import Server
from udasa_data.engines.meter import Meter
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.errors import UserError

PARAMS = Sampling(samples=4, max_tokens=64, temperature=0.7, top_p=0.9)
ALL = {"logprobs", "seed", "n", "temperature", "top_p"}
SYSTEM = (("system", "Be brief."), ("user", "Say one"))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Back off in milliseconds."""
    monkeypatch.setattr("udasa_data.engines.wire._FIRST_PAUSE", 0.005)


def refusing(options, status, error):
    """Return a server that refuses requests with any of some keys."""

    def answer(_path, body):
        return (status, error) if options & body.keys() else (200, reply(body))

    return answer


def asked(answer, prompts=("Say one", "Say two"), **options):
    """Return (answers by prompt, the engine's notes, what the server was asked)."""
    turns = [(("user", p),) if isinstance(p, str) else p for p in prompts]
    given = [PolicyPrompt(of, raw=False, seed=n * 1024) for n, of in enumerate(turns)]
    with AnsweringServer(answer) as server:
        named = Server(base_url=server.url, retries=1, in_flight=4, **options)
        engine = OpenAIEngine("m", named, Meter())
        try:
            found = dict(engine.sample(given, PARAMS, lambda _n: None))
        finally:
            engine.close()
        return found, engine.notes, server.bodies


def google(message):
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


@pytest.mark.parametrize(
    ("option", "status", "error"),
    [
        ("logprobs", 400, google("Logprobs is not enabled for models/some-flash")),
        ("logprobs", 400, [google('Invalid JSON payload. Unknown name "logprobs": no field.')]),
        ("logprobs", 400, {"message": "This model does not support log probabilities"}),
        ("logprobs", 404, {"error": {"message": "No endpoints found that support logprobs"}}),
        ("logprobs", 501, {"error": "logprobs: not implemented"}),
        ("logprobs", 500, {"error": {"message": "`logprobs` is not supported yet"}}),
        ("logprobs", 200, {"error": {"code": 400, "message": "unsupported parameter logprobs"}}),
        ("seed", 422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs not permitted"}]}),
        ("seed", 400, {"error": {"message": "Unsupported parameter", "param": "seed"}}),
        ("n", 400, {"error": {"message": "Only one candidate can be specified", "param": "n"}}),
        ("n", 400, google("Multiple candidates is not enabled for this model")),
        ("n", 400, b"n > 1 is not supported"),
        ("temperature", 400, {"error": {"message": "'temperature' does not support 0.7"}}),
        ("top_p", 400, {"error": {"message": "temperature and top_p cannot both be specified"}}),
    ],
)
def test_an_option_that_a_refusal_names_is_left_out(option, status, error):
    found, notes, bodies = asked(refusing({option}, status, error))
    assert all(len(found[n]) == 4 for n in range(2))
    assert option not in bodies[-1]
    assert ALL - {option, "n"} <= bodies[-1].keys()
    assert len(notes) == 1
    assert "Hi" not in {body["messages"][0]["content"] for body in bodies}


@pytest.mark.parametrize(
    "options", [{"logprobs"}, {"seed"}, {"n"}, {"seed", "temperature"}, ALL], ids=sorted
)
def test_an_option_that_no_word_names_is_found_by_trying(options):
    found, notes, bodies = asked(refusing(options, 400, {"error": {"message": "Bad request"}}))
    assert all(len(found[n]) == 4 for n in range(2))
    assert not options & bodies[-1].keys()
    assert ALL - options - {"n"} <= bodies[-1].keys()
    assert len(notes) == len(options)
    tried = [body for body in bodies if body["messages"][0]["content"] == "Hi"]
    assert len(tried) <= 8
    assert all(body["max_tokens"] <= 16 for body in tried)  # that cost next to nothing


def test_the_other_name_of_the_limit_is_found_by_trying():
    found, _, bodies = asked(refusing({"max_tokens"}, 400, {"error": "Bad request"}))
    assert len(found[0]) == 4
    assert ALL - {"n"} <= bodies[-1].keys()
    assert bodies[-1]["max_completion_tokens"] == 64


def test_a_refused_prompt_that_names_an_option_loses_none():
    def answer(_path, body):
        said = body["messages"][-1]["content"]
        flagged = {"error": {"message": f"not allowed: '{said}'"}}
        return (400, flagged) if "bad" in said else (200, reply(body))

    found, notes, bodies = asked(answer, prompts=["a bad seed, n or temperature", "Say two"])
    assert isinstance(found[0], SetAside)
    assert len(found[1]) == 4
    assert notes == ()
    assert all(body.keys() >= ALL for body in bodies)


@pytest.mark.parametrize(
    "words",
    ["System role not supported", "Developer instruction is not enabled for models/x",
     "Bad request", "Conversation roles must alternate user/assistant/user/assistant/..."],
)  # fmt: skip
def test_a_system_turn_that_is_refused_goes_before_the_first_user_turn(words):
    def answer(_path, body):
        system = body["messages"][0]["role"] == "system"
        return (400, {"error": {"message": words}}) if system else (200, reply(body))

    found, notes, bodies = asked(answer, prompts=[SYSTEM])
    assert len(found[0]) == 4
    assert bodies[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nSay one"}]
    assert bodies[-1].keys() >= ALL
    assert any("takes no system turn" in note for note in notes)


def test_what_is_configured_is_never_sent():
    left_out = ("logprobs", "seed", "n", "system")
    found, notes, bodies = asked(lambda _p, body: (200, reply(body)), [SYSTEM], leave_out=left_out)
    assert len(found[0]) == 4
    assert len(bodies) == 4
    assert not any({"logprobs", "seed", "n"} & body.keys() for body in bodies)
    assert {body["messages"][0]["role"] for body in bodies} == {"user"}
    assert len(notes) == 4


def test_an_unknown_option_to_leave_out_is_one_line():
    given = {"base_url": "http://127.0.0.1:1/v1", "leave_out": ["logprob"]}
    with pytest.raises(UserError, match=r"key 'server\.leave_out\[0\]'"):
        resolve("m", {"engine": "openai", "server": given})


def test_a_judge_takes_fewer_of_the_likeliest_where_a_server_has_fewer():
    top = [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": -3.0}]
    first = {"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": top}]}

    def answer(path, body):
        if path == "/tokenize":
            return 200, b"<html>an app that answers every path</html>"
        if body["top_logprobs"] > 8:
            return 400, {"error": {"message": "top_logprobs must be at most 8"}}
        return 200, reply(body, lambda _k: choice(logprobs=first))

    with AnsweringServer(answer) as server:
        engine = OpenAIEngine("m", Server(base_url=server.url), Meter(), asks_choices=True)
        prompt = PolicyPrompt((("user", "Is it?"),), raw=False, seed=0)
        assert engine.choice_logprobs([prompt], ["Yes", "No"]).tolist() == [[-0.1, -3.0]]
        engine.close()
        assert [body["top_logprobs"] for body in server.bodies] == [20, 5, 5]


def test_what_was_left_out_is_told_once_and_recorded(small_config, tmp_path):
    (tmp_path / "p.txt").write_text("".join(f"Say something about {x}.\n" for x in "abcdefgh"))
    served = tmp_path / "served.yaml"
    lines = small_config.read_text().splitlines(keepends=True)
    served.write_text("".join(line for line in lines if not line.startswith("policy")))

    def make(body):
        words = [f"{body['messages'][0]['content']} {'good ' * k}rice." for k in range(4)]
        return reply(body, lambda k: choice(words[k], k))

    def answer(_path, body):
        refused = google("Logprobs is not enabled for models/some-flash")
        return (400, refused) if "logprobs" in body else (200, make(body))

    with AnsweringServer(answer) as server:
        given = {"engine": "openai", "server": {"base_url": server.url}}
        given["prompts"] = [str(tmp_path / "p.txt")]
        made = build(resolve("some-model", given, file=served), tmp_path / "run")
        given["server"]["leave_out"] = ["seed"]
        with pytest.raises(UserError, match=r"differs in: server\.leave_out"):
            build(resolve("some-model", given, file=served), tmp_path / "run")
    told = [note for note in made.summary.notes if "returns no log-probabilities" in note]
    assert len(told) == 1
    assert (
        told[0] in json.loads((tmp_path / "run" / "manifest.json").read_text())["notes"]["samples"]
    )
