"""Each kind of file that a user gives us, and what reads it: valid examples, and the reader."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl
from example_runs import write_run
from typer.testing import CliRunner

from udasa_data.config import principles_of, resolve, to_yaml
from udasa_data.config.build import Judge
from udasa_data.page import write_report
from udasa_data.pairing import read_curves
from udasa_data.pairing.confounds import Confounds
from udasa_data.prompts import load_prompts, parse_source
from udasa_data.runs import DamagedShardError, Run, ScoreSummary, Shards, dataset_manifest
from udasa_data.runs.dataset_manifest import (
    FigureRecord,
    Manifest,
    ScorerRecord,
    Thresholds,
    to_json,
)
from udasa_data.runs.summary import Counts
from udasa_data.schema import DROPPED, PAIRS, SAMPLES
from udasa_data.scorers import ScoreCache
from udasa_data.scorers.protocol import TextPair
from udasa_data.scoring.answer_files import read_answers
from udasa_data.scoring.scored_file import read_summary, write_scores
from udasa_data.storage import Located
from udasa_eval.cli import app as eval_app
from udasa_eval.judging import judge_set
from udasa_eval.results.comparison import compare_runs
from udasa_eval.results.origins import origins_of
from udasa_recipes.staged.config import read_recipe
from udasa_recipes.staged.ledger import Ledger, PolicyRecord, Record
from udasa_recipes.supervised.chats import read_chats

Reader = Callable[[Path, bytes], object]


class Kind(NamedTuple):
    """A kind of file: what reads one, and valid ones to be mutated."""

    read: Reader
    examples: list[bytes]


def _file(name: str, read: Callable[[Path], object]) -> Reader:
    def reader(folder: Path, content: bytes) -> object:
        path = folder / name
        path.write_bytes(content)
        return read(path)

    return reader


def _prompts(path: Path) -> object:
    return load_prompts([str(path)], limit=None, seed=0, commits={}).prompts.write_parquet(
        io.BytesIO()
    )


def _answers(path: Path) -> None:
    given = read_answers(path)
    given.table.write_parquet(io.BytesIO())
    given.prompts.write_parquet(io.BytesIO())


def _config(path: Path) -> None:
    config = resolve(None, {}, file=path)
    for source in config.prompts:
        parse_source(source)
    if config.judge:
        principles_of(config.judge)
    again = path.with_name("again.yaml")
    again.write_text(to_yaml(config), encoding="utf-8")
    assert resolve(None, {}, file=again) == config


def _ended(app: object, *arguments: str) -> None:
    """Run a command in process; whatever but an end of its own is raised."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception


def _compare(path: Path) -> None:
    other = path.with_name("other.jsonl")
    other.write_text("".join(f'{{"id": "{n}", "score": {n % 3}}}\n' for n in range(6)))
    _ended(eval_app, "compare", str(path), str(other))


def _dataset(folder: Path, content: bytes) -> None:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(content)
    write_report(str(folder), folder / "report.html")


