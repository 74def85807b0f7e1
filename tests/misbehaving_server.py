"""A real HTTP server that speaks OpenAI's protocol, and breaks it in every way that is asked for.

What it answers is a function of messages, seed and number alone, so that two runs can be compared.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["rice", "water", "moon", "Paris", "cat", "film", "good", "bad", "warm", "cold", "old"]


@dataclass
class Faults:
    """What goes wrong, and how often (a share of the requests, drawn from a seeded stream)."""

    too_many: float = 0.0
    retry_after: str | None = None
    broken: float = 0.0  # HTTP 500
    stall: float = 0.0
    stall_seconds: float = 1.0
    stall_on: str | None = None  # and always for prompts that hold this text
    reset: float = 0.0  # in the middle of the body
    truncated: float = 0.0  # a whole body of half a JSON text
    not_json: float = 0.0
    first: int = 0  # so many requests at the start get 429, whatever the shares
    most_n: int | None = None  # answers no more than this many, without a word
    refuse_n: bool = False  # HTTP 400 for n > 1
    logprobs: bool = True
    refuse_logprobs: bool = False
    refuse_max_tokens: bool = False
    refuse_seed: bool = False
    refuse: str | None = None  # HTTP 400 for prompts that hold this text
    usage: bool = True
    window: int = 10_000  # words
    key: str | None = None
    seconds: float = 0.0  # each answer takes
    echo_key: bool = False  # says the key that it was sent, in refusals and answers
    endless: bool = False  # a body that does not end
    bears: int | None = None  # HTTP 503 for what is more at a time


@dataclass
class Seen:
    """What the server saw."""

    bodies: list[dict] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    headers: list[dict] = field(default_factory=list)
    busy: float = 0.0  # seconds of all requests that were borne, together


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class MisbehavingServer:
    """Serves on a free local port until closed."""

    def __init__(self, **faults):
        self.faults = Faults(**faults)
        self.seen = Seen()
        self.lock = threading.Lock()
        self.random = random.Random(7)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def fault(self):
        """Draw what goes wrong with a request; None is nothing."""
        f = self.faults
        if f.endless:
            return "endless"
        with self.lock:
            if len(self.seen.bodies) <= f.first:
                return "too_many"
            at = self.random.random()
        for name in ("too_many", "broken", "stall", "reset", "truncated", "not_json"):
            at -= getattr(f, name)
            if at < 0:
                return name
        return None


def answer(messages: object, seed: int) -> tuple[str, list[float], str]:
    """Return a text, its tokens' log-probabilities, and why it ended."""
    source = f"{json.dumps(messages)} {seed}"
    stream = random.Random(hashlib.sha256(source.encode()).digest())
    words = [stream.choice(WORDS) for _ in range(stream.randint(2, 8))]
    return " ".join(words), [-stream.random() * 3 for _ in words], "stop"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged

    @property
    def owner(self):
        return self.server.owner

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = self.owner.seen
        with self.owner.lock:
            seen.bodies.append(body)
            seen.times.append(time.monotonic())
            seen.headers.append(dict(self.headers))
            seen.in_flight += 1
            seen.most_in_flight = max(seen.most_in_flight, seen.in_flight)
        try:
            self._reply(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with self.owner.lock:
                seen.in_flight -= 1

    def _reply(self, body):
        f = self.owner.faults
        if f.bears is not None and self.owner.seen.in_flight > f.bears:
            self._error(503, "no room for more requests")
            return
        begun = time.monotonic()
        time.sleep(f.seconds)
        with self.owner.lock:
            self.owner.seen.busy += time.monotonic() - begun
        if f.key is not None and self.headers.get("Authorization") != f"Bearer {f.key}":
            self._error(401, "invalid key")
            return
        if self.path not in {"/v1/chat/completions", "/v1/completions"}:
            self._error(404, "no such path")
            return
        fault = self.owner.fault()
        instead = {
            "too_many": lambda: self._error(429, "too many requests", retry_after=f.retry_after),
            "broken": lambda: self._error(500, "internal error"),
            "not_json": lambda: self._send(200, b"<html>gateway</html>"),
            "endless": self._endless,
        }
        if fault in instead:
            instead[fault]()
        elif (refusal := refused(body, f)) is not None:
            message, *param = refusal
            self._error(400, message + self._sent_key(), *param)
        else:
            content = json.dumps(reply(body, f, self._sent_key())).encode()
            always = f.stall_on is not None and f.stall_on in json.dumps(body)
            if fault == "stall" or always:
                time.sleep(f.stall_seconds)
            if fault == "truncated":
                content = content[: len(content) // 2]
            if fault == "reset":
                self._reset(content)
            else:
                self._send(200, content)

    def _sent_key(self):
        return f" {self.headers.get('Authorization')}" if self.owner.faults.echo_key else ""

    def _endless(self):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        while True:  # until the client goes away
            self.wfile.write(b" " * (1 << 20))

    def _reset(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        # a reset, not an end: unread data is thrown away
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.close_connection = True
        self.connection.close()

    def _error(self, status, message, param=None, *, retry_after=None):
        error = {"error": {"message": message, "param": param, "code": None}}
        self._send(status, json.dumps(error).encode(), retry_after)

    def _send(self, status, content, retry_after=None):
        with self.owner.lock:
            self.owner.seen.statuses.append(status)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(content)


def refused(body, f: Faults):
    """Return the message and parameter of a refusal; None where the request is taken."""
    text = json.dumps(body.get("messages", body.get("prompt")))
    chat = "messages" in body
    too_long = f"This model's maximum context length is {f.window} tokens."
    new_name = "'max_tokens' is not supported, use 'max_completion_tokens'"
    cases = [
        (len(text.split()) > f.window, (too_long,)),
        (f.refuse is not None and f.refuse in text, ("flagged by our content policy",)),
        (f.refuse_n and body.get("n", 1) > 1, ("n must be 1", "n")),
        (f.refuse_logprobs and body.get("logprobs"), ("'logprobs' is not supported here",)),
        (f.refuse_seed and "seed" in body, ("Unknown parameter: seed", "seed")),
        (f.refuse_max_tokens and chat and "max_tokens" in body, (new_name, "max_tokens")),
    ]
    return next((refusal for holds, refusal in cases if holds), None)


def reply(body, f: Faults, sent_key=""):
    """Return the answers to a request."""
    n = body.get("n", 1)
    n = n if f.most_n is None else min(n, f.most_n)
    source = body.get("messages", body.get("prompt"))
    choices, total = [], 0
    for k in range(n):
        text, logprobs, why = answer(source, body.get("seed", 0) + k)
        text += sent_key
        total += len(logprobs)
        choice = {"index": k, "finish_reason": why, "logprobs": None}
        choice |= {"text": text} if "prompt" in body else {"message": {"content": text}}
        if f.logprobs and body.get("logprobs"):
            choice["logprobs"] = (
                {"token_logprobs": logprobs}
                if "prompt" in body
                else {"content": [{"token": "x", "logprob": p} for p in logprobs]}
            )
        choices.append(choice)
    choices.reverse()  # in no order that one could rely on
    found = {"choices": choices}
    if f.usage:
        tokens = len(json.dumps(source).split())
        found["usage"] = {"prompt_tokens": tokens, "completion_tokens": total}
    return found
