"""lm-eval's ``--log_samples``: ``samples_TASK_DATE.jsonl`` beside ``results_DATE.json``.

As ``lm_eval/loggers/evaluation_tracker.py`` of 0.4.13 writes them: a line a document and filter.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.prompts import decoded, lines_of
from udasa_data.storage import parse_row
from udasa_eval.logs.ids import Ids
from udasa_eval.logs.records import Log, LoggedMetric, LoggedTask, Text

_SAMPLES: Final = re.compile(r"samples_(?P<task>.+?)(_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl")
# of a task's configuration: what decides its numbers beside the model
_ASKED: Final = (
    *("dataset_path", "dataset_name", "doc_to_text", "doc_to_target", "description"),
    *("output_type", "generation_kwargs", "repeats"),
)
_NO_METRICS: Final = frozenset({"doc_id", "metrics", "bypass"})


class _File(NamedTuple):
    path: Path
    task: str
    date: str


def samples_in(place: Path) -> list[Path]:
    """Return the files of samples of a place: itself, in it, or in its one folder that has some.

    Raises:
        UserError: several of its folders have some.
    """
    if place.is_file():
        return [place] if _SAMPLES.fullmatch(place.name) else []
    found = sorted(path for path in place.glob("samples_*.jsonl") if _SAMPLES.fullmatch(path.name))
    if found:
        return found
    within = {path.parent for path in place.glob("*/samples_*.jsonl")}
    if len(within) > 1:
        names = ", ".join(sorted(folder.name for folder in within))
        raise UserError(f"{place}: lm-eval logged several models there ({names}); give one of them")
    return samples_in(within.pop()) if within else []


def read_lm_eval(place: Path) -> Log:
    """Read the newest samples of each task.

    Raises:
        UserError: a file cannot be read, holds no samples of lm-eval, or has a document twice.
    """
    files = [_named(path) for path in samples_in(place)]
    newest = {file.task: file for file in sorted(files, key=lambda file: file.date)}
    notes = [
        f"{place}: of {count} logs of task {task} the newest is read ({newest[task].path.name})"
        for task, count in sorted(Counter(file.task for file in files).items())
        if count > 1
    ]
    facts = {file.task: _results_beside(file) for file in newest.values()}
    tasks = {}
    for name, file in sorted(newest.items()):
        if not facts[name]:
            notes.append(f"{file.path}: no results beside it; higher is taken for better")
        tasks[name], more = _task(file, facts[name])
        notes += more
    models = {_model(fact, newest[task].path) for task, fact in facts.items()}
    if len(models) > 1:
        raise UserError(f"{place}: logs of several models ({', '.join(sorted(models))})")
    return Log(place, "lm-eval", models.pop(), tasks, tuple(notes))


def _named(path: Path) -> _File:
    found = _SAMPLES.fullmatch(path.name)
    assert found is not None
    return _File(path, found["task"], found["date"] or "")


def _results_beside(file: _File) -> Mapping[str, Any]:
    """Return the aggregated results of the same run; {} where there are none."""
    found = sorted(file.path.parent.glob(f"*_{file.date}.json") if file.date else ())
    if not found:
        return {}
    try:
        facts = parse_row(read_bytes(found[0]))
    except (OSError, ValueError) as error:
        raise UserError(f"{found[0]}: no results of lm-eval ({error})") from error
    return facts if isinstance(facts, dict) else {}


def _model(facts: Mapping[str, Any], path: Path) -> str:
    return str(facts.get("model_name") or path.parent.name)


def _part(facts: Mapping[str, Any], name: str, task: str) -> dict[str, Any]:
    """Return what results hold of a task under a name; {} where it is no object."""
    found = facts.get(name)
    of_task = found.get(task) if isinstance(found, dict) else None
    return of_task if isinstance(of_task, dict) else {}


def _task(file: _File, facts: Mapping[str, Any]) -> tuple[LoggedTask, list[str]]:
    """Return a task, and what was left out of it."""
    higher = _part(facts, "higher_is_better", file.task)
    samples = list(_samples(file.path))
    values: dict[str, dict[str, float]] = {}
    texts: dict[str, Text] = {}
    left_out: dict[str, None] = {}
    for key, filter_name, row in samples:
        texts.setdefault(key, _text(row))
        for name in _metric_names(row):
            metric = name if filter_name == "none" else f"{name},{filter_name}"
            value = row.get(name)
            if value is None or isinstance(value, int | float):
                values.setdefault(metric, {})[key] = float("nan") if value is None else float(value)
            else:
                left_out[metric] = None
    metrics = tuple(
        LoggedMetric(
            name, "lower" if higher.get(name.split(",")[0]) is False else "higher", of_name
        )
        for name, of_name in values.items()
        if name not in left_out
    )
    notes = [f"left out: {name} of task {file.task} has no number a document" for name in left_out]
    return LoggedTask(file.task, _asked(file.task, facts), metrics, texts), notes


def _samples(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each row with its document's key and its filter.

    The key is the hash of the document; equal documents of a task are numbered as they come.
    """
    try:
        lines = lines_of(decoded(path, read_bytes(path)))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    ids: dict[str, Ids] = {}
    equal: Counter[tuple[str, str]] = Counter()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_row(line)
            filter_name = str(row.get("filter", "none"))
            of_filter = ids.setdefault(filter_name, Ids(path, "doc_id"))
            name = of_filter.add(row["doc_id"], f"line {number}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path}, line {number}: no sample of lm-eval (an object with a 'doc_id')"
            ) from error
        document = str(row.get("doc_hash") or name)
        equal[filter_name, document] += 1
        count = equal[filter_name, document]
        yield (document if count == 1 else f"{document}#{count}"), filter_name, row


