"""The rules of the house: who imports whom, through which door, and what is public."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import udasa_data
import udasa_eval

ROOT = Path(__file__).parents[1]
PACKAGES = ("udasa_data", "udasa_eval", "recipes")

# From the ground up: a room imports rooms of the floors below its own, never of its own floor.
FLOORS = {
    "udasa_data": [
        {"schema", "errors", "progress", "languages", "uncertainty", "tiny"},
        {"config", "terminal"},
        {"pairing", "storage"},
        {"prompts", "engines"},
        {"scorers"},
        {"runs", "preflight"},
        {"sampling", "scoring", "publish", "page"},
        {"pipeline"},
        {"cli", "python"},
    ],
    "udasa_eval": [
        {"stats", "tiny", "pages"},
        {"results"},
        {"tasks", "logs"},
        {"answers", "samples"},
        {"judging"},
        {"running"},
        {"leaderboard", "validation", "frontier"},
        {"cli", "python"},
    ],
}
LOOSE = {
    "udasa_data": {"__init__", "__main__", "schema", "errors", "progress", "tiny"},
    "udasa_eval": {"__init__", "__main__", "frontier", "tiny"},
    "recipes": {"__init__", "__main__", "staged_dpo", "sft"},
}
# Modules that need torch or scipy have doors of their own, so that their rooms open at once;
# the arithmetic of uncertainty is named by its module.
OWN_DOORS = {
    "udasa_data.engines.devices",
    "udasa_data.engines.transformers",
    "udasa_data.engines.policy_tokens",
    "udasa_data.engines.control_tokens",
    "udasa_data.engines.preflight",
    "udasa_data.scoring.evasion",
    "udasa_data.scorers.ngrams",
    "udasa_data.scorers.wording",
    "udasa_data.scoring.refusal",
    "udasa_data.scorers.models",
    "udasa_data.scorers.loading",
    "udasa_data.scorers.value",
    "udasa_data.scorers.nli",
    "udasa_data.scorers.embedding",
    "udasa_data.scorers.chunks",
    "udasa_data.uncertainty",
    "udasa_eval.stats.ranking",
}
# what the evaluation may take from the data package: models, definitions, files; never a step
OF_EVAL = {
    *(
        "schema",
        "errors",
        "progress",
        "languages",
        "config",
        "storage",
        "prompts",
        "engines",
        "scorers",
    ),
    *("runs", "scoring", "terminal", "preflight"),
}
PARQUET = "udasa_data/storage/parquet.py"


class Import(NamedTuple):
    """One import statement's name: ``from module import name``; name is "" in ``import module``."""

    module: str
    name: str


def module_of(path: Path) -> str:
    """The dotted name of a file; a package's own name for its ``__init__``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_of(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[Import]:
    """All imports of a file, wherever they stand in it, under TYPE_CHECKING too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (Import(absolute(path, node), alias.name) for alias in node.names)


def absolute(path: Path, node: ast.ImportFrom) -> str:
    """The module that a ``from … import`` names; relative ones are for recipes alone."""
    if not node.level:
        return (node.module or "").replace("udasa_recipes", "recipes")
    assert path.is_relative_to(ROOT / "recipes"), f"{path}: relative import"
    package = path.relative_to(ROOT).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def target(found: Import) -> str:
    """The file that an import reaches: a module named after ``import``, or the one before it."""
    inner = f"{found.module}.{found.name}"
    return inner if inner in FILES else found.module


def room_of(module: str) -> str:
    """The room that a module stands in: ``udasa_data.runs`` for ``udasa_data.runs.store``."""
    return ".".join(module.split(".")[:2])


