"""What an evaluation needs is looked at before its first answer; no weights are fetched."""

import io
import json

import forked
import polars as pl
import pytest
from hub_models import fetched_weights, put, put_folder
from hub_server import running

LOAD = "from udasa_eval.cli import main; main()"
IMDB = {"text": ["A film about a boat that never came home, and those who wait."], "label": [1]}


@pytest.fixture(scope="module")
def hub(small, tmp_path_factory):
    with running(tmp_path_factory.mktemp("hub")) as server:
        for name in ("policy", "harm", "sentiment", "nli"):
            put_folder(server, f"org/{name}", small[name])
        pickled = {"model.safetensors": None, "pytorch_model.bin": 10}
        put_folder(server, "org/pickled", small["sentiment"], pickled)
        yield server


def table(columns):
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


@pytest.fixture
def check(hub, tmp_path):
    def run(judge, *words, command="check"):
        hub.requests.clear()
        judges = tmp_path / "judges.yaml"
        judges.write_text(json.dumps({"sentiment": judge}))  # JSON is YAML
        asked = ("--model", "org/policy", "--suite", "quick", "--axes", "sentiment")
        return forked.run(
            *("-c", LOAD, command, *asked, "--judges", judges, *words),
            env=hub.environment(tmp_path / "home"),
            libraries=forked.LIBRARIES,
            cwd=tmp_path,
        )

    return run


def put_reviews(hub, columns):
    """The dataset of the axis, as its Hub has it; what is there is laid over."""
    if not (hub.store.root / "datasets" / "stanfordnlp" / "imdb").exists():
        put(hub, "datasets", "stanfordnlp/imdb", {})
    repo = hub.store.repo("datasets", "stanfordnlp/imdb")
    repo.commit("main", None, "rows", {"data/test-0.parquet": repo.put(table(columns))}, [])


@pytest.mark.parametrize("command", ["check", "run"])
def test_all_faults_are_told_at_once(check, hub, tmp_path, command):
    put_reviews(hub, {"review": IMDB["text"]})
    wrong = {"kind": "classifier", "id": "org/pickled", "positive": ["joyful"]}
    out = ("--out", tmp_path / "run") if command == "run" else ()
    done = check(wrong, "--reference", "org/none", *out, command=command)
    assert done.returncode == 1
    weights, label, reference, column = done.stderr.splitlines()
    assert weights.startswith("error: judge 'org/pickled' has no safetensors weights (pytorch_mod")
    assert label == (
        "error: value scorer 'org/pickled' has no label 'joyful' (known: negative, positive)"
    )
    assert reference.startswith("error: model 'org/none': not on the Hub, or private")
    assert column == "error: udasa_imdb is left out: no text in 'text' (columns: review)"
    assert fetched_weights(hub) == []


def test_what_was_resolved_is_shown(check, hub):
    put_reviews(hub, IMDB)
    right = {"kind": "classifier", "id": "org/sentiment", "positive": ["positive"]}
    done = check(right)
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    commit = hub.store.repo("datasets", "stanfordnlp/imdb").resolve("main")
    found = done.stdout.split("dataset", 1)[1].splitlines()[:2]
    assert found[0].split() == ["stanfordnlp/imdb", "ok"]
    assert found[1].split()[0] == commit[:7]
    assert "2 columns" in found[1]
    assert fetched_weights(hub) == []


def test_a_reward_model_has_one_output(check, hub, tmp_path):
    put_reviews(hub, IMDB)
    judges = {"reward": {"kind": "reward", "id": "org/harm"}}
    (tmp_path / "two.yaml").write_text(json.dumps(judges))
    asked = ("--model", "org/policy", "--suite", "tiny", "--axes", "helpfulness")
    done = forked.run(
        *("-c", LOAD, "check", *asked, "--judges", tmp_path / "two.yaml", "--json"),
        env=hub.environment(tmp_path / "home"),
        libraries=forked.LIBRARIES,
    )
    assert json.loads(done.stdout)["faults"] == [
        "judge 'org/harm' has 2 outputs; a reward model has one"
    ]
