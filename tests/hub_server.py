"""A Hub to test against: its HTTP protocol, as far as huggingface_hub and datasets use it.

Real sockets, real clients (``HF_ENDPOINT`` names it, in a process of its own, since the clients
read it when they are imported), and faults on demand. Large files go by the LFS protocol: the
clients need ``HF_HUB_DISABLE_XET=1``, since Xet's cannot be served here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from hub_store import Conflict, File, Missing, Store

TOKEN = "hf_aVeryGoodTokenThatMayWrite"
READER = "hf_aTokenThatMayOnlyRead"
BATCH = re.compile(r"/(?P<prefix>datasets/)?(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
RESOLVE = re.compile(
    r"/(?P<prefix>datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
)
API = re.compile(
    r"/api/(?P<kind>datasets|models)/(?P<repo>[^/]+/[^/]+)"
    r"(?:/(?P<what>[a-z-]+)(?:/(?P<revision>[^/]+)(?:/(?P<path>.+))?)?)?"
)


@dataclass
class Fault:
    """What to do to the next ``times`` requests whose ``METHOD path`` matches."""

    pattern: str
    status: int | None = None
    headers: dict = field(default_factory=dict)
    times: int = 1
    cut: bool = False  # close the connection instead of answering
    after: bool = False  # do the work first, then fail: the answer is lost
    body: float = 1.0  # share of a request's body that is read before the fault
    wait: threading.Event | None = None  # hold the request until this is set, no more
    seen: int = 0


class Hub:
    """A running test Hub."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()
        handler = type("Handler", (Handler,), {"hub": self})
        # two origins, as the Hub has: the clients treat a redirect to storage otherwise
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.url, self.storage = (f"http://127.0.0.1:{s.server_port}" for s in self.servers)

    def fault_for(self, request: str) -> Fault | None:
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.seen < fault.times and re.search(fault.pattern, request):
                    fault.seen += 1
                    return fault
        return None

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """For a client's process: this endpoint, a token, caches in ``home``."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith("HF_") and k != "PYTHONWARNINGS"
        }
        given = {} if token is None else {"HF_TOKEN": token}
        return {
            **kept,
            **given,
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }


@contextmanager
def running(root: Path):
    """Serve a directory."""
    hub = Hub(root)
    threads = []
    for server in hub.servers:
        server.daemon_threads = True
        given = {"target": server.serve_forever, "kwargs": {"poll_interval": 0.02}}
        threads.append(threading.Thread(**given))
        threads[-1].start()
    try:
        yield hub
    finally:
        for server, thread in zip(hub.servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


class Refused(Exception):  # noqa: N818
    """An answer other than 200: status, message, the Hub's error code."""


