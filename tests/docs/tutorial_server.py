"""The server of docs/tutorials/server.md: an OpenAI-compatible one that knows eight answers."""

import zlib

from answering_server import AnsweringServer, choice, reply

KNOWN = {
    "capital of France": ("Paris", "Lyon"),
    "play Hamlet": ("William Shakespeare", "Charles Dickens"),
    "legs does a spider": ("Eight legs", "Six legs"),
    "largest ocean": ("The Pacific Ocean", "The Atlantic Ocean"),
    "red planet": ("Mars", "Venus"),
    "do bees make": ("Honey", "Milk"),
    "city of Kyoto": ("Japan", "China"),
    "freezing point of water": ("0 degrees", "100 degrees"),
}
FORMS = ("{}.", "The answer is {}.", "It is {}.", "{}, of course.")


def said(prompt: str, number: int) -> dict:
    """Answer number ``number`` to a prompt: one of eight is wrong, and the server is less sure."""
    right, wrong = next(
        (pair for key, pair in KNOWN.items() if key in prompt), ("not known to me", "no matter")
    )
    number += zlib.crc32(prompt.encode())
    is_wrong = number % 8 == 0
    text = FORMS[number % len(FORMS)].format(wrong if is_wrong else right)
    logprob = -2.0 if is_wrong else -0.05
    tokens = [{"token": word, "logprob": logprob} for word in text.split()]
    return choice(text, number, logprobs={"content": tokens})


def serving() -> AnsweringServer:
    """The server, to be entered; it refuses one prompt, as a provider's filter does."""

    def answer(_path, body):
        prompt = body["messages"][-1]["content"]
        if "bomb" in prompt:
            return 400, {"error": {"message": "this prompt is against our rules"}}
        return 200, reply(body, lambda k: said(prompt, k) | {"index": k})

    return AnsweringServer(answer)
