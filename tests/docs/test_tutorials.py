"""Each tutorial is run as it stands, from an empty folder, and prints what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("[!R]*.md"))
BLOCK = re.compile(r"^```(bash|text|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pattern(line):
    """A printed line whose figures, spaces and cuts (…) may be others."""
    parts = re.split(r"(…|[0-9][0-9.,]*|\s+)", line.strip())
    wild = {"…": ".*"}
    return "".join(
        r"\s+"
        if part.isspace()
        else r"[-+0-9.,]+"
        if part[:1].isdigit()
        else wild.get(part, re.escape(part))
        for part in parts
        if part
    )


def run(kind, text, folder):
    command = (
        ["bash", "-euo", "pipefail", "-c", text] if kind == "bash" else [sys.executable, "-c", text]
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_and_prints_what_it_says(page, tmp_path):
    printed = ""
    blocks = BLOCK.findall(page.read_text())
    assert any(kind == "bash" for kind, _ in blocks)
    for kind, text in blocks:
        if kind == "text":
            for line in text.strip().splitlines():
                assert re.search(pattern(line), printed), line
        else:
            printed = run(kind, text, tmp_path)


def test_every_tutorial_is_listed():
    listed = (ROOT / "docs/tutorials/README.md").read_text()
    assert {page.name for page in TUTORIALS} == set(re.findall(r"\((\w+\.md)\)", listed))
