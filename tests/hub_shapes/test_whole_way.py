"""The commands of the README, unchanged, over a Hub of the shapes of all that ships."""

import json
import shlex
from pathlib import Path

import forked
import polars as pl
import pytest
from shaped_datasets import GITHUB, HUB
from shaped_hub import shapes
from shaped_models import MODELS

from udasa_data.config import read_looked_up, read_presets
from udasa_data.prompts import parse_source
from udasa_data.schema import Axis
from udasa_eval.answers import TURN_2
from udasa_eval.judging import judge_set
from udasa_eval.judging.judges import EMBEDDED, JudgeSet, named_sets
from udasa_eval.tasks import plan_suite
from udasa_eval.tasks.sources import datasets_known
from udasa_recipes.staged import known_presets, read_recipe

README = Path(__file__).parents[2] / "README.md"
PROGRAMS = {"udasa-data": "udasa_data", "udasa-train": "udasa_recipes", "udasa-eval": "udasa_eval"}


def whole_way():
    """The commands of README's block, but the installation; comments are left out."""
    text = README.read_text(encoding="utf-8").split("## The whole way")[1]
    block = text.split("```bash\n")[1].split("```")[0].replace("ORG/NAME", "org/name")
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [words for words in commands if words and words[0] in PROGRAMS]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Run a command of ours against the shapes, in a folder that all of them share."""
    root, work = tmp_path_factory.mktemp("shapes"), tmp_path_factory.mktemp("work")
    with shapes(root) as (hub, github):
        env = hub.environment(root / "home") | {"UDASA_GITHUB_RAW": github, "HF_HUB_OFFLINE": "0"}
        born_with = tuple(sorted((k, v) for k, v in env.items() if k.startswith("HF_")))

        def run(program, *words):
            return run.python("-m", PROGRAMS[program], *words)

        def python(first, *words):
            command = (first, *words) if first == "-m" else ("-c", first, *words)
            return forked.run(*command, env=env, cwd=work, born_with=born_with)

        run.work, run.python = work, python
        yield run


def shipped_models():
    presets = read_presets()
    ids = {preset.policy.id for preset in presets.models.values()}
    for chosen in presets.scorers.values():
        ids |= {ref.id for ref in (chosen.nli, *chosen.value, chosen.sentiment)}
    for name in named_sets():
        judges = judge_set(name, "quick")
        ids |= {j.id for role in JudgeSet.__struct_fields__ if (j := getattr(judges, role))}
    ids |= {read_recipe(path).policy.id for path in known_presets().values()}
    return {name for name in ids if not name.startswith(("embedded:", EMBEDDED))}


def shipped_datasets():
    parts = [part for spec in datasets_known().values() for part in spec.parts]
    hub = {part.hub for part in parts if part.hub}
    places = {parse_source(name).place for name in read_presets().prompts}
    hub |= {place for place in places if not place.startswith("embedded:")}
    return hub, {part.github for part in parts if part.github}


def test_every_name_that_ships_has_a_shape_and_was_looked_up():
    hub, github = shipped_datasets()
    looked_up = read_looked_up()
    assert shipped_models() == set(MODELS) == set(looked_up.models)
    assert hub == set(HUB)
    assert github == set(GITHUB)
    assert hub | github == set(looked_up.datasets)


@pytest.mark.slow
def test_the_whole_way_of_the_readme(served):
    for words in whole_way():
        done = served(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert not pl.read_parquet(served.work / "runs/mistral/pairs.parquet").is_empty()
    results = json.loads((served.work / "runs/after/results.json").read_text())
    assert {task["name"] for task in results["tasks"]} == tasks_of("quick")
    assert not [note for note in results["notes"] if "left out:" in note]
    assert (served.work / "board/index.html").is_file()


def tasks_of(suite):
    """Of those that can be scored here: IFEval's rules need packages of their own."""
    names = {plan.name for plan in plan_suite(suite, list(Axis)) if not plan.notes.lacking}
    return names | {f"{name}{TURN_2}" for name in names if name == "udasa_mt_bench"}


