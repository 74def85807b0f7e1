"""Each tutorial is run as it stands, from an empty folder, and prints what it says."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import hub_server
import pytest
import tutorial_server

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("[!R]*.md"))
ADDRESS = "http://localhost:8000/v1"  # of a server, in the pages
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


@contextlib.contextmanager
def surroundings(name, folder):
    """What a page counts on: its server's address, and variables that name its Hub."""
    with contextlib.ExitStack() as stack:
        address, variables = ADDRESS, {}
        if name == "server":
            address = stack.enter_context(tutorial_server.serving()).url
        if name == "publish":
            hub = stack.enter_context(hub_server.running(folder / "hub"))
            variables = hub.environment(folder / "home") | {"HF_HUB_OFFLINE": "0"}
        yield address, variables


def run(kind, text, folder, variables):
    command = (
        ["bash", "-euo", "pipefail", "-c", text] if kind == "bash" else [sys.executable, "-c", text]
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, **variables, "PATH": path, "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_and_prints_what_it_says(page, tmp_path):
    printed = ""
    blocks = BLOCK.findall(page.read_text())
    assert any(kind == "bash" for kind, _ in blocks)
    (tmp_path / "empty").mkdir()
    with surroundings(page.stem, tmp_path) as (address, variables):
        for kind, found in blocks:
            text = found.replace(ADDRESS, address)
            if kind == "text":
                for line in text.strip().splitlines():
                    assert re.search(pattern(line), printed), line
            else:
                printed = run(kind, text, tmp_path / "empty", variables)


def test_every_tutorial_is_listed():
    listed = (ROOT / "docs/tutorials/README.md").read_text()
    pages = {*TUTORIALS, *(ROOT / "docs/tutorials").glob("*.ipynb")}
    assert {page.name for page in pages} == set(re.findall(r"\((\w+\.(?:md|ipynb))\)", listed))
