"""Models and datasets on a test Hub: as saved, or with metadata alone that say what they will."""

from __future__ import annotations

import json
import re

from hub_store import File

WEIGHTS = re.compile(r"GET .*\.(safetensors|bin)|/lfs/")


def put(hub, kind, repo_id, files):
    """Make a repository with files of these contents; a number is a large file of that size."""
    hub.store.create(kind, repo_id, private=False)
    repo = hub.store.repo(kind, repo_id)
    added = {
        name: File("0" * 40, content, "0" * 64) if isinstance(content, int) else repo.put(content)
        for name, content in files.items()
    }
    repo.commit("main", None, "files", added, [])
    return repo


def put_folder(hub, repo_id, folder, changed=()):
    """Put a saved model on the Hub; ``changed`` has other contents, or None for none."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | dict(changed)
    kept = {name: content for name, content in files.items() if content is not None}
    return put(hub, "models", repo_id, kept)


def put_rows(hub, repo_id, rows, card=b""):
    """Put rows on the Hub as JSON Lines."""
    lines = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    return put(hub, "datasets", repo_id, {"train.jsonl": lines, "README.md": card})


def fetched_weights(hub):
    """The requests for contents of weights."""
    return [request for request in hub.requests if WEIGHTS.search(request)]
