"""A build's sampling step against a bare loop over the same engine, in the engine's environment."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.generation.jobs import ENVIRONMENT, FOLDER, write_job
from benchmarks.generation.rows import Row, row


def step_against_loop(python: Path, engine: str, flags: dict[str, Any], rounds: int) -> Row:
    """Time a build's sampling step against a bare loop over the same engine and prompts."""
    job = write_job({"flags": {**flags, "engine": engine}, "rounds": rounds})
    done = subprocess.run(
        [str(python), str(FOLDER / "step_and_loop.py"), str(job)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    drawn = json.loads(done.stdout.splitlines()[-1])
    step, loop = (statistics.median(s for s, _ in drawn[side]) for side in ("step", "loop"))
    tokens = drawn["loop"][0][1]
    print(f"{engine}: {tokens / loop:,.0f} tokens/s, bare", file=sys.stderr)
    return row(f"step_over_loop_{engine}", ("step", "loop"), (step, loop), "≤ 1.05")
