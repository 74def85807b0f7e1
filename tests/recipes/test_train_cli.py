"""udasa-train: presets by name, single keys, the launches, and one line for each mistake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from typer.testing import CliRunner

from udasa_data.errors import UserError, install_line
from udasa_recipes.cli import app
from udasa_recipes.cli.launching import command_line, launch_arguments, run_accelerate
from udasa_recipes.cli.running import _is_first_to_say
from udasa_recipes.staged import known_presets, read_recipe
from udasa_recipes.supervised import Tuning

RECIPES = Path(__file__).parents[2] / "recipes"


def said(*arguments):
    """What a command prints that ends well."""
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def fault(*arguments):
    """The one line of a command that does not."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(done.exception, UserError), (done.output, done.exception)
    assert "\n" not in str(done.exception)
    return str(done.exception)


def resolved(*arguments):
    return yaml.safe_load(said("dpo", *arguments, "--dry-run"))


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working directory that knows nothing of the repository."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- presets ---------------------------------------------------------------------------------


def test_a_preset_is_found_by_its_name(elsewhere):
    assert resolved("--model", "mistral")["policy"]["id"] == "mistralai/Mistral-7B-Instruct-v0.3"
    assert resolved("--model", "mistral")["lora"]["rank"] == 16
    assert resolved("--model", "mistral/full")["lora"] is None
    models = ["llama", "mistral", "mistral/full", "olmo3", "qwen", "qwen-0.5b", "qwen3", "smollm"]
    models.append("smollm-135m")
    models += ["tiny", "tiny/ablate_dpo"]
    assert list(known_presets()) == models
    assert list(known_presets("ablate")) == list(known_presets("rounds")) == ["tiny"]


def test_the_dry_run_is_a_recipe_that_reads_back_to_the_same(elsewhere):
    arguments = ("--model", "smollm", "--set", "stages.moderate.beta=0.3", "--data", "org/data")
    (elsewhere / "mine.yaml").write_text(said("dpo", *arguments, "--dry-run"))
    mine = read_recipe(elsewhere / "mine.yaml")
    assert mine.dataset == "org/data"
    assert mine.stages["moderate"] == {"beta": 0.3}
    assert mine.training == read_recipe(RECIPES / "smollm/staged_dpo.yaml").training
    assert said("dpo", "--config", "mine.yaml", "--dry-run") == (elsewhere / "mine.yaml").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dpo", "--model", "mistrl"], "unknown preset 'mistrl' (did you mean 'mistral'?)"),
        (["dpo", "--model", "x/y"], "unknown preset 'x/y' (known: llama, mistral, mistral/full"),
        (["dpo"], "give --model PRESET (llama, mistral, mistral/full, olmo3, qwen, qwen-0.5b"),
        (["dpo", "--model", "tiny", "--config", "x"], "--model and --config are given"),
        (["dpo", "--config", "nothing.yaml"], "nothing.yaml: cannot be read"),
        (["dpo", "--model", "tiny"], "--out is missing"),
        (["dpo", "--model", "tiny", "--out", "o"], "names no dataset; give --data"),
        (["dpo", "--model", "tiny", "--data", "d", "--out", "o", "--push-stages"], "are of --push"),
        (
            [
                "dpo",
                "--model",
                "tiny",
                "--data",
                "d",
                "--out",
                "o",
                "--push",
                "o/n",
                "--push-adapter",
            ],
            "trains all weights (no lora)",
        ),
        (["ablate", "--model", "mistral"], "unknown preset 'mistral' (known: tiny)"),
        (["ablate", "--model", "tiny"], "--run is missing"),
        (["ablate", "--model", "tiny", "--set", "variants=[staged, shufled]"], "'shufled' (did"),
        (["rounds", "--model", "tiny"], "--out is missing"),
        (["rounds", "--model", "tiny", "--set", "model=tinny"], "'tinny' is no preset of a build"),
        (["sft", "--data", "x"], "no model named: give --model"),
        (["sft", "--model", "m", "--data", "d", "--steps", "0"], "key 'steps': expected `int` >="),
    ],
)
def test_a_mistake_is_one_line(elsewhere, arguments, message):
    assert message in fault(*arguments)
    assert not list(elsewhere.iterdir())


# -- single keys -----------------------------------------------------------------------------