@pytest.mark.slow
def test_fetch_fills_a_folder_that_the_full_suite_runs_from(served):
    done = served("udasa-eval", "fetch", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    fetchable = {name for name, spec in datasets_known().items() if spec.parts}
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == fetchable
    policy = "mistralai/Mistral-7B-Instruct-v0.3"
    options = ("--suite", "full", "--data-dir", "data", "--reference", policy, "--out", "full")
    done = served("udasa-eval", "run", "--model", policy, *options)
    assert done.returncode == 0, (done.stdout, done.stderr)
    results = json.loads((served.work / "full/results.json").read_text())
    assert {task["name"] for task in results["tasks"]} == tasks_of("full")
    n = {task["name"]: task["documents"] for task in results["tasks"]}
    assert (n["truthfulqa_mc1"], n["udasa_truthfulqa_two_choice"]) == (4, 3)
    assert (n["udasa_harmbench"], n["udasa_xstest_safe"], n["udasa_xstest_unsafe"]) == (2, 2, 1)
    assert (n["udasa_arena_hard"], n["udasa_self_aware"], n["gsm8k_cot"]) == (4, 4, 3)
    # each judge of the set gave numbers, and each metric has them
    measured = {m["name"] for m in results["metrics"] if m["n"]}
    assert {"unsafe_compliance", "win_rate", "reward", "truthful_and_informative"} <= measured
    assert {"expected_max_toxicity", "positive", "kl", "over_refusal", "acc"} <= measured
    assert {"exact_match", "token_f1", "answer_included", "correct", "self_knowledge"} <= measured
    # from alpaca_eval's own difficulties
    assert "length_controlled_win_rate" in {m["name"] for m in results["metrics"] if m["headline"]}


@pytest.mark.slow
def test_a_small_machine_has_scorers_of_its_own(served):
    options = ("--prompts", "imdb", "--limit", "2", "--out", "runs/small")
    done = served("udasa-data", "build", "--model", "smollm", *options)
    assert done.returncode == 0 or "no pairs" in done.stderr, done.stderr
    manifest = json.loads((served.work / "runs/small/manifest.json").read_text())
    small = read_presets().scorers["hub-small"]
    assert {small.nli.id, *(ref.id for ref in small.value)} <= {
        name.partition("@")[0] for name in manifest["models"]
    }


LOAD = """
import sys
from udasa_data.config import ModelRef, Sampling, ValueRef, resolve
from udasa_data.engines import PolicyPrompt, load_engine
from udasa_data.errors import UserError
from udasa_data.scorers.models import Options
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import locate
for name in sys.argv[1:]:
    config = resolve(name, {"sampling": {"samples": 4, "max_tokens": 8}})
    engine = load_engine(config, locate(config.policy))
    asked = PolicyPrompt((("user", "Who?"),), raw=False, seed=0)
    ((_, answers),) = engine.sample([asked], config.sampling, lambda n: None)
    print(name, len(answers))
old = ValueRef(id="lvwerra/distilbert-imdb", violation=("negative",))
try:
    ValueScorer(old, locate(old), Options())
except UserError as error:
    print(error)
allowed = ValueRef(id=old.id, violation=old.violation, allow_bin=True)
print(ValueScorer(allowed, locate(allowed), Options()).name)
"""


def test_every_policy_loads_and_old_weights_only_on_request(served):
    names = [name for name in read_presets().models if name != "tiny"]
    done = served.python(LOAD, *names)
    assert done.returncode == 0, done.stderr
    *policies, refused, allowed = done.stdout.splitlines()
    assert policies == [f"{name} 4" for name in names], done.stderr
    assert "pytorch_model.bin alone" in refused
    assert "allow_bin: true" in refused
    assert allowed == "lvwerra/distilbert-imdb"
