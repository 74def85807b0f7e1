"""A peer's side of the conversation: jobs come as lines of JSON, and so go the replies."""

from __future__ import annotations

import json
import os
import sys
from typing import IO, Any


def jobs() -> tuple[Any, IO[str]]:
    """Return the jobs to come, and where replies go (prints go elsewhere)."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return map(json.loads, sys.stdin), replies


def reply(replies: IO[str], seconds: float, scores: Any) -> None:
    """Answer a job."""
    replies.write(json.dumps({"seconds": seconds, "scores": scores}) + "\n")
    replies.flush()
