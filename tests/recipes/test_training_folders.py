"""Training writes into no folder of somebody else, and deletes the files that it made alone."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from folder_contents import everything, put_foreign
from small_models import save_policy

from udasa_data.config import ModelRef
from udasa_data.errors import UserError
from udasa_data.storage import remove_made
from udasa_recipes.ablation import Ablation
from udasa_recipes.ablation.running import ablate
from udasa_recipes.rounds import Rounds
from udasa_recipes.rounds.running import run_rounds
from udasa_recipes.staged import policies
from udasa_recipes.staged.callbacks import MarkComplete, last_checkpoint, remove_older
from udasa_recipes.staged.config import Recipe
from udasa_recipes.staged.folders import (
    STAGED,
    TUNED,
    is_checkpoint_file,
    is_model_file,
    is_stage_file,
    is_work_file,
    mark,
    remove_checkpoints,
)
from udasa_recipes.staged.run import StagedRun
from udasa_recipes.supervised import Tuning
from udasa_recipes.supervised.tuning import fine_tune

FILE = Path(__file__).parents[2] / "recipes/tiny/staged_dpo.yaml"
RECIPE = Recipe(policy=ModelRef(id="nowhere"), order=("moderate",))
OURS = [
    "checkpoint-20/complete",
    "checkpoint-20/model-00001-of-00002.safetensors",
    "checkpoint-20/optimizer.pt",
    "checkpoint-20/rng_state_1.pth",
    "checkpoint-20/optimizer_0/__0_0.distcp",
    "checkpoint-20/global_step20/mp_rank_00_model_states.pt",
    "checkpoint-20/ref/adapter_model.safetensors",
]
FOREIGN = [
    "notes.txt",
    "checkpoint-20/notes.txt",
    "checkpoint-mine/model.safetensors",
    "a/complete",
]


@pytest.fixture
def elsewhere(tmp_path):
    put_foreign(tmp_path, "elsewhere/model.safetensors", "elsewhere/complete")
    return tmp_path / "elsewhere"


def staged(out):
    return StagedRun(RECIPE, "nowhere", out)


def tuned(out):
    return fine_tune(Tuning(model="nowhere", data="nowhere"), out)


def rounds(out):
    return run_rounds(Rounds(model="tiny", recipe=str(FILE)), out.parent, out)


@pytest.mark.parametrize("train", [staged, tuned, rounds])
@pytest.mark.parametrize("name", ["config.json", "README.md", "checkpoints/checkpoint-1/model.bin"])
def test_a_folder_of_another_is_refused_untouched(tmp_path, train, name):
    foreign = put_foreign(tmp_path / "out", name)
    with pytest.raises(UserError, match="is not empty and holds no"):
        train(tmp_path / "out")
    assert everything(tmp_path / "out") == foreign


def test_an_ablation_in_a_folder_of_another(tmp_path):
    foreign = put_foreign(tmp_path / "out", "work/notes.txt", "ablation.txt")
    config = Ablation(recipe=str(FILE), steps=3, judges={})
    with pytest.raises(UserError, match="is not empty and holds no ablation"):
        ablate(config, tmp_path, tmp_path / "no-build", tmp_path / "out")
    assert everything(tmp_path / "out") == foreign


@pytest.mark.parametrize("name", ["round-1/build/notes.txt", "round-2/policy/config.json"])
def test_rounds_refuse_before_the_first_is_built(tmp_path, name):
    foreign = put_foreign(tmp_path / "out", name)
    with pytest.raises(UserError, match="is not empty"):
        rounds(tmp_path / "out")
    assert everything(tmp_path / "out") == foreign


@pytest.mark.parametrize(
    "part", ["measures", "stages", "stages/1-moderate", "stages/1-moderate/checkpoints"]
)
def test_a_part_of_a_staged_run_that_is_a_link_is_refused(tmp_path, elsewhere, part):
    out = tmp_path / "out"
    mark(out, STAGED)
    (out / part).parent.mkdir(parents=True, exist_ok=True)
    (out / part).symlink_to(elsewhere)
    before = everything(elsewhere)
    with pytest.raises(UserError, match="leads through a link"):
        staged(out)
    assert everything(elsewhere) == before


def test_checkpoints_that_are_a_link_are_refused(tmp_path, elsewhere):
    mark(tmp_path / "out", TUNED)
    (tmp_path / "out/checkpoints").symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads through a link"):
        tuned(tmp_path / "out")
    assert len(everything(elsewhere)) == 2


def test_checkpoints_are_deleted_by_their_exact_names(tmp_path, elsewhere):
    checkpoints = tmp_path / "checkpoints"
    put_foreign(checkpoints, *OURS)
    foreign = put_foreign(checkpoints, *FOREIGN)
    (checkpoints / "checkpoint-30").symlink_to(elsewhere)
    (checkpoints / "checkpoint-20/scheduler.pt").symlink_to(elsewhere / "complete")
    remove_checkpoints(tmp_path)
    links = {
        "checkpoint-30": str(elsewhere),
        "checkpoint-20/scheduler.pt": str(elsewhere / "complete"),
    }
    assert everything(checkpoints) == foreign | links
    assert len(everything(elsewhere)) == 2


def test_of_a_checkpoint_cut_short_what_is_ours_is_deleted(tmp_path, elsewhere):
    checkpoints = tmp_path / "checkpoints"
    put_foreign(checkpoints, "checkpoint-10/complete", "checkpoint-20/model.safetensors")
    (checkpoints / "checkpoint-10/complete").write_text("{}")  # of no files
    foreign = put_foreign(checkpoints, "checkpoint-20/notes.txt", "checkpoint-mine/complete")
    (checkpoints / "checkpoint-30").symlink_to(elsewhere)  # which is whole
    assert last_checkpoint(tmp_path, main=True) == str(checkpoints / "checkpoint-10")
    after = everything(checkpoints)
    assert after.pop("checkpoint-10/complete") == b"{}"
    assert after == foreign | {"checkpoint-30": str(elsewhere)}


def test_a_policy_is_saved_over_ours_and_beside_what_others_put_there(tmp_path):
    def save_model(folder):
        put_foreign(tmp_path / "stage/policy.unfinished", "config.json", "training_args.bin")
        assert folder == str(tmp_path / "stage/policy.unfinished")

    accelerator = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None)
    trainer = SimpleNamespace(save_model=save_model, accelerator=accelerator)
    put_foreign(tmp_path / "stage/policy", "model.safetensors")
    put_foreign(tmp_path / "stage/policy", "notes.txt", "sub/config.json")
    types = [torch.float32] * 3
    target = policies.Target(tmp_path / "stage", ("nowhere", {}), *types, has_adapter=False)
    policies.save(trainer, target)
    left = {"config.json", "notes.txt", "sub/config.json"}
    assert everything(tmp_path / "stage") == {f"policy/{name}": b"mine" for name in left}


def test_stages_are_deleted_by_their_exact_names(tmp_path):
    ours = ["1-moderate/policy/config.json", "1-moderate/adapter/README.md"]
    ours += ["1-moderate/optimizer.safetensors", f"1-moderate/checkpoints/{OURS[0]}"]
    ours += ["2-all/.tmp-0123456789ab-policy/model.safetensors"]
    put_foreign(tmp_path / "stages", *ours)
    names = ["1-moderate/policy/notes.txt", "1-moderate/mine.txt", "mine/policy/config.json"]
    foreign = put_foreign(tmp_path / "stages", *names, "child/stages/1-a/policy/config.json")
    remove_made(tmp_path / "stages", is_stage_file)
    assert everything(tmp_path / "stages") == foreign


def test_the_names_that_a_trainer_gives(tmp_path):
    """Every file of a real policy is known; an ablation's work is that of staged runs."""
    folder = save_policy(tmp_path / "policy")
    assert all(is_model_file(path.name) for path in folder.iterdir())
    assert all(is_checkpoint_file(name) for name in OURS)
    assert is_work_file("shuffled-3/stages/1-all/policy/config.json")
    assert is_work_file("shuffled-3/stages.json")
    assert is_work_file("shuffled-3/measures/0-start-samples.parquet")
    assert not is_work_file("shuffled-3/notes.txt")
    assert not is_work_file("stages.json")