@cache
def _kept() -> Path:
    """Return a folder of two evaluations and a run, written once, to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="udasa-readers-"))
    for name in ("a", "b"):
        write_run(folder / "evaluations" / name, {"p1": 1.0, "p2": 0.0, "p3": 0.5})
    _run(folder / "runs")
    return folder


def _results(folder: Path, content: bytes) -> None:
    shutil.copytree(_kept() / "evaluations", folder, dirs_exist_ok=True)
    (folder / "b" / "results.json").write_bytes(content)
    compare_runs([folder / "a", folder / "b"], seed=0, examples=1, anyway=True)


def _copied_run(folder: Path) -> Run:
    shutil.copytree(_kept() / "runs", folder, dirs_exist_ok=True)
    return Run(folder / "run")


def _run(folder: Path) -> None:
    run = Run(folder / "run")
    run.write_table("pairs.parquet", pl.DataFrame(schema=PAIRS))
    table, dropped = pl.DataFrame(schema=SAMPLES), pl.DataFrame(schema=DROPPED)
    Shards(run, "samples", "ab" * 32, 1).write(0, table, dropped)
    run.save_manifest(sampled_from={"prompts": "tiny"}, finished=None)


def _run_manifest(folder: Path, content: bytes) -> None:
    run = _copied_run(folder)
    for name in ("manifest.json", "manifest.copy.json"):
        (folder / "run" / name).write_bytes(content)
        Run(run.root).read_table("pairs.parquet")


def _run_pairs(folder: Path, content: bytes) -> None:
    run = _copied_run(folder)
    (folder / "run" / "pairs.parquet").write_bytes(content)
    for name in ("manifest.json", "manifest.copy.json"):  # with no hash, too, it is read whole
        (folder / "run" / name).unlink()
    Run(run.root).read_table("pairs.parquet")


def _run_shards(folder: Path, content: bytes) -> None:
    run = _copied_run(folder)
    shards = Shards(run, "samples", "ab" * 32, 1)
    for path in sorted((folder / "run" / "samples").iterdir()):
        whole = path.read_bytes()
        path.write_bytes(content)
        try:
            shards.read_all()
            shards.facts()
        except DamagedShardError:
            pass  # it is made again
        path.write_bytes(whole)


def _parquet(rows: list[dict[str, object]]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer)
    return buffer.getvalue()


def _lines(rows: list[object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _manifest() -> bytes:
    ratio = {"semantic": 0.2, "factual": None, "value": 0.1}
    manifest = Manifest(
        policy=dataset_manifest.PolicyRecord("embedded:lm", None, "sha256:aa", None),
        scorers=(ScorerRecord("nli", "embedded:nli", None, "sha256:bb"),),
        config=resolve("tiny", {}),
        stages=Thresholds(0.1, 0.2),
        held_out=0.05,
        counts=Counts(2, 8, 1, 0, 0, {"pair": {"truncated": 1}}, {}, {}, (0.1, 0.2)),
        confounds=Confounds("tokens", ratio, {}, 0.1, 0.0, 3.0, 2.0, 0.5),
        versions={"udasa": "0.1.0"},
        figures={"figures/gaps.png": FigureRecord("title", "alt")},
        notes=("a note",),
        made_from={
            "keys": {"samples": "aa", "scores": "bb"},
            "prompt_commits": {"embedded:prompts": "local"},
            "engine": {"name": "transformers", "reason": "a"},
            "code": {"scores": "cc"},
        },
    )
    return to_json(manifest).encode()


def _without_seal(content: bytes) -> bytes:
    """Return a sealed JSON file as a stranger's tool would write it, so that all of it is read."""
    return json.dumps({k: v for k, v in json.loads(content).items() if k != "sha256"}).encode()


def _unsealed_table(file: Path) -> bytes:
    buffer = io.BytesIO()
    pl.read_parquet(file).write_parquet(buffer)
    return buffer.getvalue()


def _cached(folder: Path) -> bytes:
    cache = ScoreCache(folder / "cache" / "scores.sqlite")
    cache.put("space", [TextPair("a", "b")], np.ones((1, 3)), [False])
    return cache.file.read_bytes()


def _score_cache(file: Path) -> None:
    cache = ScoreCache(file)
    cache.get("space", [TextPair("a", "b")], 3)
    cache.put("space", [TextPair("c", "d")], np.ones((1, 3)), [False])


def _scored(folder: Path) -> bytes:
    summary = ScoreSummary(4, 1, {}, {}, Confounds("tokens", {}, {}, 0.1, 0.0, 3.0, 2.0, 0.5), ())
    write_scores(folder / "scores.parquet", pl.DataFrame({"a": [1]}), {"a": 1}, summary, None)
    return (folder / "scores.parquet").read_bytes()


def _scored_file(file: Path) -> None:
    read_summary(file, {"a": 1}, None)


def _record(folder: Path) -> bytes:
    policy = PolicyRecord("sft", None, "sha256:aa", "bb")
    ledger = Ledger(folder)
    ledger.open(Record({"seed": 1}, policy, None, [{"repo": "a"}], {}, {}))
    return ledger.path.read_bytes()


def _stages(folder: Path, content: bytes) -> None:
    (folder / "stages.json").write_bytes(content)
    Ledger(folder)
    origins_of(Located(str(folder), None, "sha256:aa", str(folder)))


def _eval_table(folder: Path, content: bytes) -> None:
    shutil.copytree(_kept() / "evaluations", folder, dirs_exist_ok=True)
    (table,) = (folder / "b" / "scores").iterdir()
    table.write_bytes(content)
    compare_runs([folder / "a", folder / "b"], seed=0, examples=1, anyway=True)


def _curves() -> bytes:
    curve = {"n": 3, "values": [0.1, 0.2, 0.3], "ranks": [1 / 6, 0.5, 5 / 6]}
    return json.dumps({d: {"*": curve} for d in ("semantic", "factual", "value")}).encode()


def _example_results(folder: Path) -> bytes:
    return (write_run(folder, {"p1": 1.0, "p2": 0.0}) / "results.json").read_bytes()


MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]
PROMPTS: list[object] = [
    {"prompt": "What is two and two?", "axis": "truthfulness", "context": "a", "mode": "chat"},
    {"messages": MESSAGES},
    {"text": "one two three four five six seven eight nine"},
]
ANSWERS: list[dict[str, object]] = [
    {"prompt_id": "a", "prompt": "q", "text": text, "n_tokens": 3, "sum_logprob": -2.0}
    for text in ("yes it is.", "no.", "maybe", "I do not know.")
]
CSV = b"prompt,axis,note\nWhy?,truthfulness,x\nHow?,,y\n"
PRINCIPLES = b"principles:\n- id: a\n  statement: b c\n  source: x\n- id: d\n  statement: e\n"
JUDGES = b"harm:\n  kind: classifier\n  id: embedded-judge:harmlessness\n  positive: [unsafe]\n"
RECIPE = b"policy: {id: Qwen/Qwen2.5-7B-Instruct}\ntraining: {beta: 0.1, batch: 64}\nseed: 3\n"


def kinds(folder: Path) -> dict[str, Kind]:
    """Return the kinds by name; ``folder`` is for what is written to make examples."""
    return {**_of_prompts(), **_of_options(), **_of_runs(folder), **_of_results(folder)}


def _of_prompts() -> dict[str, Kind]:
    rows = _parquet([{"prompt": "Why?", "axis": "helpfulness", "n": 1.5, "b": b"x"}] * 3)
    return {
        "answers_csv": Kind(_file("a.csv", _answers), [b"prompt,text\nq,yes\nq,no\n"]),
        "answers_jsonl": Kind(_file("a.jsonl", _answers), [_lines([*ANSWERS])]),
        "answers_parquet": Kind(_file("a.parquet", _answers), [_parquet(ANSWERS)]),
        "chats": Kind(_file("c.jsonl", read_chats), [_lines([{"messages": MESSAGES}] * 2)]),
        "prompts_csv": Kind(_file("p.csv", _prompts), [CSV]),
        "prompts_json": Kind(_file("p.json", _prompts), [json.dumps(PROMPTS).encode()]),
        "prompts_jsonl": Kind(_file("p.jsonl", _prompts), [_lines(PROMPTS)]),
        "prompts_parquet": Kind(_file("p.parquet", _prompts), [rows]),
        "prompts_txt": Kind(_file("p.txt", _prompts), [b"Why?\nHow?\n"]),
    }


def _of_options() -> dict[str, Kind]:
    def constitution(path: Path) -> object:
        return principles_of(Judge(constitution=str(path), principles=1))

    def judge(path: Path) -> object:
        return judge_set(str(path), "tiny")

    config = to_yaml(resolve("tiny", {})).encode()
    return {
        "calibration_json": Kind(_file("calibration.json", read_curves), [_curves()]),
        "config_yaml": Kind(_file("config.yaml", _config), [config]),
        "constitution": Kind(_file("constitution.yaml", constitution), [PRINCIPLES]),
        "judges_yaml": Kind(_file("judges.yaml", judge), [JUDGES]),
        "recipe_yaml": Kind(_file("recipe.yaml", read_recipe), [RECIPE]),
    }


def _of_runs(folder: Path) -> dict[str, Kind]:
    run = Run(folder / "sealed")
    run.save_manifest(sampled_from={"prompts": "tiny", "limit": 12}, finished=None)
    sealed = (folder / "sealed" / "manifest.json").read_bytes()
    pairs, facts = _parquet([{"prompt_id": "a"}]), msgspec.json.encode({"facts": {}, "files": {}})
    return {
        "dataset_manifest": Kind(_dataset, [_manifest(), _without_seal(_manifest())]),
        "run_manifest": Kind(_run_manifest, [sealed]),
        "run_pairs": Kind(_run_pairs, [pairs]),
        "run_shards": Kind(_run_shards, [pairs, facts]),
        "score_cache": Kind(_file("scores.sqlite", _score_cache), [_cached(folder)]),
        "scored_file": Kind(_file("scores.parquet", _scored_file), [_scored(folder)]),
        "stages_json": Kind(_stages, [_without_seal(_record(folder)), _record(folder)]),
    }


def _of_results(folder: Path) -> dict[str, Kind]:
    scores = _lines([{"id": str(n), "score": n / 2} for n in range(6)])
    results = _example_results(folder / "results")
    (table,) = (folder / "results" / "scores").iterdir()
    return {
        "compare_jsonl": Kind(_file("scores.jsonl", _compare), [scores]),
        "eval_results": Kind(_results, [results, _without_seal(results)]),
        "eval_table": Kind(_eval_table, [table.read_bytes(), _unsealed_table(table)]),
    }
