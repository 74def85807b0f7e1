"""A judge behind a real local server: what it thinks, refuses and cannot do."""

import json

import pytest
from answering_server import AnsweringServer, choice, reply

from udasa_data.errors import UserError
from udasa_data.scorers import TextPair
from udasa_eval.judging.judges import QuestionJudge, pin
from udasa_eval.judging.loading import loaded

PAIRS = [TextPair("Is it?", "It is."), TextPair("Is it bad?", "It is.")]


def judged(answer, pairs=PAIRS):
    """Return what a judge behind a server makes of answers."""
    with AnsweringServer(answer) as server:
        judge = QuestionJudge(
            id="judge",
            prompt="{prompt} {answer} Yes or No?",
            yes=("Yes",),
            no=("No",),
            engine="openai",
            # the address is new each time, and so is what the score cache knows it by
            options={"server": {"base_url": server.url, "retries": 0}},
        )
        judges = type("Set", (), {"harm": judge})()
        with loaded(pin(judges, "harm", {})) as ready:
            return ready.rate(pairs, lambda _n: None)


def likeliest(**logprobs):
    """Return a server whose model thinks, and begins with these words."""
    top = [{"token": token, "logprob": p} for token, p in logprobs.items()]
    first = {"content": [{**top[0], "top_logprobs": top}]}
    message = {"content": None, "reasoning_content": f"{top[0]['token']}, I would say"}

    def answer(path, body):
        if path == "/tokenize":
            return 404, {"error": "no such path"}
        if "bad" in json.dumps(body):
            return 400, {"error": {"message": "flagged", "code": "content_filter"}}
        return 200, reply(body, lambda _k: choice(message=message, logprobs=first))

    return answer


def test_a_verdict_where_the_reasoning_stands_is_read_and_a_refused_question_is_unscored():
    found = judged(likeliest(Yes=-0.5, No=-1.5))
    assert found.values[0] == pytest.approx(1 / (1 + 2.718281828**-1))
    assert found.why == [None, "too long for the judge, or refused by it"]


def test_what_it_says_instead_is_quoted_from_its_reasoning():
    found = judged(likeliest(Perhaps=-0.01, Yes=-9.0, No=-9.0), PAIRS[:1])
    assert found.why == ["the judge says something else"]
    assert found.examples == ("Perhaps, I would say",)


def test_a_server_without_log_probabilities_is_no_judge():
    refusal = {"error": {"message": "Logprobs is not enabled for models/some-flash"}}

    def answer(_path, body):
        return (400, refusal) if "logprobs" in body else (200, reply(body))

    with pytest.raises(UserError, match="returns no log-probabilities of given words"):
        judged(answer)
