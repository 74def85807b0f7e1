"""A peer's side of the conversation: jobs come as lines of JSON, and so go the replies."""

from __future__ import annotations

import json
import os
import sys
import types
from importlib.metadata import distribution
from typing import IO, Any


def without_init(project: str, *folders: str) -> None:
    """Let modules of a peer be imported without what its own ``__init__`` files would import.

    Args:
        project: as it was installed.
        folders: of its package, as ``utils``.
    """
    package = project.replace("-", "_")
    root = distribution(project).locate_file(package)
    for name in ("", *(f".{folder}" for folder in folders)):
        module = types.ModuleType(f"{package}{name}")
        module.__path__ = [str(root) + name.replace(".", "/")]
        sys.modules[module.__name__] = module


def jobs() -> tuple[Any, IO[str]]:
    """Return the jobs to come, and where replies go (prints go elsewhere)."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return map(json.loads, sys.stdin), replies


def reply(replies: IO[str], seconds: float, scores: Any) -> None:
    """Answer a job."""
    replies.write(json.dumps({"seconds": seconds, "scores": scores}) + "\n")
    replies.flush()
