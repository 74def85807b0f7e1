"""Every install line of README and docs resolves, for each Python and system that is promised.

Resolved by uv, which knows other Pythons than this one; nothing is installed.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINE = re.compile(r"pip\s+install\s+([^`#|)]+?)(?:`|\)|#|\n|$)")
PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = {
    "x86_64-manylinux_2_28": {},
    "aarch64-apple-darwin": {"MACOSX_DEPLOYMENT_TARGET": "14.0"},
}
LINUX_ONLY = ("vllm", "deepspeed")


def lines():
    """What stands behind every ``pip install`` in the pages, each once."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    return sorted({" ".join(shlex.split(m[1])) for text in texts for m in LINE.finditer(text)})


def test_lines_are_found_and_name_no_package_that_is_not_there():
    assert any(line.startswith("-e .") for line in lines())
    for line in lines():
        assert not line.startswith("udasa"), f"pip install {line}: udasa is not on PyPI"


@pytest.mark.installs
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("line", lines())
def test_it_resolves(line, system, python, tmp_path, request):
    if request.config.getoption("-m") != "installs":
        pytest.skip("needs a package index: make test-installs")
    if "linux" not in system and any(name in line for name in LINUX_ONLY):
        pytest.skip("for Linux alone")
    flags = {"-e", "-c", "constraints.txt", "--no-deps"}
    words = [word for word in shlex.split(line) if word not in flags]
    wanted = tmp_path / "wanted.in"
    wanted.write_text("\n".join(re.sub(r"^\.(.*)", rf"udasa\1 @ file://{ROOT}", w) for w in words))
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", str(wanted)]
    command += ["--constraint", str(ROOT / "constraints.txt")] if "constraints.txt" in line else []
    command += ["--no-deps"] if "--no-deps" in line else []
    command += ["--python-version", python, "--python-platform", system]
    env = {**os.environ, **SYSTEMS[system]}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
