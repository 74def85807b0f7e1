"""What the Hub answers, from a real HTTP server on this machine that speaks its protocol."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import forked
import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Knows org/model, and the errors of the others."""

    def do_GET(self):
        if self.path.startswith("/api/models/org/model/revision/main"):
            body = {"id": "org/model", "modelId": "org/model", "sha": COMMIT, "siblings": []}
            self.answer(200, body)
        elif "/org/model/" in self.path:
            self.answer(404, {"error": "Invalid rev id"}, "RevisionNotFound")
        elif "/org/gated" in self.path:
            self.answer(403, {"error": "gated"}, "GatedRepo")
        else:
            self.answer(404, {"error": "Repository not found"}, "RepoNotFound")

    def answer(self, status, body, code=None):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def look_up(endpoint, repo, revision="main", kind="model"):
    program = (
        "import sys\nfrom udasa_data.errors import UserError\n"
        "from udasa_data.storage.hub import commit_of\n"
        "try:\n    print(commit_of(*sys.argv[1:]))\n"
        "except UserError as error:\n    print(error)"
    )
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0"}
    command = ("-c", program, repo, revision, kind)
    done = forked.run(*command, env=environment, libraries=forked.LIBRARIES)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_revision_is_resolved_to_its_commit(endpoint):
    assert look_up(endpoint, "org/model") == COMMIT


@pytest.mark.parametrize(
    ("repo", "revision", "message"),
    [
        ("org/model", "v9", "no revision 'v9'"),
        ("org/gated", "main", "is gated"),
        ("org/none", "main", "not on the Hub, or private"),
        ("not a repo", "main", "neither an existing path nor a Hub id"),
    ],
)
def test_mistakes_are_one_clear_line(endpoint, repo, revision, message):
    line = look_up(endpoint, repo, revision)
    assert message in line
    assert "\n" not in line


def test_no_answer():
    assert "cannot be reached" in look_up("http://127.0.0.1:9", "org/model")


def test_a_hub_dataset_that_cannot_be_loaded():
    from udasa_data.errors import UserError
    from udasa_data.prompts import parse_source, read_rows

    with pytest.raises(UserError, match="Hub dataset 'org/none' cannot be loaded"):
        list(read_rows(parse_source("org/none"), COMMIT))
