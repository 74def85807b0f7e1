"""In a process of its own, timed from outside: prompts in, samples written, nothing else."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

from benchmarks.generation.step_and_loop import step
from udasa_data.config.presets import resolve
from udasa_data.engines.loading import load_engine
from udasa_data.storage.model_files import locate


def main() -> None:
    """Draw the job's answers once."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    config = resolve("tiny", job["flags"])
    with closing(load_engine(config, locate(config.policy))) as engine:
        drawn = step(config, engine)
    print(json.dumps({"tokens": drawn.tokens}))


if __name__ == "__main__":
    main()
