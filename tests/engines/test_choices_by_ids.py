"""Choices of one token are asked for by their ids; a question that is refused ends nothing."""

import numpy as np
from answering_server import AnsweringServer, choice, reply

from udasa_data.config.engine import Server
from udasa_data.engines.meter import Meter
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.protocol import PolicyPrompt

SAID = {"Y": -0.25, "N": -1.5}  # log-probabilities of the letters, which are the tokens


def rendered(body):
    if "messages" in body:
        return f"user: {body['messages'][-1]['content']} "
    return body["prompt"]


def vllm(refused=()):
    """Answer as vLLM does, whose tokens are characters; refuse questions with these words."""

    def answer(path, body):
        if path == "/tokenize":
            tokens = [ord(letter) for letter in rendered(body)]
            return 200, {"tokens": tokens, "count": len(tokens), "max_model_len": 4096}
        if path == "/detokenize":
            return 200, {"prompt": "".join(map(chr, body["tokens"]))}
        if "logprob_token_ids" in body:
            if any(word in rendered(body) for word in refused):
                return 400, {"error": {"message": "this question is not taken"}}
            top = [
                {"token": f"token_id:{n}", "logprob": SAID[chr(n)]}
                for n in body["logprob_token_ids"]
            ]
            first = {"content": [{**top[0], "top_logprobs": top}]}
            return 200, reply(body, lambda _k: choice(logprobs=first))
        found = [
            [None, *({str(n): {"logprob": SAID.get(chr(n), -3.0)}} for n in tokens[1:])]
            for tokens in body["prompt"]
        ]
        choices = [
            {"index": k, "text": "x", "finish_reason": "length", "prompt_logprobs": of}
            for k, of in enumerate(found)
        ]
        return 200, {"choices": choices, "usage": {"prompt_tokens": 5, "completion_tokens": 1}}

    return answer


def weighed(answer, texts):
    prompts = [PolicyPrompt((("user", text),), raw=False, seed=0) for text in texts]
    with AnsweringServer(answer) as server:
        engine = OpenAIEngine("m", Server(base_url=server.url, retries=0), Meter())
        try:
            rows = [engine.choice_logprobs([prompt], ["Y", "N"]) for prompt in prompts]
        finally:
            engine.close()
        asked = [b for b in server.bodies if "tokens" not in b]
    return np.concatenate(rows), ["logprob_token_ids" in body for body in asked]


def test_a_refused_question_is_weighed_another_way_and_the_next_by_ids_again():
    found, by_ids = weighed(vllm(refused=["second"]), ["the first", "the second", "the third"])
    assert found.tolist() == [[-0.25, -1.5]] * 3
    assert by_ids == [True, True, False, True]


def test_a_server_that_does_not_know_ids_is_asked_for_them_once():
    found, by_ids = weighed(vllm(refused=["the"]), ["the first", "the second"])
    assert found.tolist() == [[-0.25, -1.5]] * 2
    assert by_ids == [True, False, False]
