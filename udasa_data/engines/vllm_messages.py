"""What the vLLM engine and its workers say to each other: msgpack, a length before each."""

from __future__ import annotations

from typing import BinaryIO, TypeAlias

import msgspec


class Start(msgspec.Struct, frozen=True, tag=True):
    """To a worker, first: what to load, and how."""

    load_from: str
    revision: str | None
    dtype: str
    max_model_len: int | None
    gpu_memory: float
    tensor_parallel: int
    eager: bool
    load_format: str  # safetensors, or auto: what there is


class Draw(msgspec.Struct, frozen=True, tag=True):
    """To a worker: draw n answers to a prompt; answer k has ``seed + k``."""

    number: int
    ids: list[int]
    n: int
    seed: int
    temperature: float
    top_p: float
    max_tokens: int
    ends: list[int]


class Weigh(msgspec.Struct, frozen=True, tag=True):
    """To a worker: how likely is each choice after a prompt?"""

    number: int
    ids: list[int]
    choices: list[list[int]]


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From a worker: the model is loaded."""

    version: str


class Answer(msgspec.Struct, frozen=True):
    """One drawn answer, the end-of-text token included."""

    ids: list[int]
    sum_logprob: float
    finish_reason: str


class Answers(msgspec.Struct, frozen=True, tag=True):
    """From a worker: a prompt's answers, in the order of their seeds."""

    number: int
    answers: list[Answer]


class Weighed(msgspec.Struct, frozen=True, tag=True):
    """From a worker: each choice's log-probability, nats."""

    number: int
    logprobs: list[float]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From a worker, last: why it ends."""

    why: str


ToWorker: TypeAlias = Start | Draw | Weigh
FromWorker: TypeAlias = Ready | Answers | Weighed | Failed


def send(stream: BinaryIO, message: ToWorker | FromWorker) -> None:
    """Write a message."""
    body = msgspec.msgpack.encode(message)
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def receive_from_worker(stream: BinaryIO) -> FromWorker | None:
    """Read a worker's next message; None at its end."""
    body = _body(stream)
    return None if body is None else msgspec.msgpack.decode(body, type=FromWorker)


def receive_to_worker(stream: BinaryIO) -> ToWorker | None:
    """Read the next message to a worker; None when there are no more."""
    body = _body(stream)
    return None if body is None else msgspec.msgpack.decode(body, type=ToWorker)


def _body(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    body = stream.read(int.from_bytes(head, "big"))
    return body if len(body) == int.from_bytes(head, "big") else None