def test_older_checkpoints_go_file_by_file(tmp_path):
    ours = [f"checkpoint-{n}/model.safetensors" for n in (5, 9, 10, 11)]
    put_foreign(tmp_path, *ours)
    foreign = put_foreign(tmp_path, "checkpoint-9/notes.txt", "checkpoint-mine/a.txt")
    remove_older(tmp_path, best="checkpoint-5")
    assert set(everything(tmp_path)) == {ours[0], *ours[2:], *foreign}


def test_a_damaged_checkpoint_is_not_resumed_from(tmp_path):
    for step in (1, 2):
        checkpoint = tmp_path / "checkpoints" / f"checkpoint-{step}"
        put_foreign(checkpoint, "optimizer.pt", "model.safetensors")
        args = SimpleNamespace(output_dir=str(tmp_path / "checkpoints"))
        state = SimpleNamespace(
            is_world_process_zero=True, global_step=step, best_model_checkpoint=None
        )
        MarkComplete().on_save(args, state, None)
    assert last_checkpoint(tmp_path, main=True).endswith("checkpoint-2")
    (tmp_path / "checkpoints/checkpoint-2/optimizer.pt").write_text("")
    assert last_checkpoint(tmp_path, main=True).endswith("checkpoint-1")
    assert not (tmp_path / "checkpoints/checkpoint-2").exists()
