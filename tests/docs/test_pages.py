"""What the pages tell a reader to type is understood: commands, options, targets, YAML.

Nothing is run here but README's snippet. What is run as it stands: README's whole way
(tests/hub_shapes), python.md (tests/python), the tutorials and the notebook, CONTRIBUTING's
examples, and training.md's script for TRL (tests/publish).
"""

import re
import shlex
from pathlib import Path

import click
import pytest
import typer
import yaml

from benchmarks.inputs.synthetic import scored_answers, write_run
from udasa_data.cli import app as data_app
from udasa_data.config import resolve
from udasa_data.schema import Axis
from udasa_eval.cli import app as eval_app
from udasa_eval.judging import JudgeSet, judge_set
from udasa_eval.tasks import plan_suite
from udasa_recipes.cli import app as train_app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROGRAMS = {"udasa-data": data_app, "udasa-eval": eval_app, "udasa-train": train_app}
CUT = {"…", "...", "&", "||", "|", ">", "&&"}  # what follows is left out, or the shell's


def commands():
    """Each command of ours in a page's blocks of bash: where it stands, and its words."""
    for page in PAGES:
        blocks = re.findall(r"^```bash\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^|\s)(udasa-(?:data|eval|train) .*)", line.partition(" #")[0])
            if found and not line.startswith("#"):
                words = shlex.split(found[1])
                end = next((n for n, word in enumerate(words) if word in CUT), len(words))
                yield f"{page.relative_to(ROOT)}: {' '.join(words[:3])}", words[:end]


def inline():
    """Each command of ours in a page's prose, `` `udasa-data push RUN --tag v1` ``."""
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for found in re.findall(r"`(udasa-(?:data|eval|train) [^`]+)`", prose):
            yield str(page.relative_to(ROOT)), " ".join(found.split())


def blocks_of_yaml():
    for page in PAGES:
        found = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        yield from (
            (f"{page.relative_to(ROOT)} #{number}", text) for number, text in enumerate(found, 1)
        )


def command_named(program, name):
    return typer.main.get_command(PROGRAMS[program]).commands.get(name)


@pytest.mark.parametrize(("where", "words"), list(commands()))
def test_a_command_is_understood(where, words):
    program, name, *arguments = words
    command = command_named(program, name)
    assert command is not None, f"{program} has no command {name}"
    if "$" in " ".join(arguments):  # a scheduler's number
        arguments = ["1" if word.startswith("$SLURM") else word for word in arguments]
    try:
        command.make_context(name, list(arguments))
    except click.ClickException as error:
        pytest.fail(f"{where}: {error.format_message()}")


def test_options_in_prose_are_there():
    seen = 0
    for page, found in inline():
        program, name, *_ = found.split()
        if not re.fullmatch(r"[a-z]+", name):
            continue  # `udasa-data --help`
        command = command_named(program, name)
        assert command is not None, f"{page}: `{found}`: no such command"
        known = {option for param in command.params for option in param.opts} | {"--help"}
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", found):
            assert option in known, f"{page}: `{found}`: {option} is no option of it"
            seen += 1
    assert seen > 10


def test_targets_of_make_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


@pytest.mark.parametrize(("where", "text"), list(blocks_of_yaml()))
def test_yaml_is_what_its_reader_takes(where, text, tmp_path):
    given = yaml.safe_load(text)
    if "…" in text or "resources" in given:
        pytest.skip("cut, or another program's")
    if set(given) <= set(JudgeSet.__struct_fields__) and "kind" in str(given):
        judge_set(given, "quick")
    elif "tasks" in given:
        (tmp_path / "mine.yaml").write_text(text)
        planned = plan_suite(str(tmp_path / "mine.yaml"), tuple(Axis), (), None, 0)
        assert len(planned) == len(given["tasks"])
    else:
        told = {"server": {"base_url": "http://localhost:8000/v1"}} if "server" in given else {}
        resolve("tiny", told, file=given)  # as with --base-url, beside it


def test_the_snippet_of_readme_loads_a_stage(tmp_path, monkeypatch):
    run = scored_answers(60)
    write_run(tmp_path / "runs/demo/dataset", run, resolve("tiny", {"pairing": {"noise_z": 0}}))
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert set(names["stage"]["stage"]) == {"conservative"}
