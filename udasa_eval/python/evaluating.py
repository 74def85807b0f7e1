"""``udasa_eval.run(...)`` and ``score``: the commands of these names as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from udasa_data.config import convert
from udasa_data.errors import UserError
from udasa_data.terminal import Shown, python_words, watched
from udasa_eval import running
from udasa_eval.python.evaluations import Evaluation
from udasa_eval.running import RunOptions, axes_of, default_folder, tasks_of

# one name, several with commas, or a list of them
Names: TypeAlias = str | Sequence[str] | None
# sets of judges.yaml, YAML files, or what would stand in one: judges by role
Judges: TypeAlias = str | Path | Sequence[str | Path] | Mapping[str, Any] | None


def run(
    model: str | Path | RunOptions,
    out: str | Path | None = None,
    progress: Shown = None,
    *,
    suite: str | Path = "quick",
    axes: Names = None,
    tasks: Names = None,
    limit: int | None = None,
    judges: Judges = None,
    baseline: str | Path | None = None,
    reference: str | Path | None = None,
    data_dir: str | Path | None = None,
    engine: str = "auto",
    config: str | Path | Mapping[str, Any] | None = None,
    thoughts: int = 0,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a model, as ``udasa-eval run`` does.

    May be stopped at any moment: the same call resumes where it was, with the same result.

    Args:
        model: preset, Hub id or local folder; or all options at once, beside which nothing but
            ``out`` and ``progress`` is read.
        out: the results folder; by default ``runs/eval-MODEL-SUITE``.
        progress: None draws it (bars in a notebook or a terminal, lines elsewhere), False does not;
            or an object with the methods of :class:`udasa_data.progress.Progress`.
        suite: quick, full, gated, tiny, or a YAML file of your own.
        axes: only these of the four: a list, or names with commas.
        tasks: only these of the suite, likewise.
        limit: prompts of a task at most; None: as many as the suite has.
        judges: sets of ``judges.yaml``, YAML files, or a mapping of roles to judges; what they
            leave out is the suite's own.
        baseline: a results folder, or a generator of AlpacaEval, that win rates are against.
        reference: the model that KL and perplexity are measured against.
        data_dir: folder of datasets; None reads the Hub.
        engine: what draws the answers: auto, transformers, vllm, openai.
        config: a YAML file as for ``udasa_data.build``, or what would stand in one: what the
            engine needs, as ``{"server": {"base_url": …}}``.
        thoughts: tokens that the model may think, on top of each task's budget.
        seed: of sampling.

    Raises:
        UserError: something the user can put right; what was generated stays.
    """
    with python_words("run"), watched(progress, "documents") as shown:
        if isinstance(model, RunOptions):
            options = model
        else:
            given = {
                "model": _text(model),
                "suite": _text(suite),
                "axes": axes_of(_listed(axes, "axes")),
                "tasks": tasks_of(_listed(tasks, "tasks")),
                "limit": limit,
                "judges": _judges(judges),
                "baseline": _text(baseline),
                "reference": _text(reference),
                "data_dir": _text(data_dir),
                "engine": engine,
                "config": _text(config),
                "thoughts": thoughts,
                "seed": seed,
            }
            options = convert(given, RunOptions, "run()")
        folder = default_folder(options.model, options.suite) if out is None else Path(out)
        running.run(options, folder, shown, shown.say)
        return Evaluation(folder)


def score(
    run: str | Path | Evaluation,
    *,
    judges: Judges = None,
    reference: str | Path | None = None,
    progress: Shown = None,
) -> Evaluation:
    """Score a run's stored answers anew, as ``udasa-eval score`` does; nothing is generated.

    Args:
        run: a results folder, or what :func:`run` gave.
        judges: see :func:`run`; None keeps the run's.
        reference: another reference model; None keeps the run's.
        progress: see :func:`run`.

    Raises:
        UserError: no finished first pass, or a judge cannot be had.
    """
    with python_words("score"), watched(progress, "documents") as shown:
        folder = Path(run.out if isinstance(run, Evaluation) else run)
        running.score(
            folder,
            judges=_judges(judges),
            reference=None if reference is None else str(reference),
            progress=shown,
            tell=shown.say,
        )
        return Evaluation(folder)


def _text(value: object) -> object:
    """Return a path as its text; anything else is looked at where the options are made."""
    return str(value) if isinstance(value, Path) else value


def _judges(judges: Judges) -> str | dict[str, Any] | None:
    if isinstance(judges, Mapping):
        return dict(judges)
    return _listed(judges, "judges")


def _listed(names: object, what: str) -> str | None:
    """Return names with commas, as the command line has them.

    Raises:
        UserError: neither a name nor a list of names.
    """
    if names is None or isinstance(names, str | Path):
        return None if names is None else str(names)
    if not isinstance(names, Sequence) or not all(isinstance(name, str | Path) for name in names):
        raise UserError(f"{what}: give a name, or a list of names")
    return ",".join(map(str, names))