def test_keys_are_set_over_the_file():
    settings = ["stages.exploratory.beta=0.2", "lora.rank=8", "seed=3", "seed=4", "stop.max_kl=30"]
    settings += ["training.learning_rate=5e-7", "order=[moderate]", "measures.nli.id=embedded:nli"]
    recipe = resolved("--model", "mistral", *(w for s in settings for w in ("--set", s)))
    # the file's own key of that stage, and of the adapter, stay
    assert recipe["stages"]["exploratory"] == {"learning_rate": 2.5e-6, "replay": 0.1, "beta": 0.2}
    assert (recipe["lora"]["rank"], recipe["lora"]["alpha"]) == (8, 32)
    assert recipe["seed"] == 4
    assert recipe["training"]["learning_rate"] == 5e-7  # a string to YAML 1.1
    assert (recipe["order"], recipe["stop"]["max_kl"]) == (["moderate"], 30)
    assert recipe["measures"]["nli"]["id"] == "embedded:nli"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.bata=0.2", "--set: unknown key 'training.bata' (did you mean 'beta'?)"),
        ("stages.moderate.bata=1", "--set: stages.moderate: unknown key 'bata' (did you mean"),
        ("stages.modrate.beta=1", "--set: unknown stage 'modrate' (did you mean 'moderate'?)"),
        ("sed=1", "--set: unknown key 'sed' (did you mean 'seed'?)"),
        ("training.beta=high", "--set: key 'training.beta': expected `float`, got `str`"),
        ("training.beta=-1", "--set: key 'training.beta'"),
        ("seed.x=1", "--set: key 'seed': expected `int`, got `object`"),
        ("order=[", "--set 'order=['"),
        ("beta", "--set 'beta': reads KEY=VALUE"),
        (".beta=1", "--set '.beta=1': reads KEY=VALUE"),
        ("=1", "--set '=1': reads KEY=VALUE"),
    ],
)
def test_a_wrong_setting_is_one_line(setting, message):
    assert message in fault("dpo", "--model", "tiny", "--set", setting, "--dry-run")


def test_flags_of_sft_are_laid_over_its_file(elsewhere):
    (elsewhere / "sft.yaml").write_text("model: org/base\ndata: a.jsonl\nepochs: 3.0\nseed: 7\n")
    flags = ("--data", "b.jsonl", "--learning-rate", "1e-4")
    found = yaml.safe_load(said("sft", "--config", "sft.yaml", *flags, "--dry-run"))
    tuning = Tuning(model="org/base", data="b.jsonl", epochs=3.0, seed=7, learning_rate=1e-4)
    assert Tuning(**found) == tuning


def test_the_other_commands_have_a_dry_run(elsewhere):
    ablation = yaml.safe_load(said("ablate", "--model", "tiny", "--set", "steps=6", "--dry-run"))
    assert (ablation["steps"], ablation["seeds"], len(ablation["variants"])) == (6, [0, 1, 2], 12)
    rounds = yaml.safe_load(said("rounds", "--model", "tiny", "--set", "rounds=3", "--dry-run"))
    assert (rounds["rounds"], rounds["build"]["limit"]) == (3, 80)


# -- packages --------------------------------------------------------------------------------


