"""Commands to be disturbed, each with what it starts from; small enough to be run a thousand times.

Scorers and policies are real ones with random weights, the Hub a real server on this machine.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import forked
import polars as pl
from folder_contents import put_foreign
from small_dataset import save_dataset
from small_models import save_all, save_classifier

from udasa_data.config.build import ModelRef
from udasa_data.runs import Run
from udasa_data.storage.model_files import locate
from udasa_eval.results.layout import EVALUATION
from udasa_recipes.staged.folders import STAGED

ROOT = Path(__file__).parents[2]
CONFIG = """\
policy: {{id: {policy}}}
nli: {{id: {nli}}}
value: [{{id: {harm}, violation: [unsafe]}}, {{id: {reward}}}]
sentiment: {{id: {sentiment}, violation: [negative]}}
sampling: {{samples: 4, max_tokens: 6}}
shard_size: 3
pairing: {{noise_z: 0, tolerance: 1, length_ratio: 100, veto: 1, reject_truncated: true}}
"""
RECIPE = """\
policy: {{id: {policy}}}
order: [conservative, moderate]
training: {{learning_rate: 1.0e-2, steps: 2, batch: 4, max_length: 200}}
device_batch: 2
save_every: 1
measures: {{prompts: 2, samples: 4, max_tokens: 4}}
"""
LORA = "lora: {rank: 2, alpha: 4}\n"
LIBRARIES = (*forked.OFFLINE, "faults.warm")


class Job(NamedTuple):
    """A command.

    Attributes:
        name: of the job.
        command: program and arguments; paths are relative to where it runs.
        starts: what lies there: name → a folder or file of the ground.
        foreign: somebody else's files, which lie there, too.
        layout: of the folder ``out`` that is ours from the start, so that there can be foreign
            files in it; None where it is made by the command, or comes with ``starts``.
        cost: how many seconds it takes, about.
    """

    name: str
    command: tuple
    starts: Mapping = MappingProxyType({})
    foreign: tuple = ("mine.txt", "out/mine/mine.txt")
    layout: object = None
    cost: float = 1.0


class Ground:
    """What all jobs start from, made once.

    Args:
        root: an empty folder.
        hub: the Hub to push to; None where nothing is pushed.
    """

    def __init__(self, root, hub=None):
        self.root = root
        self.hub = hub
        self.models = save_all(root / "models")
        self.config = self._write("small.yaml", CONFIG.format(**self.models))
        self.prompts = self._prompts("prompts.jsonl", "abcd")
        self.other_prompts = self._prompts("others.jsonl", "efgh")
        self._answers()

    @cached_property
    def parquet_prompts(self):
        """Prompts as a Parquet file."""
        rows = [{"prompt": f"Is {word} old?", "axis": "helpfulness"} for word in "ij"]
        pl.DataFrame(rows).write_parquet(self.root / "more.parquet")
        return "more.parquet"

    def _write(self, name, text):
        (self.root / name).write_text(text)
        return str(self.root / name)

    def _prompts(self, name, words):
        rows = [
            {"prompt": f"Say something of {word}", "axis": axis, "mode": "completion"}
            for axis in ("helpfulness", "harmlessness")
            for word in words
        ]
        return self._write(name, "".join(f"{json.dumps(row)}\n" for row in rows))

    def _answers(self):
        rows = [
            {"prompt_id": f"p{n % 5}", "prompt": f"What of {n % 5}?", "text": f"It is {n} or so."}
            for n in range(20)
        ]
        self._write("answers.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))

    # -- running -----------------------------------------------------------------------------

    def environment(self, work):
        """Return a command's environment: caches of its own, and the Hub where there is one."""
        path = os.pathsep.join((str(ROOT / "tests"), str(ROOT)))
        own = {"UDASA_CACHE": str(work / "cache"), "PYTHONPATH": path, "POLARS_MAX_THREADS": "1"}
        if self.hub is None:
            return os.environ | own
        return self.hub.environment(self.root / "home") | own

    def begin(self, command, work, *, out=None, more=(), **plan):
        """Start a program of ours; ``plan`` says where it is stopped, ``more`` what it finds."""
        plan = {"below": f"{work}/", **plan}
        born_with = ()
        if self.hub is not None:
            given = self.hub.environment(self.root / "home")
            wanted = ("HF_ENDPOINT", "HF_HOME", "HF_HUB_DISABLE_XET")
            born_with = (*((name, given[name]) for name in wanted), ("HF_HUB_OFFLINE", "0"))
        return forked.Process(
            *("-m", "faults.stopping", json.dumps(plan), *command),
            env=self.environment(work) | dict(more),
            out=out,
            cwd=work,
            libraries=LIBRARIES,
            born_with=(*born_with, ("PYTHONPATH", f"{ROOT / 'tests'}{os.pathsep}{ROOT}")),
        )

    def run(self, command, work, **plan):
        """Run one to its end; return its process, its output and its errors."""
        process = self.begin(command, work, **plan)
        out, err = process.communicate(timeout=300)
        return process, out, err

    def made(self, command):
        """Run a command that makes a part of the ground."""
        process, out, err = self.run(command, self.root)
        assert process.returncode == 0, out + err

    def lay_out(self, job, work):
        """Put what a job starts from into an empty folder; return somebody else's files there."""
        work.mkdir(parents=True)
        for name, place in job.starts.items():
            source = self.root / place  # absolute ones stay
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, work / name)
        if job.name == "push":
            self._reset_hub()
        if job.layout is not None:
            Run(work / "out", job.layout).mark()
        return put_foreign(work, *job.foreign)

    def visible(self, job):
        """Return what the Hub shows where a job pushes: path → content."""
        if job.name != "push":
            return None
        repo = self.hub.store.repo("datasets", "org/name")
        return repo.tree(repo.resolve("main"))

    def _reset_hub(self):
        """Have the Hub hold an earlier dataset."""
        repo = self.hub.store.root / "datasets" / "org" / "name"
        earlier = self.root / "earlier-repository"
        if not earlier.is_dir():
            self.made(("udasa-data", "push", self.other, "org/name"))
            shutil.copytree(repo, earlier)
        shutil.rmtree(repo)
        shutil.copytree(earlier, repo)

    # -- the jobs ----------------------------------------------------------------------------

    @cached_property
    def build_command(self):
        return ("udasa-data", "build", "--model", "tiny", "--config", self.config)

    @cached_property
    def source(self):
        """A finished run."""
        self.made((*self.build_command, "--prompts", self.prompts, "--out", "source"))
        return "source"

    @cached_property
    def other(self):
        """Another, of other prompts."""
        self.made((*self.build_command, "--prompts", self.other_prompts, "--out", "other"))
        return "other"

    def build(self):
        from udasa_data.runs.layout import BUILD

        command = (*self.build_command, "--prompts", self.prompts, "--out", "out")
        foreign = ("mine.txt", "out/mine/a.txt", "out/samples/a.txt", "out/dataset/a.txt")
        return Job("build", command, foreign=foreign, layout=BUILD)

    def rebuild(self):
        """Another pairing in a finished run, whose dataset is replaced."""
        command = (*self.build_command, "--prompts", self.prompts, "--out", "out")
        return Job("rebuild", (*command, "--rejected", "median"), {"out": self.source})

    def restage(self):
        command = ("udasa-data", "build", "--from", "source", "--rejected", "median")
        return Job("from", (*command, "--out", "out"), {"source": self.source}, ("mine.txt",))

    def rescore(self):
        folder = self.root / "models" / "nli-2"
        save_classifier(folder, ["entailment", "neutral", "contradiction"], seed=9)
        config = self._write("rescored.yaml", f"nli: {{id: {folder}}}\n")
        command = ("udasa-data", "build", "--from", "source", "--config", config, "--out", "out")
        return Job("from-scored", command, {"source": self.source}, ("mine.txt",))

    def merge(self):
        command = ("udasa-data", "merge", "source", "other", "--out", "out")
        return Job("merge", command, {"source": self.source, "other": self.other}, ("mine.txt",))

    def report(self):
        self.made(("udasa-data", "report", self.other, "--out", "older.html"))
        starts = {"source": self.source, "source/report.html": "older.html"}
        return Job("report", ("udasa-data", "report", "source"), starts, ("source/mine/a.txt",))

    def score(self):
        command = ("udasa-data", "score", "answers.jsonl", "--config", self.config)
        starts = {"answers.jsonl": "answers.jsonl"}
        return Job("score", (*command, "--out", "scores.parquet"), starts, ("mine.txt",))

    def push(self):
        command = ("udasa-data", "push", "source", "org/name")
        return Job("push", command, {"source": self.source}, ("source/mine/a.txt",), cost=2)

    def evaluation(self):
        policy = str(self.models["policy"])
        command = ("udasa-eval", "run", "--model", policy, "--suite", "tiny", "--out", "out")
        foreign = ("mine.txt", "out/mine/a.txt", "out/shards/a.txt")
        command = (*command, "--axes", "sentiment,harmlessness")
        return Job("eval", command, foreign=foreign, layout=EVALUATION, cost=3)

    def dpo(self, *, lora=False):
        name = "dpo-lora" if lora else "dpo"
        text = RECIPE.format(policy=self.models["policy"]) + (LORA if lora else "")
        recipe = self._write(f"{name}.yaml", text)
        data = self.root / "dataset"
        if not data.is_dir():
            save_dataset(data, train=8, policy=_origin(self.models["policy"]))
        command = ("udasa-train", "dpo", "--config", recipe, "--data", str(data), "--out", "out")
        foreign = ("mine.txt", "out/mine/a.txt", "out/stages/1-conservative/a.txt")
        return Job(name, command, foreign=foreign, layout=STAGED, cost=6)


def _origin(policy):
    template = hashlib.sha256((policy / "chat_template.jinja").read_bytes()).hexdigest()
    fingerprint = locate(ModelRef(id=str(policy))).fingerprint
    return {"id": "sft", "fingerprint": fingerprint, "chat_template_sha256": template}


JOBS = {
    "build": Ground.build,
    "rebuild": Ground.rebuild,
    "from": Ground.restage,
    "from-scored": Ground.rescore,
    "merge": Ground.merge,
    "report": Ground.report,
    "score": Ground.score,
    "push": Ground.push,
    "eval": Ground.evaluation,
    "dpo": Ground.dpo,
    "dpo-lora": lambda ground: ground.dpo(lora=True),
}
