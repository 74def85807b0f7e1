"""Options by meaning, the order of the commands, `init`, completion, and widths of tables."""

import re

import click
import forked
import pytest
import typer
import yaml
from typer.testing import CliRunner

from udasa_data.cli import app
from udasa_data.config import BuildConfig, resolve, start_text
from udasa_data.terminal.meanings import _CALLED


def run(*arguments):
    return forked.run("-m", "udasa_data", *arguments)


@pytest.mark.parametrize(
    ("command", "option", "meant"),
    [
        ("build", "--n", "--samples"),
        ("build", "--num-generations", "--samples"),
        ("build", "--output_dir", "--out"),
        ("build", "--max-new-tokens", "--max-tokens"),
        ("build", "--dataset", "--prompts"),
        ("build", "--backend", "--engine"),
        ("plan", "--num-prompts", "--limit"),
        ("show", "--num", None),
    ],
)
def test_an_option_is_suggested_by_its_meaning(command, option, meant):
    done = CliRunner().invoke(app, [command, option, "3"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    found = re.search(r"\(Possible options: (\S+)\)", done.output)
    assert (found and found[1]) == meant


def test_what_is_suggested_is_there():
    """Each option of the table is one of some command of some program."""
    from udasa_eval.cli import app as eval_app
    from udasa_recipes.cli import app as train_app

    texts = []
    for each in (app, eval_app, train_app):
        for command in each.registered_commands:
            name = command.name or command.callback.__name__
            texts.append(CliRunner().invoke(each, [name, "--help"], env={"COLUMNS": "200"}).output)
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", "\n".join(texts))) | {"--traceback"}
    assert set(_CALLED) <= known


def test_a_command_of_another_program_says_whose_it_is():
    done = CliRunner().invoke(app, ["train"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "training is `udasa-train`" in done.output


def test_help_is_in_the_order_of_the_way():
    lines = CliRunner().invoke(app, ["--help"]).output.partition("Commands:")[2].splitlines()
    names = [line.split()[0] for line in lines if re.match(r"  \w", line)]
    assert names[:6] == ["init", "models", "check", "plan", "build", "score"]


def test_init_writes_what_builds_as_tiny_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["init"])
    assert done.exit_code == 0
    assert "udasa-data build --config udasa.yaml --out runs/first" in done.output
    assert resolve(None, {}, file=tmp_path / "udasa.yaml") == resolve("tiny", {})
    again = CliRunner().invoke(app, ["init"])
    assert "is there already, and stays" in str(again.exception)
    missing = CliRunner().invoke(app, ["init", "no/where.yaml"])
    assert "no such folder 'no'" in str(missing.exception)
    assert not (tmp_path / "no").exists()


def test_every_option_that_init_shows_is_one():
    text = start_text("udasa.yaml")
    shown = [line.removeprefix("#- ") for line in text.splitlines() if line.startswith("#- ")]
    assert len(shown) >= 6
    for line in shown:
        assert resolve("tiny", yaml.safe_load(line)), line
    keys = {key for line in shown for key in yaml.safe_load(line)} | set(yaml.safe_load(text))
    assert keys <= set(BuildConfig.__struct_fields__)


def test_completion_knows_the_presets():
    words = {"_UDASA_DATA_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    words["COMP_WORDS"] = "udasa-data build --model smol"
    done = CliRunner().invoke(app, [], env=words, prog_name="udasa-data")
    assert {"smollm", "smollm-135m"} <= set(done.output.split())


def test_new_flags_reach_the_configuration(tmp_path):
    flags = ["--top-p", "0.5", "--system-prompt", "Be brief.", "--batch-tokens", "4096"]
    flags += ["--language", "de", "--license", "cc-by-4.0", "-o", tmp_path / "run", "--dry-run"]
    done = run("build", "--model", "tiny", "--limit", "4", *flags)
    assert done.returncode == 0, done.stderr
    head = yaml.safe_load(done.stdout.partition("\n4 prompts")[0])
    assert head["sampling"]["top_p"] == 0.5
    assert (head["system_prompt"], head["batch_tokens"]) == ("Be brief.", 4096)
    assert (head["scoring"]["language"], head["license"]) == ("de", "cc-by-4.0")
    assert not (tmp_path / "run").exists()


def programs():
    from udasa_eval.cli import app as eval_app
    from udasa_recipes.cli import app as train_app

    return {"udasa-data": app, "udasa-eval": eval_app, "udasa-train": train_app}


@pytest.mark.parametrize("name", programs())
def test_the_list_of_commands_is_whole_at_80_columns(name):
    listed = CliRunner().invoke(programs()[name], ["--help"], env={"COLUMNS": "80"}).output
    assert "..." not in listed.partition("Commands:")[2]
    assert max(map(len, listed.splitlines())) <= 80


@pytest.mark.parametrize("name", programs())
def test_every_option_is_explained_and_its_value_named(name):
    group = typer.main.get_command(programs()[name])
    for command in group.commands:
        made = group.get_command(click.Context(group), command)
        for param in made.params:
            assert param.help, f"{name} {command} {param.name}"
            assert param.help[-1] in ".])…", f"{name} {command}: {param.help}"
            if "--out" in param.opts:
                assert "-o" in param.opts, f"{name} {command}"
        shown = CliRunner().invoke(programs()[name], [command, "--help"], env={"COLUMNS": "80"})
        assert max(map(len, shown.output.splitlines())) <= 80
        options = shown.output.partition("\nOptions:")[2]
        # a choice is shown by its values: <local|ray>
        assert re.findall(r"<[a-z][^|>]*>", options) == [], f"{name} {command}"
