"""A real HTTP server whose every reply is what a test gives: a status, and a value or bytes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class AnsweringServer:
    """Serves on a free local port until closed.

    Args:
        answer: (path, body of the request) → (status, JSON value or bytes).
    """

    def __init__(self, answer: Callable[[str, dict], tuple[int, Any]]):
        self.answer = answer
        self.bodies: list[dict] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner = self.server.owner
        if not self.path.endswith("/tokenize"):
            owner.bodies.append(body)
        status, value = owner.answer(self.path, body)
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def choice(text: object = "Rice and water.", index: object = 0, **more: Any) -> dict:
    """Return an answer as OpenAI's server gives it, two tokens long."""
    tokens = [{"token": "x", "logprob": -0.5}, {"token": "y", "logprob": -0.25}]
    plain = {"index": index, "message": {"role": "assistant", "content": text}}
    return plain | {"finish_reason": "stop", "logprobs": {"content": tokens}} | more


def reply(body: dict, make: Callable[[int], dict] | None = None) -> dict:
    """Return as many answers as were asked for, as ``make`` makes them by their number."""
    n = body.get("n", 1)
    choices = [make(k) if make else choice(index=k) for k in range(n)]
    return {"choices": choices, "usage": {"prompt_tokens": 5, "completion_tokens": 2 * n}}
