"""The corpora of the embedded models, from datasets of the Hub's shapes on a test Hub."""

import json
import os
from pathlib import Path

import forked
import polars as pl
import pytest
import yaml
from datasets import ClassLabel, Dataset
from github_server import github

from udasa_recipes.tiny import labelled, sources
from udasa_recipes.tiny.hub import ADVBENCH, TABLES

ROOT = Path(__file__).parents[2]
FETCH = """
import sys
from pathlib import Path
from udasa_recipes.tiny.hub import TABLES, fetch
fetch(Path(sys.argv[1]), sys.argv[2:] or TABLES)
"""
NLI = ["entailment", "neutral", "contradiction"]
SIDES = {"chosen": "Human", "rejected": "Robot"}
MODELS = ("GPT4", "ChatGPT", "Claude", "ChatGLM2", "llama2-7b-chat", "vicuna-7b")


def numbered(word, n=40):
    return [f"{word} number {i}." for i in range(n)]


def pairs(first="premise", second="hypothesis"):
    return {first: numbered("A man walks"), second: numbered("Someone moves")}


# repository → {file: (columns, names of the classes of 'label')}
CLASSES = {"label": [0, 1, 2, -1] * 10}
REVIEWS = {"text": numbered("A <br /> film"), "label": [0, 1] * 20}
DIALOGUES = {
    side: [f"\n\nHuman: Question {i}?\n\nAssistant: {answer} says {i}." for i in range(40)]
    for side, answer in SIDES.items()
}
DANGERS = {
    "context": numbered("Shall I"),
    "response": numbered("Do it"),
    "label": ["Safe", "Unsafe"] * 20,
}
HUB = {
    "stanfordnlp/imdb": {
        f"plain_text/{split}-00000-of-00001.parquet": (REVIEWS, ["neg", "pos"])
        for split in ("train", "test", "unsupervised")
    },
    "databricks/databricks-dolly-15k": {
        "databricks-dolly-15k.jsonl": {
            "instruction": numbered("Tell me"),
            "context": [""] * 40,
            "response": numbered("I tell you"),
            "category": ["open_qa"] * 40,
        }
    },
    "OpenAssistant/oasst1": {
        "data/train-00000-of-00001.parquet": {
            "message_id": ["a", "b", "c"],
            "parent_id": [None, "a", "a"],
            "text": ["Why is it so?", "Because it is.", "No idea at all."],
            "role": ["prompter", "assistant", "assistant"],
            "lang": ["en"] * 3,
            "rank": [None, 0.0, 1.0],
        }
    },
    "Anthropic/hh-rlhf": {
        f"{part}/{split}.jsonl": DIALOGUES
        for part in ("harmless-base", "helpful-base")
        for split in ("train", "test")
    },
    "google-research-datasets/nq_open": {
        "nq_open/validation-00000-of-00001.parquet": {
            "question": numbered("who is"),
            "answer": [["He", "Him"]] * 40,
        }
    },
    "stanfordnlp/web_questions": {
        "data/train-00000-of-00001.parquet": {
            "url": ["x"] * 40,
            "question": numbered("where is"),
            "answers": [["Here"]] * 40,
        }
    },
    "amydeng2000/CREAK": {
        "train.jsonl": {
            "sentence": numbered("Snow is cold"),
            "explanation": numbered("it freezes"),
            "label": ["true", "false"] * 20,
        }
    },
    "roneneldan/TinyStories": {
        "data/validation-00000-of-00001.parquet": {"text": numbered("Once")}
    },
    "stanfordnlp/snli": {"plain_text/train-00000-of-00001.parquet": (pairs() | CLASSES, NLI)},
    "nyu-mll/multi_nli": {"data/train-00000-of-00001.parquet": (pairs() | CLASSES, NLI)},
    "RobZamp/sick": {
        "train.parquet": (pairs("sentence_A", "sentence_B") | {"label": [0, 1] * 20}, NLI)
    },
    "allenai/scitail": {
        "tsv_format/train-00000-of-00001.parquet": pairs() | {"label": ["entails", "neutral"] * 20}
    },
    "thu-coai/diasafety": {f"{split}.jsonl": DANGERS for split in ("train", "test")},
    "google/civil_comments": {
        "data/test-00000-of-00001.parquet": {
            "text": numbered("You are"),
            "toxicity": [0.0, 0.9] * 20,
        }
    },
    "LibrAI/do-not-answer": {
        "data/train-00000-of-00001.parquet": {"question": numbered("How to")}
        | {f"{model}_response": numbered(f"{model} declines") for model in MODELS}
        | {f"{model}_harmful": [0, 1] * 20 for model in MODELS}
    },
    "stanfordnlp/sst2": {
        f"data/{split}-00000-of-00001.parquet": (
            {"sentence": numbered("a fine and good little film"), "label": [0, 1] * 20},
            ["negative", "positive"],
        )
        for split in ("train", "validation")
    },
    "truthfulqa/truthful_qa": {
        "generation/validation-00000-of-00001.parquet": {
            "question": numbered("Is it"),
            "correct_answers": [["Yes.", "Surely."]] * 40,
            "incorrect_answers": [["No."]] * 40,
        }
    },
}
# folders that are configurations say so in the repository's card
CONFIGS = {
    "stanfordnlp/imdb": "plain_text",
    "allenai/scitail": "tsv_format",
    "truthfulqa/truthful_qa": "generation",
}


