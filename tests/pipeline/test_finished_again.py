"""A build that has only its tables to make, or nothing at all, imports no model's library."""

import json
import subprocess
import sys

import pytest

from udasa_data import build, resolve

PROGRAM = """
import sys
from pathlib import Path
from udasa_data import build, resolve
prompts, file, out = sys.argv[1:]
result = build(resolve("tiny", {"prompts": [prompts]}, file=Path(file)), out)
print(result.reused, sorted({"torch", "transformers", "datasets"} & set(sys.modules)))
"""


@pytest.fixture
def built(small_config, tmp_path):
    prompts = tmp_path / "p.txt"
    prompts.write_text("".join(f"Say something about {thing}.\n" for thing in "abcdefgh"))
    out = tmp_path / "run"
    build(resolve("tiny", {"prompts": [str(prompts)]}, file=small_config), out)
    return [str(prompts), str(small_config), str(out)], out


def again(arguments):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_tables_are_made_again_without_a_model(built):
    arguments, out = built
    before = json.loads((out / "manifest.json").read_text())["notes"]
    (out / "pairs.parquet").unlink()
    assert again(arguments) == "False []"
    assert json.loads((out / "manifest.json").read_text())["notes"] == before
    assert again(arguments) == "True []"
