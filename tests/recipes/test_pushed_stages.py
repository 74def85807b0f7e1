"""A run that begins with a stage of another: from the Hub, at a branch, or from its folder."""

import hashlib
import json

import forked
import polars as pl
import pytest
from hub_server import running
from small_dataset import save_dataset
from small_models import save_policy

from udasa_data.config import ModelRef
from udasa_data.errors import UserError
from udasa_data.storage import locate
from udasa_eval.results import origins_of
from udasa_recipes.staged.config import parse_recipe
from udasa_recipes.staged.ledger import read
from udasa_recipes.staged.origin import came_from
from udasa_recipes.staged.run import StagedRun

TRAIN = "from udasa_recipes.cli import main; main()"
STAGES = ["conservative", "moderate", "exploratory"]
OPTIONS = {
    "training": {"learning_rate": 1.0e-2, "steps": 2, "batch": 4, "max_length": 200},
    "measures": {"prompts": 0},
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with running(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.fixture(scope="module")
def whole(hub, tmp_path_factory):
    """A run of three stages, pushed with a branch a stage: (folder, dataset, its policy)."""
    folder = tmp_path_factory.mktemp("whole")
    policy = save_policy(folder / "sft")
    template = hashlib.sha256((policy / "chat_template.jinja").read_bytes()).hexdigest()
    fingerprint = locate(ModelRef(id=str(policy))).fingerprint
    told = {"id": "sft", "fingerprint": fingerprint, "chat_template_sha256": template}
    place = save_dataset(folder / "dataset", policy=told)
    recipe = {"policy": {"id": str(policy)}, **OPTIONS}
    done = train(hub, folder, recipe, place, "out", "--push", "org/staged", "--push-stages")
    assert done.returncode == 0, done.stderr
    return folder / "out", place, policy


def train(hub, folder, recipe, place, out, *more):
    (folder / "recipe.json").write_text(json.dumps(recipe))
    arguments = ("--config", "recipe.json", "--data", place, "--out", out, *more)
    return forked.run(
        *("-c", TRAIN, "dpo", *map(str, arguments)),
        env=hub.environment(folder / "home"),
        libraries=forked.LIBRARIES,
        cwd=folder,
    )


def test_a_run_goes_on_from_a_branch_of_the_hub(hub, whole, tmp_path):
    first, place, _ = whole
    recipe = {
        "policy": {"id": "org/staged", "revision": "1-conservative"},
        "order": STAGES[1:],
        **OPTIONS,
    }
    done = train(hub, tmp_path, recipe, place, "out")
    assert done.returncode == 0, done.stderr
    assert "off-policy" not in done.stdout  # the pairs are of the policy that the chain began with
    before, after = read(first / "stages.json"), read(tmp_path / "out/stages.json")
    branch = hub.store.repo("models", "org/staged").resolve("1-conservative")
    assert after.policy.revision == branch
    # what it began with is what the first stage was saved as
    assert after.policy.weights_sha256 == before.stages[0].policy_sha256
    assert after.stages[0].parent_sha256 == before.stages[0].policy_sha256
    (run,) = after.before
    assert run.policy == before.policy
    assert [stage.name for stage in run.stages] == ["conservative"]  # and not all of the branches'
    assert [stage.name for stage in after.stages] == STAGES[1:]
    assert [stage.steps for stage in after.stages] == [2, 2]
    card = (tmp_path / "out/README.md").read_text()
    assert sorted(STAGES, key=lambda name: card.index(f"**{name}**")) == STAGES
    trained = pl.read_parquet(tmp_path / "out/training_prompts.parquet")["prompt_id"]
    assert len(trained) == 36  # the first stage's, too
    commits = list(hub.requests)
    again = train(hub, tmp_path, recipe, place, "out")  # the branch is not asked for again
    assert again.returncode == 0, again.stderr
    asked = hub.requests[len(commits) :]
    assert not [request for request in asked if "revision/1-conservative" in request]


def test_a_branch_that_is_not_there(hub, whole, tmp_path):
    recipe = {"policy": {"id": "org/staged", "revision": "4-conservative"}, **OPTIONS}
    done = train(hub, tmp_path, recipe, whole[1], "out")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "4-conservative" in line
    assert not (tmp_path / "out").exists()


def test_a_run_goes_on_from_the_folder_of_a_stage(whole, tmp_path):
    first, place, _ = whole
    stage = first / "stages/2-moderate/policy"
    recipe = parse_recipe({"policy": {"id": str(stage)}, "order": STAGES[2:], **OPTIONS}, "recipe")
    record = StagedRun(recipe, str(place), tmp_path / "out", tmp_path / "cache").train_and_save()
    assert not [note for note in record.notes if "off-policy" in note]
    (run,) = record.before
    assert [stage.name for stage in run.stages] == STAGES[:2]
    assert record.policy.weights_sha256 == run.stages[1].policy_sha256
    assert len(origins_of(locate(ModelRef(id=str(tmp_path / "out")))).prompts) == 36


def test_records_that_are_not_ours_say_nothing_and_damaged_ones_are_told(whole, tmp_path):
    policy = save_policy(tmp_path / "other")
    (policy / "stages.json").write_text('["warm-up", "decay"]')
    assert came_from(locate(ModelRef(id=str(policy)))) == []
    text = (whole[0] / "stages.json").read_text()
    (policy / "stages.json").write_text(text.replace('"steps": 2', '"steps": 3', 1))
    with pytest.raises(UserError, match=r"stages\.json: not the record of a staged run"):
        came_from(locate(ModelRef(id=str(policy))))
