"""A judge behind a real local server: what it thinks, refuses and cannot do."""

import json

import numpy as np
import pytest
from answering_server import AnsweringServer, choice, reply

from udasa_data.errors import UserError
from udasa_data.scorers import TextPair
from udasa_eval.judging.judges import pin
from udasa_eval.judging.kinds import QuestionJudge
from udasa_eval.judging.loading import loaded
from udasa_eval.judging.verdicts import verdict

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


def test_a_choice_that_the_server_does_not_tell_of_is_unscored_and_no_tie():
    # No is at most as likely as Yes by the list, and as the .39 that is left over
    found = judged(likeliest(Yes=-0.5), PAIRS[:1])
    assert np.isnan(found.values).all()
    assert found.why[0].startswith("the judge's server tells how likely one of its choices is")
    assert found.examples == ()
    # what is left over is 1 − e^-.001 = .001: too little to matter
    sure = judged(likeliest(Yes=-0.001), PAIRS[:1])
    assert sure.values[0] == pytest.approx(0.999, abs=1e-5)


def test_a_server_without_log_probabilities_is_no_judge():
    refusal = {"error": {"message": "Logprobs is not enabled for models/some-flash"}}

    def answer(_path, body):
        return (400, refusal) if "logprobs" in body else (200, reply(body))

    with pytest.raises(UserError, match="returns no log-probabilities of given words") as found:
        judged(answer)
    assert "give it the kind rubric" in str(found.value)
    assert "--engine" not in str(found.value)


def thinking(*verdicts):
    """Return a server whose model thinks first: what it says behind that, request by request."""
    first = {"token": "<think>", "logprob": -0.01}
    said = iter(verdicts)

    def answer(path, body):
        if path == "/tokenize":
            return 404, {"error": "no such path"}
        unsure = [first, {"token": "Yes", "logprob": -9.0}, {"token": "No", "logprob": -9.5}]
        logprobs = {"content": [{**first, "top_logprobs": unsure}]}
        text = (
            "<think>" if body["max_tokens"] < 100 else f"<think>Yes or No?</think>\n\n{next(said)}"
        )
        ending = "length" if body["max_tokens"] < 100 else "stop"
        more = {"logprobs": logprobs, "finish_reason": ending}
        return 200, reply(body, lambda k: choice(text, index=k, **more))

    return answer


def test_the_verdict_of_a_judge_that_thinks_is_read_behind_its_thoughts():
    # in any order of the two requests
    found = judged(thinking("**Yes**, it is.", "I would say: Yes."))
    assert list(found.values) == [1.0, 1.0]
    assert found.why == [None, None]
    none = judged(thinking("Hard to say.", "Neither Yes nor No."))
    assert none.why == ["the judge says something else"] * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Yes", 1.0), ("no.", None), ("No, yes", 0.0), ("It is: No", 0.0), ("Yesterday", None)],
)
def test_what_counts_as_a_verdict(text, expected):
    assert verdict(text, [" Yes", "Yes"], [" No", "No"]) == expected
