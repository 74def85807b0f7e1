"""What makes a number one to read with care: a mark, on a run, a column or a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from udasa_data.config import Strict
from udasa_eval.leaderboard.winners import ColumnKey
from udasa_eval.results import JudgeRecord, Results, Run, judges_of_metric

MarkKind: TypeAlias = Literal["leak", "contamination", "differs", "toy", "own"]

SIGNS: Final[Mapping[MarkKind, str]] = {
    "leak": "†",
    "contamination": "‡",
    "differs": "≠",
    "toy": "§",
    "own": "¶",
}
MEANINGS: Final[Mapping[MarkKind, str]] = {
    "leak": "a judge of this run also scored what the model was trained on",
    "contamination": "prompts of the task are among the model's training prompts",
    "differs": "judges, versions or settings differ within the column",
    "toy": "a small embedded judge, there for tests: no measure of a model",
    "own": "not comparable with published numbers: another scorer, prompt or selection",
}
_TOY: Final = "embedded-judge:"  # how the ids of the embedded judges begin
_VERSIONS: Final = frozenset({"suite", "lm-eval", "udasa"})  # marked, and compared nevertheless


class Mark(Strict, frozen=True):
    """A reason to read a number with care."""

    kind: MarkKind
    text: str

    @property
    def sign(self) -> str:
        """Return the one character it is shown as."""
        return SIGNS[self.kind]


def column_marks(runs: Sequence[Run], task: str, metric: str) -> Iterable[Mark]:
    """Yield what is not the same in all runs of a column, with who has what."""
    settings: dict[str, dict[str, str | None]] = {}
    for run in runs:
        for name, value in _settings(run, task, metric).items():
            settings.setdefault(name, {})[run.label] = value
    for name, by_run in settings.items():
        counts = Counter(by_run.values())
        if len(counts) > 1:
            usual = counts.most_common(1)[0][0]
            others = [
                f"{value or 'none'} ({label})" for label, value in by_run.items() if value != usual
            ]
            text = f"{name}: {usual or 'none'}, but {', '.join(others)}"
            yield Mark(kind="differs", text=text)
    toys = {j.id: j.role for run in runs for j in _judges(run, metric, task) if _TOY in j.id}
    if toys:
        said = ", and of ".join(f"{role} is {judge}" for judge, role in toys.items())
        yield Mark(kind="toy", text=f"its judge of {said}")
    own = [run.label for run in runs if (m := run.metric(task, metric)) and not m.comparable_with]
    if own and not toys:
        yield Mark(kind="own", text=f"made in a way of its own: {', '.join(own)}")


def _judges(run: Run, metric: str, task: str) -> list[JudgeRecord]:
    """Return the judges that a metric of a task rests on."""
    record = run.task(task)
    if record is None or record.mode == "loglikelihood":
        return []
    roles = judges_of_metric(metric)
    return [judge for judge in run.results.judges if roles is None or judge.role in roles]


def alike(a: Run, b: Run, key: ColumnKey) -> bool:
    """Return whether two runs' numbers in a column may be compared."""
    left, right = (
        {name: value for name, value in _settings(run, *key).items() if name not in _VERSIONS}
        for run in (a, b)
    )
    return left == right


def _settings(run: Run, task: str, metric: str) -> dict[str, str | None]:
    results, record = run.results, run.task(task)
    assert record is not None
    found: dict[str, str | None] = {
        "suite": results.suite,
        "what is asked": record.fingerprint[:12],
        "lm-eval": results.lm_eval_version,
        "udasa": results.versions.get("udasa"),
    }
    if record.decoding is not None:
        decoding = msgspec.structs.asdict(record.decoding)
        found |= {f"decoding {name}": str(v) for name, v in decoding.items() if name != "seed"}
    found |= {
        f"judge of {judge.role}": f"{judge.id} {judge.fingerprint[:19]}"
        for judge in _judges(run, metric, task)
    }
    if "win" in metric:
        found["baseline"] = results.baseline
    return found


def run_marks(results: Results) -> Iterable[Mark]:
    """Yield scorer leaks: by the judges' own record, and by what scored the training data."""
    trained_by = {
        scorer.get("fingerprint")
        for source in results.training_data
        for scorer in _dicts(source.get("scorers"))
    }
    leaking: dict[str, list[str]] = {}
    for judge in results.judges:
        if judge.built_training_data or trained_by & {judge.fingerprint, *judge.weights}:
            leaking.setdefault(judge.id, []).append(judge.role)
    for model, roles in leaking.items():
        text = f"its judge of {', '.join(roles)}, {model}, also scored its training data"
        yield Mark(kind="leak", text=text)


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