class Without:
    """Keeps packages from being found, as if they were not installed."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, *_):
        if name in self.names:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


@pytest.mark.parametrize("command", ["dpo", "sft", "ablate", "rounds"])
def test_without_trl_one_line_says_what_installs_it(elsewhere, monkeypatch, command):
    monkeypatch.setattr(sys, "meta_path", [Without(("trl", "peft")), *sys.meta_path])
    for name in ("trl", "peft"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    more = {
        "dpo": ["--model", "tiny", "--data", "d"],
        "sft": ["--model", "m", "--data", "d"],
        "ablate": ["--model", "tiny", "--run", "r"],
        "rounds": ["--model", "tiny"],
    }
    told = fault(command, *more[command], "--out", "o")
    assert told == f"trl, peft are not installed; {install_line('train')}"
    assert not list(elsewhere.iterdir())
    if command == "dpo":
        assert resolved("--model", "tiny")["seed"] == 0  # which trains nothing, and needs none


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in ("dpo", "sft", "ablate", "rounds")),
        ["dpo", "--modle", "x"],
    ],
)
def test_help_and_wrong_flags_import_nothing_heavy(arguments):
    program = (
        "import sys; sys.argv = ['udasa-train', *sys.argv[1:]]\n"
        "from udasa_recipes.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'trl', 'datasets', 'polars', 'numpy', 'accelerate'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# -- launches --------------------------------------------------------------------------------


def test_options_are_given_on_as_they_were_given():
    given = {"config": Path("a b.yaml"), "data": None, "set": ["x=1", "y=[2, 3]"], "max_length": 8}
    words = ["--config", "a b.yaml", "--set", "x=1", "--set", "y=[2, 3]", "--max-length", "8"]
    assert command_line(given) == words


@pytest.mark.parametrize(("kind", "processes"), [("one", 1), ("fsdp2", 3), ("zero3", 2)])
def test_accelerate_is_started_with_the_packaged_file(elsewhere, kind, processes):
    arguments = launch_arguments(kind, processes, RECIPES / "sft.py", ["--out", "o"])
    told, _, _ = _validate_launch_command(launch_command_parser().parse_args(arguments))
    assert told.num_processes == processes
    assert (told.use_fsdp, told.use_deepspeed) == (kind == "fsdp2", kind == "zero3")
    assert told.training_script == str(RECIPES / "sft.py")
    assert told.training_script_args == ["--out", "o"]
    if kind == "zero3":
        own = yaml.safe_load(Path(told.deepspeed_config_file).read_text())  # found from elsewhere
        assert own["zero_optimization"]["stage"] == 3
        assert told.zero3_init_flag is False
        assert told.mixed_precision == "no"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--processes", "2"], "--processes: of --launch, which is not given"),
        (["--launch", "one", "--processes", "2"], "--processes 2: --launch one is one"),
        (["--launch", "fsdp2"], "no GPU is visible here; --processes N starts N anyway"),
        (["--launch", "zero3"], "deepspeed is not installed; pip install deepspeed=="),
    ],
)
def test_what_cannot_be_launched_is_one_line(elsewhere, monkeypatch, options, message):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr(sys, "meta_path", [Without(("deepspeed",)), *sys.meta_path])
    assert message in fault("dpo", "--model", "tiny", "--data", "d", "--out", "o", *options)


def test_where_figures_are_sent_must_be_installed(elsewhere, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [Without(("wandb",)), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    asked = ["--data", "d", "--out", "o", "--set", "report_to=[wandb]"]
    told = fault("dpo", "--model", "tiny", *asked)
    assert told == "report_to: wandb is not installed; pip install wandb"


def test_a_launched_process_launches_no_other(elsewhere, monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    arguments = ("--model", "tiny", "--data", "d", "--out", "o", "--launch", "one")
    assert "accelerate has started this process already" in fault("dpo", *arguments)


def test_the_status_of_what_was_launched_is_passed_on(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "if sys.argv[1] == 'killed': os.kill(os.getpid(), 9)\n"
        "sys.exit(int(sys.argv[1]))\n"
    )
    for word, status in {"0": 0, "3": 3, "killed": 137}.items():
        assert run_accelerate(launch_arguments("one", 1, script, [word])) == status


def test_what_several_processes_meet_is_said_once(tmp_path, monkeypatch):
    assert _is_first_to_say("a")
    assert _is_first_to_say("a")  # alone there is nobody to compare with
    for rank in ("0", "1"):
        (tmp_path / rank).mkdir()
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "1/error.json"))
    assert _is_first_to_say("a")
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "0/error.json"))
    assert not _is_first_to_say("a")
    assert _is_first_to_say("b")
    assert not _is_first_to_say("interrupted", after_others=False)


@pytest.mark.slow
def test_two_processes_say_one_line(tmp_path):
    program = "from udasa_recipes.cli import main; main()"
    arguments = ["dpo", "--model", "tiny", "--data", "nothing", "--out", "out"]
    launch = ["--launch", "fsdp2", "--processes", "2"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, *launch],
        cwd=tmp_path,
        env={**os.environ, "ACCELERATE_USE_CPU": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: dataset 'nothing': no such folder; a build writes one to RUN/dataset"
    ]


def test_the_launchers_are_the_commands(tmp_path):
    for name, sure in {"staged_dpo": "--push", "sft": "--learning-rate"}.items():
        for start in ([str(RECIPES / f"{name}.py")], ["-m", f"udasa_recipes.{name}"]):
            done = subprocess.run(
                [sys.executable, *start, "--help"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert sure in done.stdout
