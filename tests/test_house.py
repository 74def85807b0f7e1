"""The rules of the house: who imports whom, and what is public."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import udasa_data
import udasa_eval

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "udasa_data").rglob("*.py")) + sorted((ROOT / "udasa_eval").rglob("*.py"))
PIPELINES = {
    "pipeline",
    "preparation",
    "restaging",
    "derivation",
    "merging",
    "finished",
    "fetched",
    "origin",
    "page",
    "publish",
    "existing",
    "answer_files",
    "executors",
}
STEPS = {"prompts", "sampling", "scoring", "calibration", "pairs", "stages", "publish"}

# what the evaluation may take from the data package: models, definitions, files; never a step
OF_EVAL = {
    "engines",
    "scorers",
    "schema",
    "config",
    "presets",
    "errors",
    "strict",
    "store",
    "progress",
}
OF_EVAL |= {"hub", "model_files", "claims", "contamination", "places", "bars", "terminal"}


def imported(path):
    """The absolute module names that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


def ours(path, package="udasa_data"):
    """The parts of our package that a file imports: ``schema``, ``uncertainty.semantic``…"""
    prefix = f"{package}."
    return {name.removeprefix(prefix) for name in imported(path) if name.startswith(prefix)}


def outside(allowed, package):
    """Files beyond the allowed ones that import a third-party package."""
    return [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(name.split(".")[0] == package for name in imported(path))
        and not any(part in str(path.relative_to(ROOT)) for part in allowed)
    ]


def test_uncertainty_is_pure():
    for path in (ROOT / "udasa_data/uncertainty").glob("*.py"):
        assert ours(path) == set(), path


@pytest.mark.parametrize("name", ["pairs", "stages"])
def test_pairs_and_stages_know_only_definitions_and_arithmetic(name):
    parts = ours(ROOT / f"udasa_data/{name}.py")
    assert {part.split(".")[0] for part in parts} <= {"schema", "config", "uncertainty"}


def test_only_the_pipeline_imports_steps():
    for path in SOURCES:
        relative = path.relative_to(ROOT / "udasa_data") if "udasa_eval" not in str(path) else path
        name = relative.parts[0].removesuffix(".py")
        if name in {*PIPELINES, "cli"}:  # the command line calls whole steps
            continue
        steps = {part.split(".")[0] for part in ours(path)} & STEPS
        assert not steps - {name}, f"{path} imports {steps}"


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("typer", ["/cli"]),
        ("rich", ["/cli", "udasa_data/terminal/bars.py"]),
        ("torch", ["/engines/", "/scorers/", "udasa_eval/answers/backend.py"]),
        ("transformers", ["/engines/", "/scorers/", "/publish/tokenisation.py"]),
        ("trl", ["/publish/tokenisation.py"]),
        ("matplotlib", ["/publish/figures.py", "udasa_eval/frontier.py"]),
        ("ray", ["/executors/ray.py"]),
        ("fsspec", ["/remote.py"]),
        ("huggingface_hub", ["/hub.py", "/publish/", "udasa_eval/leaderboard/pushing.py"]),
    ],
)
def test_who_may_import(package, allowed):
    assert outside(allowed, package) == []


def test_data_never_imports_eval():
    for path in (ROOT / "udasa_data").rglob("*.py"):
        assert not any(name.startswith("udasa_eval") for name in imported(path)), path


def test_eval_imports_only_what_it_may():
    for path in (ROOT / "udasa_eval").rglob("*.py"):
        parts = {part.split(".")[0] for part in ours(path)}
        assert parts <= OF_EVAL, path


def test_public_names():
    assert udasa_data.__all__ == [
        "BuildConfig",
        "BuildResult",
        "ScoreResult",
        "Stage",
        "UserError",
        "build",
        "resolve",
        "score_file",
    ]
    assert all(hasattr(udasa_data, name) for name in udasa_data.__all__)
    with pytest.raises(AttributeError):
        udasa_data.nothing  # noqa: B018
    assert udasa_eval.__all__ == [
        "Comparison",
        "Interval",
        "Results",
        "RunOptions",
        "compare",
        "mean_interval",
        "read_results",
        "run",
        "score",
    ]
    assert all(hasattr(udasa_eval, name) for name in udasa_eval.__all__)


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("udasa_data", ["--help"]),
        ("udasa_data", ["build", "--help"]),
        ("udasa_data", ["score", "--help"]),
        ("udasa_data", ["build", "--modle", "x"]),
        ("udasa_data", ["--version"]),
        ("udasa_eval", ["--help"]),
        ("udasa_eval", ["run", "--help"]),
        ("udasa_eval", ["run", "--modle", "x"]),
        ("udasa_eval", ["frontier", "--help"]),
    ],
)
def test_help_and_wrong_flags_import_nothing_heavy(package, arguments):
    program = (
        f"import sys; sys.argv = ['{package}', *sys.argv[1:]]\n"
        f"from {package}.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'datasets', 'polars', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_cli_knows_the_stages():
    from typing import get_args

    from udasa_data.cli import StageName
    from udasa_data.schema import Stage

    assert list(get_args(StageName)) == [stage.value for stage in Stage]
