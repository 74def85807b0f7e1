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
from udasa_eval.judging import judge_set
from udasa_eval.judging.judges import EMBEDDED, JudgeSet
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
            return forked.run(
                "-m", PROGRAMS[program], *words, env=env, cwd=work, born_with=born_with
            )

        run.work = work
        yield run


def shipped_models():
    presets = read_presets()
    ids = {preset.policy.id for preset in presets.models.values()}
    for chosen in presets.scorers.values():
        ids |= {ref.id for ref in (chosen.nli, *chosen.value, chosen.sentiment)}
    judges = judge_set("hub", "quick")
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
        import time

        t = time.time()
        done = served(*words)
        print(words, round(time.time() - t, 1), done.returncode)
        print(done.stdout[-1500:], done.stderr[-1500:])
        assert done.returncode == 0, (words, done.stdout, done.stderr)
