"""What a build needs is looked at before it: every fault at once, and no weights are fetched."""

import json

import forked
import pytest
from hub_models import fetched_weights, put_folder, put_rows
from hub_server import READER, running

QUESTIONS = [{"prompt": "Why is the sky blue?"}, {"prompt": "Is it?"}]
LICENSED = b"---\nlicense: apache-2.0\n---\n"
PETABYTES = 10**16


@pytest.fixture(scope="module")
def hub(small, tmp_path_factory):
    with running(tmp_path_factory.mktemp("hub")) as server:
        for name, folder in small.items():
            put_folder(server, f"org/{name}", folder, {"README.md": LICENSED})
        put_folder(server, "org/huge", small["policy"], {"model.safetensors": PETABYTES})
        pickled = {"model.safetensors": None, "pytorch_model.bin": 10}
        put_folder(server, "org/pickled", small["reward"], pickled)
        bare = {"tokenizer.json": None, "tokenizer_config.json": None, "config.json": b"[]"}
        put_folder(server, "org/bare", small["reward"], bare)
        put_folder(server, "org/gated", small["harm"]).gate()
        put_rows(server, "org/questions", QUESTIONS)
        put_rows(server, "org/others", [{"sentence": "It is."}])
        yield server


@pytest.fixture
def command(hub, tmp_path):
    """Runs a command of ours against the Hub; the Hub has counted no request before it."""

    def run(*words, token=READER, env=()):
        hub.requests.clear()
        environment = hub.environment(tmp_path / "home", token) | dict(env)
        words = ("-m", "udasa_data", *words)
        return forked.run(*words, env=environment, libraries=forked.LIBRARIES, cwd=tmp_path)

    return run


def config(folder, **sections):
    plain = {
        "policy": {"id": "org/policy"},
        "nli": {"id": "org/nli"},
        "value": [{"id": "org/harm", "violation": ["unsafe"]}, {"id": "org/reward"}],
        "sentiment": {"id": "org/sentiment", "violation": ["negative"]},
        "prompts": ["org/questions"],
        "sampling": {"samples": 4, "max_tokens": 8},
        "shard_size": 2,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(plain | sections))  # JSON is YAML
    return ("--model", "tiny", "--config", path)


def faults(done):
    lines = done.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines), done.stderr
    return [line.removeprefix("error: ") for line in lines]


@pytest.mark.parametrize("name", ["check", "plan", "build"])
def test_all_faults_are_told_at_once_before_weights_are_fetched(command, hub, tmp_path, name):
    wrong = config(
        tmp_path,
        policy={"id": "org/huge"},
        value=[{"id": "org/harm", "violation": ["toxic"]}, {"id": "org/pickled"}],
        prompts=["org/others"],
    )
    done = command(name, *wrong, *(() if name == "plan" else ("--out", tmp_path / "run")))
    assert done.returncode == 1
    label, weights, column, memory, disk = faults(done)
    assert label == "value scorer 'org/harm' has no label 'toxic' (known: safe, unsafe)"
    assert weights.startswith("value 2 'org/pickled' has no safetensors weights (pytorch_model.bin")
    assert column.startswith("org/others: no prompt column among sentence; name one: org/others#")
    assert memory.startswith("memory: the policy would take 10,000,000.0 GB of RAM, and ")
    assert disk.startswith("disk: download needs 10,000,000.0 GB, and ")
    assert fetched_weights(hub) == []
    assert not (tmp_path / "run").exists()


def test_a_check_shows_what_was_resolved(command, hub, tmp_path):
    done = command("check", *config(tmp_path), "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    commit = hub.store.repo("models", "org/harm").resolve("main")
    found = done.stdout.split("value 1", 1)[1].splitlines()[:2]
    assert found[0].split() == ["org/harm", "ok"]
    assert found[1].split() == [commit[:7], *found[1].split()[1:3], "apache-2.0", "safe/unsafe,",
                                "window", "128"]  # fmt: skip
    assert fetched_weights(hub) == []


def test_json_holds_the_same(command, tmp_path):
    wrong = config(tmp_path, sentiment={"id": "org/none", "violation": ["negative"]})
    done = command("check", *wrong, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert not found["ok"]
    assert found["faults"] == faults(done)
    whats = [item["what"] for item in found["items"]]
    scorers = ["nli", "value 1", "value 2", "sentiment", "prompt harm"]
    assert whats[:7] == ["policy", *scorers, "prompts"]
    assert [item["what"] for item in found["items"] if item["faults"]] == ["sentiment"]


def test_what_lacks_its_files_and_what_is_gated(command, tmp_path):
    wrong = config(
        tmp_path, value=[{"id": "org/bare"}, {"id": "org/gated", "violation": ["unsafe"]}]
    )
    object_, tokenizer, terms = faults(command("check", *wrong))
    assert object_ == "value 1 'org/bare': its config.json is no JSON object"
    assert tokenizer.startswith("value 1 'org/bare' has no tokenizer (tokenizer.json")
    assert terms == "model 'org/gated' is gated: accept its terms on the Hub, then: hf auth login"


def test_kinds_windows_and_templates_that_do_not_fit(command, tmp_path):
    wrong = config(
        tmp_path,
        value=[{"id": "org/policy"}, {"id": "org/reward", "input": "chat"}],
        nli={"id": "org/harm"},
        sampling={"samples": 4, "max_tokens": 256},
    )
    window, nli, kind, template = faults(command("check", *wrong))
    assert window.startswith("policy 'org/policy': its window of 256 tokens has no room")
    assert nli.startswith("nli scorer 'org/harm' has the labels safe, unsafe; three are needed")
    assert kind.startswith("value 1 'org/policy' is a LlamaForCausalLM, not a sequence classifier")
    assert template.startswith("value 2 'org/reward' has no chat template, which it is")


def test_a_hub_that_cannot_be_reached_is_one_line(command, tmp_path):
    done = command("check", *config(tmp_path), env={"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert done.returncode == 1
    (line,) = faults(done)
    assert "the Hub cannot be reached" in line


def test_what_a_run_pinned_needs_no_hub(command, hub, tmp_path):
    asked = (*config(tmp_path), "--out", tmp_path / "run")
    first = command("build", *asked)
    assert "prompts are left out as truncated" in first.stderr  # random weights
    shards = sorted((tmp_path / "run" / "samples").iterdir())
    for file in shards:  # to be sampled again, as after a kill
        file.unlink()
    again = command("build", *asked, "--z", "0", env={"HF_HUB_OFFLINE": "1"})
    assert again.stderr == first.stderr
    assert sorted((tmp_path / "run" / "samples").iterdir()) == shards
    assert hub.requests == []


def test_embedded_models_are_checked_without_a_network(tmp_path):
    done = forked.run("-m", "udasa_data", "check", "--model", "tiny", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" ok\n") == 12
    assert not list(tmp_path.iterdir())