def _metric_names(row: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of a row's metrics; logs of before 0.4.5 do not list them."""
    listed = row.get("metrics")
    names = listed if isinstance(listed, list) else [n for n, v in row.items() if _is_number(v)]
    return [str(name) for name in names if name not in _NO_METRICS]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _asked(task: str, facts: Mapping[str, Any]) -> dict[str, str | None]:
    if not facts:
        return {}
    config = _part(facts, "configs", task)
    found: dict[str, object] = {name: config.get(name) for name in _ASKED}
    for name in ("n-shot", "versions"):
        of_all = facts.get(name)
        found[name] = of_all.get(task) if isinstance(of_all, dict) else None
    found["system instruction"] = facts.get("system_instruction_sha")
    found["chat template applied"] = facts.get("chat_template_sha") is not None
    found["fewshot_as_multiturn"] = facts.get("fewshot_as_multiturn")
    return {
        name: None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for name, value in found.items()
        if "<function" not in str(value)  # written with its address in memory
    }


def _text(row: Mapping[str, Any]) -> Text:
    """Return the first request's prompt, and the answer: a text, or the likeliest choice."""
    requests = row.get("arguments")
    asked = list(requests.values()) if isinstance(requests, dict) else []
    first = asked[0] if asked and isinstance(asked[0], dict) else {}
    prompt = first.get("arg_0")
    answers = row.get("filtered_resps")
    answer = answers[0] if isinstance(answers, list) and answers else None
    if isinstance(answer, list):
        answer = _likeliest(asked, answers if isinstance(answers, list) else [])
    return Text(
        prompt if isinstance(prompt, str) else None, answer if isinstance(answer, str) else None
    )


def _likeliest(asked: Sequence[object], answers: Sequence[object]) -> object:
    """Return the choice with the highest log-probability, None where they cannot be read."""
    try:
        logps = [float(answer[0]) for answer in answers]  # type: ignore[index]
        return asked[logps.index(max(logps))]["arg_1"]  # type: ignore[index]
    except (TypeError, ValueError, KeyError, IndexError):
        return None
