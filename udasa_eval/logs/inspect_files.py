"""inspect-ai's logs: one JSON object, or a zip archive of a header and a file a sample.

As ``inspect_ai/log/_recorders/{json,eval}.py`` write them: read as data, inspect-ai is not needed.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from zipfile import BadZipFile, ZipFile

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.storage import parse_row
from udasa_eval.logs.ids import Ids
from udasa_eval.logs.records import Log, LoggedMetric, LoggedTask, Text
from udasa_eval.logs.zip_members import member
from udasa_eval.results import Direction

_HEAD: Final = 4096  # bytes of a JSON log that name what it is
_CONVERT: Final = "inspect log convert --to json writes a log that can be read"
# inspect_ai.scorer.value_to_float: correct, partial, incorrect, no answer
_LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS: Final = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_GENERATION: Final = ("temperature", "top_p", "max_tokens", "system_message", "reasoning_effort")


class _File(NamedTuple):
    path: Path
    header: Mapping[str, Any]
    samples: list[dict[str, Any]]


def logs_in(place: Path) -> list[Path]:
    """Return the logs of a place: itself, or those in it."""
    if place.is_file():
        return [place] if _is_log(place) else []
    return sorted(path for path in (*place.glob("*.eval"), *place.glob("*.json")) if _is_log(path))


def read_inspect(place: Path) -> Log:
    """Read the newest log of each task.

    Raises:
        UserError: a log cannot be read, has a sample twice, or they are of several models.
    """
    files = [_read(path) for path in logs_in(place)]
    newest: dict[str, _File] = {}
    counts: Counter[str] = Counter()
    for file in sorted(files, key=lambda file: str(file.header["eval"].get("created"))):
        task = str(file.header["eval"].get("task"))
        newest[task] = file
        counts[task] += 1
    models = {str(file.header["eval"].get("model")) for file in newest.values()}
    if len(models) > 1:
        raise UserError(f"{place}: logs of several models ({', '.join(sorted(models))})")
    notes = [
        f"{place}: of {count} logs of task {task} the newest is read ({newest[task].path.name})"
        for task, count in sorted(counts.items())
        if count > 1
    ]
    tasks = {}
    for name, file in sorted(newest.items()):
        status = file.header.get("status")
        if status != "success":
            notes.append(f"{file.path}: its run ended with {status or 'no status'}")
        tasks[name], more = _task(name, file)
        notes += more
    return Log(place, "inspect-ai", models.pop(), tasks, tuple(notes))


def _is_log(path: Path) -> bool:
    if path.suffix == ".eval":
        return True
    if path.suffix != ".json":
        return False
    try:
        with path.open("rb") as opened:
            head = opened.read(_HEAD)
    except OSError:
        return False
    return b'"eval"' in head and b'"version"' in head


def _read(path: Path) -> _File:
    try:
        file = _read_archive(path) if path.suffix == ".eval" else _read_json(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except NotImplementedError as error:
        raise UserError(f"{path}: packed in a way not known here ({error}); {_CONVERT}") from error
    except (ValueError, KeyError, BadZipFile) as error:
        raise UserError(f"{path}: no log of inspect-ai ({error}); {_CONVERT}") from error
    if not isinstance(file.header.get("eval"), dict):
        raise UserError(f"{path}: no log of inspect-ai (it has no 'eval')")
    if not file.samples:
        raise UserError(f"{path}: holds no samples; {_CONVERT}")
    return file


def _read_json(path: Path) -> _File:
    log = parse_row(read_bytes(path))
    if not isinstance(log, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 (of the file, not of an argument)
    samples = log.get("samples")
    return _File(path, log, [s for s in samples or () if isinstance(s, dict)])


def _read_archive(path: Path) -> _File:
    with ZipFile(path) as archive:
        names = archive.namelist()
        # a run that was ended has no header yet
        start = "header.json" if "header.json" in names else "_journal/start.json"
        header = parse_row(member(archive, start))
        samples = [
            parse_row(member(archive, name))
            for name in names
            if name.startswith("samples/") and name.endswith(".json")
        ]
    return _File(path, header, [sample for sample in samples if isinstance(sample, dict)])


def _task(name: str, file: _File) -> tuple[LoggedTask, list[str]]:
    """Return a task: the samples of an id, one an epoch, averaged; and what was left out of it."""
    ids: dict[object, Ids] = {}
    values: dict[str, dict[str, list[float]]] = {}
    texts: dict[str, Text] = {}
    keys: dict[str, None] = {}
    left_out: dict[str, None] = {}
    for number, sample in enumerate(file.samples, 1):
        epoch = sample.get("epoch", 1)
        try:
            key = ids.setdefault(epoch, Ids(file.path, "id")).add(
                sample.get("id"), f"epoch {epoch}, sample {number}"
            )
        except TypeError as error:
            raise UserError(f"{file.path}, sample {number}: needs an 'id'") from error
        keys[key] = None
        texts.setdefault(key, _text(sample))
        for metric, value in _scores(sample):
            if value is None:
                left_out[metric] = None
            else:
                values.setdefault(metric, defaultdict(list))[key].append(value)
    metrics = tuple(
        LoggedMetric(metric, _direction(), {key: _mean(of_key.get(key, [])) for key in keys})
        for metric, of_key in values.items()
    )
    kinds = frozenset(kind for of_epoch in ids.values() for kind in of_epoch.kinds)
    notes = [
        f"left out: values of {metric} of task {name} that are no numbers" for metric in left_out
    ]
    return LoggedTask(name, _asked(file.header), metrics, texts, kinds), notes


def _direction() -> Direction:
    return "higher"  # inspect-ai does not say; --lower NAME does


def _mean(values: list[float]) -> float:
    """Return the mean of what is scored, as inspect's own reducer has it; NaN for nothing."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else float("nan")