class Cut(Exception):  # noqa: N818
    """The connection ends here."""


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        """Say nothing."""

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, Cut):
            self.close_connection = True

    def do_GET(self):
        self._answer()

    do_POST = do_GET  # noqa: N815 - http.server's names
    do_PUT = do_GET  # noqa: N815
    do_HEAD = do_GET  # noqa: N815

    def _answer(self):
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        fault = self.hub.fault_for(f"{self.command} {parts.path}")
        if fault and fault.wait:
            fault.wait.wait(60)
            fault = None  # held back, then answered as any other
        self.body = self._read_body(fault.body if fault and not fault.after else 1.0)
        if fault and not fault.after:
            return self._fail(fault)
        try:
            status, answer, headers = self._route(parts.path)
        except Missing as missing:
            status, answer, headers = 404, {"error": str(missing)}, {"X-Error-Code": str(missing)}
        except Conflict:
            status, answer, headers = 412, {"error": "A commit has happened since."}, {}
        except Refused as refused:
            status, message, code = refused.args
            answer = {"error": message}
            headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        if fault:
            return self._fail(fault)
        return self._send(status, answer, headers)

    def _fail(self, fault):
        if fault.cut:
            self.connection.close()
            raise Cut
        self.close_connection = True
        if fault.status:
            self._send(
                fault.status,
                {"error": "a fault on demand"},
                {**fault.headers, "Connection": "close"},
            )

    def _read_body(self, share):
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
                if share < 1:
                    return b"".join(pieces)
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(int(self.headers.get("Content-Length", 0)) * share))

    def _send(self, status, answer, headers):
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        length = headers.pop("Content-Length", str(len(content)))
        self.send_response(status)
        if not isinstance(answer, bytes):
            self.send_header("Content-Type", "application/json")
        for name, value in {**headers, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # --- who asks

    def _user(self):
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and given not in (TOKEN, READER):
            raise Refused(401, "Invalid credentials in Authorization header", None)
        return given or None

    def _may_write(self):
        if self._user() is None:
            raise Refused(401, "Invalid username or password.", None)
        if self._user() != TOKEN:
            raise Refused(403, "You don't have the rights to write here", None)

    def _repo(self, kind, repo_id):
        user = self._user()
        try:
            repo = self.hub.store.repo(kind, repo_id)
        except Missing:
            if user is None:  # as the Hub: who is nobody is not told what there is
                raise Refused(401, "Invalid username or password.", "RepoNotFound") from None
            raise
        if repo.state["private"] and user is None:
            raise Refused(401, "Invalid username or password.", "RepoNotFound")
        return repo

    # --- what is asked

    def _route(self, path):  # noqa: PLR0911 - one line a place
        if path == "/api/whoami-v2":
            if self._user() is None:
                raise Refused(401, "Invalid username or password.", None)
            return 200, {"type": "user", "name": "tester", "orgs": [{"name": "org"}]}, {}
        if path == "/api/repos/create":
            return self._create(json.loads(self.body))
        if path == "/api/validate-yaml":
            return self._validate(json.loads(self.body)["content"])
        if path.startswith("/lfs/"):
            return self._large(*path.removeprefix("/lfs/").split(":"))
        if match := BATCH.fullmatch(path):
            return self._batch(_kind(match), match["repo"])
        if match := RESOLVE.fullmatch(path):
            return self._resolve(match)
        if match := API.fullmatch(path):
            repo = self._repo(match["kind"], match["repo"])
            name = (match["what"] or "revision").replace("-", "_")
            answer = getattr(self, f"_api_{name}", None)
            if answer:
                return answer(repo, unquote(match["revision"] or "main"), match)
        raise Refused(404, f"not served here: {self.command} {path}", None)

    def _create(self, asked):
        self._may_write()
        kind = {"dataset": "datasets", "model": "models"}[asked.get("type") or "model"]
        repo_id = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        if not repo_id.startswith(("tester/", "org/")):
            raise Refused(403, "You don't have the rights to create under this namespace", None)
        url = f"{self.hub.url}/{'datasets/' if kind == 'datasets' else ''}{repo_id}"
        made = self.hub.store.create(kind, repo_id, private=asked.get("visibility") == "private")
        return (200 if made else 409), {"url": url, "error": "You already created this repo"}, {}

    def _validate(self, content):
        try:
            _, front, _ = content.split("---\n", 2)
            found = yaml.safe_load(front)
            errors = [] if isinstance(found, dict) else [{"message": "no mapping"}]
        except (ValueError, yaml.YAMLError) as error:
            errors = [{"message": str(error)}]
        return (400 if errors else 200), {"errors": errors, "warnings": []}, {}

    def _api_revision(self, repo, revision, match):
        commit = repo.resolve(revision)
        tree = repo.tree(commit)
        siblings = [{"rfilename": path} for path in tree]
        if self.query.get("blobs", ["false"])[0].lower() == "true":
            siblings = [
                {"rfilename": path, "size": file.size, "blobId": file.oid}
                for path, file in tree.items()
            ]
        card = repo.content(tree["README.md"]).decode() if "README.md" in tree else ""
        card_data = yaml.safe_load(card.split("---\n", 2)[1]) if card.startswith("---") else None
        told = {"id": match["repo"], "sha": commit, "siblings": siblings, "cardData": card_data}
        told |= {"private": repo.state["private"], "gated": repo.state.get("gated", False)}
        return 200, {**told, "tags": [], "downloads": 0}, {}

    def _api_refs(self, repo, _revision, _match):
        state = repo.state
        found = {
            kind: [
                {"name": name, "ref": f"refs/{place}/{name}", "targetCommit": commit}
                for name, commit in state[kind].items()
            ]
            for kind, place in (("branches", "heads"), ("tags", "tags"))
        }
        return 200, {**found, "converts": []}, {}

    def _api_branch(self, repo, name, _match):
        self._may_write()
        start = json.loads(self.body or "{}").get("startingPoint", "main")
        made = repo.set_ref("branches", name, repo.resolve(start))
        return (200 if made else 409), {"error": "Reference already exists"}, {}

    def _api_tag(self, repo, revision, _match):
        self._may_write()
        made = repo.set_ref("tags", json.loads(self.body)["tag"], repo.resolve(revision))
        return (200 if made else 409), {"error": "Tag reference exists already"}, {}

    def _api_tree(self, repo, revision, match):
        files = repo.tree(repo.resolve(revision))
        below = f"{unquote(match['path'])}/" if match["path"] else ""
        inside = {path: file for path, file in files.items() if path.startswith(below)}
        if below and not inside:
            raise Missing("EntryNotFound")
        recursive = self.query.get("recursive", ["false"])[0].lower() == "true"
        listed, folders = [], {}
        for path, file in inside.items():
            parents = path.removeprefix(below).split("/")[:-1]
            for depth in range(len(parents) if recursive else min(1, len(parents))):
                folder = below + "/".join(parents[: depth + 1])
                folders[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
            if recursive or not parents:
                listed.append(file.as_json(path))
        return 200, [*folders.values(), *listed], {}

    def _api_paths_info(self, repo, revision, _match):
        files = repo.tree(repo.resolve(revision))
        content = self.body.decode()
        asked = json.loads(content) if content.startswith("{") else parse_qs(content)
        found = []
        for path in asked["paths"]:
            if path in files:
                found.append(files[path].as_json(path))
            elif any(name.startswith(f"{path}/") for name in files):
                found.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        return 200, found, {}

    def _api_preupload(self, repo, revision, _match):
        self._may_write()
        files = repo.tree(repo.resolve(revision))
        answers = []
        for asked in json.loads(self.body)["files"]:
            path = asked["path"]
            is_large = path.endswith((".parquet", ".png")) or asked["size"] > 10_000_000
            old = files.get(path)
            oid = {"oid": old.sha256 or old.oid} if old else {}
            mode = "lfs" if is_large else "regular"
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **oid})
        return 200, {"files": answers}, {}

    def _api_commit(self, repo, branch, match):
        self._may_write()
        header, added, deleted = {}, {}, []
        for line in self.body.decode().splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                header = value
            elif item["key"] == "file":
                added[value["path"]] = repo.put(base64.b64decode(value["content"]))
            elif item["key"] == "lfsFile":
                large = repo.large(value["oid"])
                if not large.is_file():
                    raise Refused(400, f"LFS pointer of {value['path']} has no object", None)
                added[value["path"]] = File(value["oid"][:40], large.stat().st_size, value["oid"])
            else:
                deleted.append(value["path"])
        parent = header.get("parentCommit")
        commit = repo.commit(branch, parent, header["summary"], added, deleted)
        url = f"{self.hub.url}/{match['kind']}/{match['repo']}/commit/{commit}"
        return 200, {"success": True, "commitUrl": url, "commitOid": commit, "hookOutput": ""}, {}

    def _batch(self, kind, repo_id):
        self._may_write()
        repo = self._repo(kind, repo_id)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            place = f"{self.hub.storage}/lfs/{kind}:{repo_id}:{asked['oid']}"
            actions = {"upload": {"href": place}, "verify": {"href": place}}
            there = repo.large(asked["oid"]).is_file()
            objects.append({**asked, **({} if there else {"actions": actions})})
        return 200, {"transfer": "basic", "objects": objects}, {}

    def _large(self, kind, repo_id, sha256):
        repo = self.hub.store.repo(kind, repo_id)
        path = repo.large(sha256)
        if self.command == "PUT":
            if hashlib.sha256(self.body).hexdigest() != sha256:
                raise Refused(400, "the content is not what its sha256 says", None)
            temporary = path.with_suffix(f".{threading.get_ident()}")
            temporary.write_bytes(self.body)
            temporary.replace(path)
            return 200, b"", {}
        if self.command == "POST":
            return (200 if path.is_file() else 404), {}, {}
        return self._content(path.read_bytes(), {"ETag": f'"{sha256}"'})

    def _resolve(self, match):
        repo = self._repo(_kind(match), match["repo"])
        if repo.state.get("gated") and self._user() != TOKEN:  # who has not accepted its terms
            raise Refused(403, f"Access to {match['repo']} is restricted.", "GatedRepo")
        commit = repo.resolve(unquote(match["revision"]))
        file = repo.tree(commit).get(unquote(match["path"]))
        if file is None:
            raise Missing("EntryNotFound")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{file.oid}"'}
        if file.sha256:
            place = f"{self.hub.storage}/lfs/{_kind(match)}:{match['repo']}:{file.sha256}"
            linked = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
            return 302, b"", {**headers, **linked, "Location": place}
        return self._content(repo.content(file), headers)

    def _content(self, content, headers):
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers["Accept-Ranges"] = "bytes"
        if not wanted:
            return 200, content, headers
        first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
        if first > last:
            return 416, b"", {**headers, "Content-Range": f"bytes */{len(content)}"}
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return 206, content[first : last + 1], headers


def _kind(match):
    return "datasets" if match["prefix"] else "models"


def wait_until(condition, seconds=20.0):
    """Wait for another process; an AssertionError when it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