def arrows(package: str) -> dict[str, set[str]]:
    """Which modules of a package each of its modules imports."""
    own = {module for module in FILES if module.split(".")[0] == package}
    return {
        module: {target(found) for found in imports(FILES[module])} & own - {module}
        for module in own
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a graph, as a path; empty where there is none."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for other in sorted(graph.get(node, ())):
            if found := visit(other, [*path, node]):
                return found
        done.add(node)
        return []

    for start in sorted(graph):
        if found := visit(start, []):
            return found
    return []


def test_circles_are_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_of_files(package):
    assert circle(arrows(package)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_of_rooms(package):
    rooms: dict[str, set[str]] = {}
    for module, others in arrows(package).items():
        rooms.setdefault(room_of(module), set()).update(map(room_of, others))
    assert circle({room: others - {room, package} for room, others in rooms.items()}) == []


@pytest.mark.parametrize("package", FLOORS)
def test_imports_run_downwards(package):
    floor = {room: n for n, rooms in enumerate(FLOORS[package]) for room in rooms}
    for module, others in arrows(package).items():
        room = room_of(module).partition(".")[2]
        if room in {"", "__main__"}:
            continue
        for other in {room_of(name).partition(".")[2] for name in others} - {room, ""}:
            assert floor[other] < floor[room], f"{module} imports from {other}"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_top_level_holds_rooms_and_few_files(package):
    top = {path.stem for path in (ROOT / package).glob("*.py")}
    assert top <= LOOSE[package]


def test_rooms_are_entered_by_their_doors():
    for module, path in FILES.items():
        for found in imports(path):
            room = room_of(found.module)
            if found.module not in FILES or room == room_of(module) or room.startswith("recipes"):
                continue  # recipes need torch behind almost every door
            is_room = FILES[found.module].name == "__init__.py" or found.module != room
            if not is_room or found.module in OWN_DOORS or room in OWN_DOORS:
                continue
            assert found.module == room, f"{module}: {found.name} is handed on by {room}"


def test_rooms_hand_on_what_they_name():
    """A room's ``__init__`` holds a docstring, imports and ``__all__``; nothing that acts."""
    for module, path in FILES.items():
        if path.name != "__init__.py" or module in {*PACKAGES, "udasa_data.cli", "udasa_eval.cli"}:
            continue
        for node in tree(path).body:
            names = {getattr(part, "id", "") for part in getattr(node, "targets", [])}
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            assert docstring or isinstance(node, ast.ImportFrom) or names == {"__all__"}, module


def test_uncertainty_is_pure():
    for module, others in arrows("udasa_data").items():
        if module.startswith("udasa_data.uncertainty"):
            assert {room_of(name) for name in others} <= {"udasa_data.uncertainty"}, module


def test_data_never_imports_eval_nor_recipes():
    for module, path in FILES.items():
        of = {target(found).split(".")[0] for found in imports(path)}
        if module.startswith("udasa_data"):
            assert not of & {"udasa_eval", "recipes"}, module
        if module.startswith("udasa_eval"):
            assert "recipes" not in of, module


def test_eval_imports_only_what_it_may():
    for module, path in FILES.items():
        if module.startswith("udasa_eval"):
            rooms = {room_of(f.module) for f in imports(path) if f.module.startswith("udasa_data")}
            assert {room.partition(".")[2] for room in rooms} <= OF_EVAL | {""}, module


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("typer", ["/cli/", "/terminal/program.py", "/terminal/meanings.py"]),
        ("rich", ["/cli/", "/terminal/"]),
        ("torch", ["/engines/", "/scorers/", "udasa_eval/answers/backend.py", "recipes/"]),
        (
            "transformers",
            [
                "/engines/",
                "/scorers/",
                "/publish/tokenisation.py",
                "/storage/packaged.py",
                "recipes/",
            ],
        ),
        ("trl", ["/publish/tokenisation.py", "recipes/"]),
        ("matplotlib", ["/publish/figures.py", "udasa_eval/frontier.py", "recipes/"]),
        ("ray", ["/executors/ray.py"]),
        ("fsspec", ["/storage/object_stores.py"]),
        (
            "huggingface_hub",
            ["/storage/hub.py", "/publish/", "udasa_eval/leaderboard/pushing.py", "recipes/"],
        ),
    ],
)
def test_who_may_import(package, allowed):
    for path in FILES.values():
        name = str(path.relative_to(ROOT))
        if any(found.module.split(".")[0] == package for found in imports(path)):
            assert any(part in name for part in allowed), name


def test_parquet_is_read_in_one_place():
    """polars expands patterns in a path unless it is told not to."""
    for path in FILES.values():
        if str(path.relative_to(ROOT)) == PARQUET:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "pl":
                assert "_parquet" not in node.attr, f"{path}: {node.attr}; use {PARQUET}"


def test_public_names():
    assert udasa_data.__all__ == [
        "BuildConfig",
        "BuildResult",
        "ScoreResult",
        "Stage",
        "UserError",
        "build",
        "diff",
        "merge",
        "push",
        "report",
        "resolve",
        "score",
        "score_file",
        "verify",
    ]
    assert set(udasa_data.__all__) <= set(dir(udasa_data))
    assert all(hasattr(udasa_data, name) for name in udasa_data.__all__)
    with pytest.raises(AttributeError):
        udasa_data.nothing  # noqa: B018
    assert udasa_eval.__all__ == [
        "Compared",
        "Comparison",
        "Evaluation",
        "Interval",
        "Results",
        "RunOptions",
        "UserError",
        "compare",
        "mean_interval",
        "read_results",
        "run",
        "score",
    ]
    assert set(udasa_eval.__all__) <= set(dir(udasa_eval))
    assert all(hasattr(udasa_eval, name) for name in udasa_eval.__all__)
    with pytest.raises(AttributeError):
        udasa_eval.nothing  # noqa: B018


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


def test_one_way_to_the_terminal():
    """Texts of models and files are printed by what makes them visible, nothing else."""
    for module, path in FILES.items():
        if module.startswith(("udasa_data.terminal", "udasa_data.engines.vllm_worker")):
            continue  # the way itself, and a process whose output is a message
        if module.startswith("recipes.tiny"):
            continue  # prints figures of its own making
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"print", "typer.echo", "Console", "sys.stdout.write"}, module
                assert called != "sys.stderr.write", module


def test_every_package_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {module for module, path in FILES.items() if path.name == "__init__.py"}
    packages = project["tool"]["setuptools"]["packages"]
    assert {name.replace("udasa_recipes", "recipes") for name in packages} == found


def test_test_files_have_names_of_their_own():
    """Without ``__init__.py`` between them, pytest imports a test file by its bare name."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
