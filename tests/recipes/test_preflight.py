"""What a training needs is looked at before it begins; no weights are fetched."""

import json

import forked
import pytest
from hub_models import fetched_weights, put, put_folder
from hub_server import running
from small_dataset import pair, save_dataset

TRAIN = "from udasa_recipes.cli import main; main()"
HUGE = 10**16


@pytest.fixture(scope="module")
def hub(small, tmp_path_factory):
    with running(tmp_path_factory.mktemp("hub")) as server:
        put_folder(server, "org/huge", small["policy"], {"model.safetensors": HUGE})
        for name in ("policy", "nli", "harm"):
            put_folder(server, f"org/{name}", small[name])
        rows = [pair("conservative", n) for n in range(4)]
        for row in rows:
            del row["rejected"]
        lines = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        configs = [{"config_name": "conservative", "data_files": "conservative/train.jsonl"}]
        card = f"---\n{json.dumps({'configs': configs})}\n---\n".encode()
        files = {"conservative/train.jsonl": lines, "README.md": card}
        put(server, "datasets", "org/pairs", files)
        yield server


@pytest.fixture
def train(hub, tmp_path):
    def run(*words, **recipe):
        hub.requests.clear()
        (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
        return forked.run(
            *("-c", TRAIN, *words),
            env=hub.environment(tmp_path / "home"),
            libraries=forked.LIBRARIES,
            cwd=tmp_path,
        )

    return run


def test_all_faults_of_a_recipe_are_told_at_once(train, hub, tmp_path):
    done = train(
        *("dpo", "--config", "recipe.yaml", "--data", "org/pairs", "--out", "out"),
        policy={"id": "org/huge"},
        order=["conservative", "moderate"],
        measures={"nli": {"id": "org/harm"}},
    )
    assert done.returncode == 1
    nli, column, stage, memory, download, run = done.stderr.splitlines()
    assert nli.startswith("error: nli scorer 'org/harm' has the labels safe, unsafe; three are")
    assert column.startswith("error: org/pairs, conservative: column 'rejected' is missing")
    assert stage.startswith("error: org/pairs has no configuration")
    assert memory.startswith("error: memory: training would take ")
    assert download.startswith("error: disk: download needs ")
    assert run.startswith("error: disk: run needs ")
    assert fetched_weights(hub) == []
    assert not (tmp_path / "out").exists()


def test_a_base_model_too_large_to_tune(train, hub, tmp_path):
    chats = [{"messages": [{"role": r, "content": "Hello"} for r in ("user", "assistant")]}]
    (tmp_path / "chats.jsonl").write_text("\n".join(map(json.dumps, chats)))
    done = train("sft", "--model", "org/huge", "--data", "chats.jsonl", "--out", "out")
    assert done.returncode == 1
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [
        "memory",
        "disk",
        "disk",
    ]
    assert fetched_weights(hub) == []


def test_rounds_look_at_build_and_training(train, hub, small, tmp_path):
    recipe = tmp_path / "staged.yaml"
    recipe.write_text(json.dumps({"policy": {"id": "org/policy"}, "measures": {"prompts": 0}}))
    build = {"nli": {"id": "org/harm"}, "prompts": ["none.jsonl"]}
    done = train(
        "rounds", "--config", "recipe.yaml", "--out", "out",
        model="tiny", recipe=str(recipe), build=build,
    )  # fmt: skip
    nli, prompts = done.stderr.splitlines()
    assert nli.startswith("error: nli scorer 'org/harm' has the labels")
    assert prompts.startswith("error: none.jsonl")
    assert fetched_weights(hub) == []


def test_a_folder_of_pairs_is_read(train, hub, tmp_path):
    place = save_dataset(
        tmp_path / "pairs", change=lambda table, stage, _: None if stage == "moderate" else table
    )
    asked = ("--config", "recipe.yaml", "--data", place, "--out", "out")
    done = train("dpo", *asked, policy={"id": "org/none"})
    policy, stage = done.stderr.splitlines()
    assert policy.startswith("error: model 'org/none': not on the Hub, or private")
    assert "no configuration 'moderate'" in stage
    assert not (tmp_path / "out").exists()
