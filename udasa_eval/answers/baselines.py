"""Whose stored answers win rates are against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import polars as pl

from udasa_data.errors import UserError
from udasa_eval.answers.generations import TURN_2, prompt_hash
from udasa_eval.results import read_tables
from udasa_eval.tasks import BuiltTask, load_rows

# AlpacaEval 2's baseline, as its answers are named
DEFAULT: Final = "gpt4_1106_preview"
TABLE: Final = "baseline.parquet"
SCHEMA: Final = pl.Schema({"task": pl.String(), "prompt_hash": pl.String(), "text": pl.String()})
Answers: TypeAlias = dict[str, dict[str, str]]  # by task, then prompt hash


class Baseline(NamedTuple):
    """A baseline's name and its answers; tasks that it did not answer have no entry."""

    name: str | None
    answers: Answers


def find_baseline(
    baseline: str | None,
    tasks: Sequence[BuiltTask],
    *,
    data_dir: Path | None,
    commits: Mapping[str, str],
) -> Baseline:
    """Find the baseline's answers to the tasks that compare with one.

    Args:
        baseline: a results folder, or a generator of the stored AlpacaEval outputs; None takes what
            the tasks bring along: answers in their documents, or AlpacaEval 2's baseline.
        tasks: of the run.
        data_dir: as for the documents.
        commits: as for the documents.

    Raises:
        UserError: no such baseline, or it left out some of a task's prompts.
    """
    tasks = [built for built in tasks if built.plan.notes.scoring == "helpfulness"]
    if not tasks:
        return Baseline(None, {})
    if baseline is not None and Path(baseline).is_dir():
        return Baseline(baseline, _answers_of_run(Path(baseline), tasks))
    answers: Answers = {}
    names = []
    for built in tasks:
        if all("baseline" in document for document in built.documents) and baseline is None:
            stored = {document["prompt"]: document["baseline"] for document in built.documents}
            names.append(str(built.documents[0].get("baseline_of", "embedded")))
        elif built.plan.notes.dataset == "alpaca_eval":
            generator = baseline or DEFAULT
            stored = _alpaca_outputs(generator, data_dir, commits)
            names.append(generator)
        else:
            continue
        answers[built.plan.name] = _complete(built, stored, names[-1])
    if baseline is not None and not answers:
        raise UserError(
            f"baseline '{baseline}': no such results folder, and the suite has no stored answers "
            "by that name"
        )
    return Baseline(", ".join(dict.fromkeys(names)) or None, answers)


def to_table(answers: Answers) -> pl.DataFrame:
    """Return a baseline's answers as a table of SCHEMA."""
    rows = [(task, key, text) for task, texts in answers.items() for key, text in texts.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def from_table(table: pl.DataFrame) -> Answers:
    """Return the answers that ``to_table`` made a table of."""
    answers: Answers = {}
    for task, key, text in table.select(SCHEMA.names()).iter_rows():
        answers.setdefault(task, {})[key] = text
    return answers


def _answers_of_run(folder: Path, tasks: Sequence[BuiltTask]) -> Answers:
    """Return the first sample of every prompt of another run; second turns included."""
    rows = read_tables(folder, "generations").filter(
        (pl.col("sample") == 0) & pl.col("text").is_not_null()
    )
    if rows.is_empty():
        raise UserError(f"baseline {folder}: holds no generations")
    stored = from_table(rows)
    answers: Answers = {}
    for built in tasks:
        for name in (built.plan.name, built.plan.name + TURN_2):
            if name in stored:
                answers[name] = stored[name]
                _check(built, answers[name], str(folder))
    if not answers:
        raise UserError(f"baseline {folder}: answered none of this suite's helpfulness tasks")
    return answers


def _alpaca_outputs(
    generator: str, data_dir: Path | None, commits: Mapping[str, str]
) -> dict[str, str]:
    rows, pinned = load_rows("alpaca_eval_outputs", data_dir=data_dir, commits=commits)
    if not {"generator", "instruction", "output"} <= set(rows.columns):
        columns = ", ".join(rows.columns)
        raise UserError(f"{pinned.id}: lacks generator, instruction or output (has {columns})")
    generators = rows["generator"].unique().sort().to_list()
    outputs = rows.filter(pl.col("generator") == generator)
    if outputs.is_empty() and len(generators) == 1 and generator == DEFAULT:
        outputs = rows  # the Hub's file of the baseline, whatever it calls it
    if outputs.is_empty():
        raise UserError(f"{pinned.id}: no answers of '{generator}' (has {', '.join(generators)})")
    return dict(outputs.select("instruction", "output").iter_rows())


def _complete(built: BuiltTask, stored: Mapping[str, str], name: str) -> dict[str, str]:
    template = built.plan.notes.template
    by_hash = {
        prompt_hash(document, template): stored[document["prompt"]]
        for document in built.documents
        if document["prompt"] in stored
    }
    _check(built, by_hash, name)
    return by_hash


def _check(built: BuiltTask, by_hash: Mapping[str, str], name: str) -> None:
    hashes = {prompt_hash(d, built.plan.notes.template) for d in built.documents}
    if missing := len(hashes - set(by_hash)):
        raise UserError(
            f"baseline '{name}': has no answer to {missing} of the {len(hashes)} prompts of "
            f"{built.plan.name}; give one that answered the same suite"
        )