def write(root):
    """The repositories as folders."""
    for repo, files in HUB.items():
        for name, columns in files.items():
            path = root / repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            table, classes = columns if isinstance(columns, tuple) else (columns, None)
            rows = Dataset.from_dict(table)
            if classes:
                rows = rows.cast_column("label", ClassLabel(names=classes))
            if path.suffix == ".jsonl":
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            else:
                rows.to_parquet(path)
    for repo, config in CONFIGS.items():
        splits = sorted(path.name.partition("-")[0] for path in (root / repo / config).iterdir())
        files = [{"split": split, "path": f"{config}/{split}-*"} for split in splits]
        card = yaml.safe_dump({"configs": [{"config_name": config, "data_files": files}]})
        (root / repo / "README.md").write_text(f"---\n{card}---\n")


def publish(hub, root):
    """Put the folders below ``root``, org/name, on the Hub."""
    for folder in sorted(root.glob("*/*")):
        name = str(folder.relative_to(root))
        hub.store.create("datasets", name, private=False)
        repo = hub.store.repo("datasets", name)
        files = [path for path in folder.rglob("*") if path.is_file()]
        added = {str(path.relative_to(folder)): repo.put(path.read_bytes()) for path in files}
        repo.commit("main", None, "data", added, [])


@pytest.fixture
def python(hub, tmp_path):
    """Runs a program that knows this Hub and GitHub alone: (exit code, output, errors)."""
    advbench = tmp_path.joinpath("github", *ADVBENCH[:3])
    advbench.parent.mkdir(parents=True)
    rows = {"goal": numbered("Break"), "target": numbered("Sure")}
    pl.DataFrame(rows).write_csv(advbench)
    with github(tmp_path / "github") as address:

        def run(program, *arguments):
            environment = hub.environment(tmp_path / "home") | {
                "PYTHONPATH": str(ROOT),
                "PATH": os.environ["PATH"],
                "HF_HUB_OFFLINE": "0",
                "UDASA_GITHUB_RAW": address,
            }
            given = {"env": environment, "libraries": forked.LIBRARIES}
            done = forked.run("-c", program, *arguments, **given)
            return done.returncode, done.stdout, done.stderr.strip()

        yield run


@pytest.mark.slow
def test_every_corpus_comes_from_the_hub_in_the_form_that_is_trained_on(hub, python, tmp_path):
    write(tmp_path / "source")
    publish(hub, tmp_path / "source")
    data = tmp_path / "corpora"
    code, out, err = python(FETCH, data)
    assert code == 0, err
    assert [line.partition(":")[0] for line in out.splitlines()] == list(TABLES)

    assert sources.reviews(data, "unsupervised") == [f"A film number {i}." for i in range(40)]
    assert [row.label for row in labelled.sentiment(data, "test")] == [0, 1] * 20
    asked = {chat.question: chat.answer for chat in sources.chats(data)}
    assert asked["Tell me number 3."] == "I tell you number 3."
    assert asked["Why is it so?"] == "Because it is."
    assert asked["Who is number 3.?"] == "The answer is He."
    assert asked["Where is number 3.?"] == "The answer is Here."
    assert asked["Is it true? Snow is cold number 2."].startswith("Yes, that is true. It freezes")
    assert len(sources.hh_pairs(data, "helpful")) == len(sources.preferences(data)) == 40
    rows = [row for held in (False, True) for row in sources.entailment(data, held=held)]
    assert len(rows) == 30 + 30 + 40  # without label: -1
    assert {(row.first[-2], row.label) for row in rows} >= {("0", 0), ("1", 1), ("2", 2)}
    others = {row.label for row in sources.more_entailment(data)}
    assert others == {0, sources.NOT_ENTAILED}
    assert len(labelled.dialogues(data, test=True)) == 40
    judged = [row for test in (False, True) for row in labelled.judged_answers(data, test=test)]
    assert len(judged) == 6 * 40
    assert pl.read_parquet(data / "jigsaw_sample/jigsaw.parquet")["toxic"].sum() == 20
    assert len(labelled.phrases(data, dev=True)) == 40
    parts = ("scorers", "judges", "test")
    truth = [row for part in parts for row in labelled.answers(data, "truth", part)]
    assert len(truth) == 3 * 40

    (data / "sst2/sst2.parquet").unlink()
    assert python(FETCH, data)[1].splitlines() == ["sst2/sst2: 80 rows"]  # the rest is there


@pytest.mark.slow
def test_what_the_hub_lacks_is_one_line(hub, python, tmp_path):
    folder = tmp_path / "source/stanfordnlp/sst2"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"text": "a fine film", "label": 1}\n')
    publish(hub, tmp_path / "source")
    code, _, err = python(FETCH, tmp_path / "out", "sst2/sst2")
    assert code == 1
    wanted = "error: Hub dataset 'stanfordnlp/sst2' has no column sentence; it has text, label"
    assert err.splitlines()[-1] == wanted
    code, _, err = python(FETCH, tmp_path / "out", "creak/creak")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: Hub dataset 'amydeng2000/CREAK': Dataset")
    assert not list((tmp_path / "out").rglob("*.parquet"))
