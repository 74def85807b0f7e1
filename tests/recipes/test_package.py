"""The wheel: what pip installs is the whole of recipes/, under its own name."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("udasa_data", "udasa_eval", "recipes")
FILES = ("pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing is left in the working tree, nor taken from there."""
    folder = tmp_path_factory.mktemp("package")
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "pip", "wheel", str(folder), "--wheel-dir", str(folder)]
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *options], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as found:
        entry_points = next(name for name in found.namelist() if name.endswith("entry_points.txt"))
        return set(found.namelist()), found.read(entry_points).decode()


@pytest.mark.slow
def test_recipes_are_all_there_under_their_own_name(wheel):
    names, _ = wheel
    wanted = [
        path.relative_to(ROOT / "recipes").as_posix()
        for path in (ROOT / "recipes").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "Makefile"
    ]
    assert len(wanted) > 60
    assert {f"udasa_recipes/{name}" for name in wanted} <= names
    assert not [name for name in names if name.split("/")[0] in {"recipes", "tests", "benchmarks"}]


@pytest.mark.slow
def test_the_other_packages_are_there_too(wheel):
    names, _ = wheel
    for package in ("udasa_data", "udasa_eval"):
        wanted = [
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ]
        assert not set(wanted) - names


@pytest.mark.slow
def test_there_are_three_programs(wheel):
    _, entry_points = wheel
    for name in ("udasa-data", "udasa-eval", "udasa-train"):
        assert f"{name} = " in entry_points
