"""Numbers that others published of models on the Hub: rerun only where they can be downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.progress import Progress
from udasa_data.runs import Run
from udasa_data.schema import Axis
from udasa_eval.results import EVALUATION, VALIDATION
from udasa_eval.running import RunOptions, run
from udasa_eval.validation.outcome import Check

SUITE: Final = "published"  # of suites.yaml


class Figure(NamedTuple):
    """A published number.

    Attributes:
        model: Hub id.
        task: of lm-eval.
        value: accuracy, in [0, 1].
        tolerance: two published standard errors where one was given, else one point.
        source: where it stands.
    """

    model: str
    task: str
    value: float
    tolerance: float
    source: str


FIGURES: Final = (
    Figure("EleutherAI/pythia-160m", "truthfulqa_mc1", 0.2436, 0.030, "lm-eval, pull request 666"),
    Figure("EleutherAI/pythia-160m", "truthfulqa_mc2", 0.4444, 0.030, "lm-eval, pull request 666"),
    Figure("HuggingFaceH4/zephyr-7b-beta", "truthfulqa_mc2", 0.5745, 0.010, "its model card"),
    Figure("lmsys/vicuna-7b-v1.5", "truthfulqa_mc1", 0.3305, 0.010, "its model card"),
    Figure("lmsys/vicuna-7b-v1.5", "truthfulqa_mc2", 0.4966, 0.010, "its model card"),
)

# published, but behind a judge that is paid and drifts: shown, never rerun
UNREACHABLE: Final = (
    "AlpacaEval 2, mistralai/Mistral-7B-Instruct-v0.2: 17.11 length-controlled, 14.72 raw",
    "AlpacaEval 2, meta-llama/Meta-Llama-3-8B-Instruct: 22.92 length-controlled, 22.57 raw",
    "AlpacaEval 2, HuggingFaceH4/zephyr-7b-beta: 13.20 length-controlled, 10.99 raw",
)


def not_run() -> list[str]:
    """Return a line for each published number, for when none is rerun."""
    lines = [
        f"{f.task}, {f.model}: {f.value:.4f} ({f.source}): not run here, --network downloads it"
        for f in FIGURES
    ]
    return lines + unreachable()


def unreachable() -> list[str]:
    """Return a line for each number that no run of ours can reach."""
    return [f"{line}: not run here, its judge is a paid API" for line in UNREACHABLE]


def check_published(
    out: Path,
    figures: tuple[Figure, ...],
    progress: Progress,
    tell: Callable[[str], None],
    data_dir: Path | None = None,
) -> list[Check]:
    """Evaluate the models of published figures on the suite ``published``.

    Args:
        out: a results folder a model is made in it; finished ones are reused.
        figures: which.
        progress: where the runs report how far they are.
        tell: called with each note.
        data_dir: folder of datasets; None reads the Hub.

    Raises:
        UserError: a model or dataset cannot be had, or ``out`` holds somebody else's files.
    """
    folders = {figure.model: out / figure.model.replace("/", "-") for figure in figures}
    kept = Run(out, VALIDATION)
    kept.claim()
    for folder in folders.values():  # before the first is evaluated
        Run(folder, EVALUATION).claim()
    with kept.locked():
        return [
            check
            for model, folder in folders.items()
            for check in _check_model(model, folder, figures, progress, tell, data_dir)
        ]


def _check_model(
    model: str,
    out: Path,
    figures: tuple[Figure, ...],
    progress: Progress,
    tell: Callable[[str], None],
    data_dir: Path | None,
) -> list[Check]:
    options = RunOptions(
        model=model,
        suite=SUITE,
        axes=(Axis.TRUTHFULNESS,),
        data_dir=None if data_dir is None else str(data_dir),
    )
    results = run(options, out, progress, tell)
    metrics = {metric.task: metric for metric in results.metrics if metric.headline}
    return [
        Check(
            group="published",
            name=f"{figure.task}, {model}",
            ours=_number(metrics[figure.task].value),
            theirs=figure.value,
            tolerance=figure.tolerance,
            n=metrics[figure.task].n,
            note=figure.source,
        )
        for figure in figures
        if figure.model == model
    ]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