def _scores(sample: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yield a sample's scores by name; None is what cannot be read as a number."""
    scores = sample.get("scores")
    for scorer, score in scores.items() if isinstance(scores, dict) else ():
        value = score.get("value") if isinstance(score, dict) else None
        if isinstance(value, dict):
            yield from ((f"{scorer}, {name}", _as_number(part)) for name, part in value.items())
        else:
            yield str(scorer), _as_number(value)


def _as_number(value: object) -> float | None:
    """Return a value as inspect_ai.scorer.value_to_float has it; NaN (unscored) for none."""
    if value is None:
        return float("nan")
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    if (known := _LETTERS.get(value, _WORDS.get(value.lower()))) is not None:
        return known
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _asked(header: Mapping[str, Any]) -> dict[str, str | None]:
    run = header["eval"]
    generation = run.get("model_generate_config") or _dict(header.get("plan")).get("config")
    found: dict[str, object] = {
        "task_version": run.get("task_version"),
        "task_args": run.get("task_args"),
        "dataset": _dict(run.get("dataset")).get("name"),
        **{name: _dict(generation).get(name) for name in _GENERATION},
    }
    steps = _dict(header.get("plan")).get("steps")
    found["solvers"] = [_dict(step).get("solver") for step in steps or ()]
    for score in _dict(header.get("results")).get("scores") or ():
        found[f"scorer {_dict(score).get('name')}"] = _dict(score).get("params")
    return {
        name: None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for name, value in found.items()
    }


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(sample: Mapping[str, Any]) -> Text:
    """Return the last message of the input, the completion, and the scorers' explanations."""
    attached = _dict(sample.get("attachments"))
    asked = sample.get("input")
    if isinstance(asked, list) and asked:
        asked = _dict(asked[-1]).get("content")
    output = _dict(sample.get("output"))
    answer = output.get("completion")
    choices = output.get("choices")
    if not answer and isinstance(choices, list) and choices:
        answer = _dict(_dict(choices[0]).get("message")).get("content")
    said = [
        _plain(_dict(score).get("explanation"), attached)
        for score in _dict(sample.get("scores")).values()
    ]
    return Text(_plain(asked, attached), _plain(answer, attached), "\n\n".join(filter(None, said)))


def _plain(content: object, attached: Mapping[str, Any]) -> str | None:
    """Return a message's text: its parts of text joined, what is attached in its place."""
    if isinstance(content, list):
        parts = [_plain(_dict(part).get("text"), attached) for part in content]
        return "\n".join(part for part in parts if part)
    if not isinstance(content, str):
        return None
    found = attached.get(content.removeprefix("attachment://"), content)
    return found if isinstance(found, str) else content
