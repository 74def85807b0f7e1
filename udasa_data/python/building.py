"""``udasa_data.build(...)`` and ``merge``: the commands of these names as functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from udasa_data import pipeline
from udasa_data.config import BuildConfig
from udasa_data.errors import UserError
from udasa_data.pipeline import BuildResult, Executor, Start
from udasa_data.progress import Progress
from udasa_data.python.given_rows import Rows, as_lines, forget_rows, keep_rows, place_of_rows
from udasa_data.runs import Origin
from udasa_data.scoring import GivenAnswers
from udasa_data.terminal import Shown, python_words, watched

_DEFAULT: Final = "tiny"
_OF_SAMPLING: Final = ("samples", "temperature", "top_p", "max_tokens")
_OF_SERVER: Final = ("base_url", "max_cost")


def build(
    model: str | BuildConfig | None = None,
    out: str | Path | None = None,
    progress: Shown = None,
    executor: Executor | None = None,
    origin: Origin | GivenAnswers | None = None,
    *,
    prompts: Rows = None,
    answers: Rows = None,
    from_: str | Path | None = None,
    config: str | Path | Mapping[str, Any] | None = None,
    scorers: str | None = None,
    **options: Any,
) -> BuildResult:
    """Build a staged preference dataset, as ``udasa-data build`` does.

    May be stopped at any moment: the same call resumes where it was, with the same result.

    Args:
        model: preset, Hub id or local folder; or a whole configuration, beside which nothing but
            the arguments of this line and the next four is read.
        out: the run directory, a path or an address; by default ``runs/MODEL``.
        progress: None draws it (bars in a notebook or a terminal, lines elsewhere), False does not;
            or an object with the methods of :class:`udasa_data.progress.Progress`.
        executor: where samples and scores are made; None is this process.
        origin: what to start from, opened already.
        prompts: the name of a source, as ``--prompts`` takes it; or the prompts themselves: a list
            of texts, of mappings or of lists of messages, a DataFrame (polars, pandas), a Dataset.
        answers: answers that are there already, likewise, with their prompts; nothing is sampled.
        from_: a run or dataset to start from: its samples, and its scores where they still hold.
        config: a YAML file, or what would stand in one; the arguments win over it.
        scorers: a scorer set of ``udasa-data models``.
        options: ``samples``, ``temperature``, ``top_p``, ``max_tokens``, ``base_url``,
            ``max_cost``, and every key at the top of a configuration, as ``limit``, ``seed``,
            ``system_prompt``, ``engine``, ``batch_tokens``, ``pairing={"noise_z": 0}``.

    Raises:
        UserError: something the user can put right; the directory is left whole.
    """
    with python_words("build"), watched(progress) as shown:
        if isinstance(model, BuildConfig):
            if out is None:
                raise UserError("a configuration needs --out, the run directory")
            return pipeline.build(model, out, shown, executor, origin)
        flags = nested(options)
        file = Path(config) if isinstance(config, str) else config
        others = (scorers, file, None if out is None else str(out))
        with _started(model, prompts, answers, from_, flags, others) as start:
            return _build(start, shown, executor)


def merge(places: Sequence[str | Path], out: str | Path, progress: Shown = None) -> BuildResult:
    """Join finished runs of different prompts or rounds: calibrated, paired and staged together.

    Raises:
        UserError: other scorers or scoring options, or prompts in two runs of one policy.
    """
    with python_words("merge"), watched(progress) as shown:
        return pipeline.merge([str(place) for place in places], str(out), shown)


def nested(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments nested like the configuration; None is not given.

    What is no key of a configuration is refused where the configuration is made.
    """
    flags: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in options.items()
        if value is not None
    }
    for section, names in (("sampling", _OF_SAMPLING), ("server", _OF_SERVER)):
        if found := {name: flags.pop(name) for name in names if name in flags}:
            flags[section] = {**flags.get(section, {}), **found}
    return flags


def _build(start: Start, shown: Progress, executor: Executor | None) -> BuildResult:
    return pipeline.build(start.config, start.out, shown, executor, start.origin)


@contextmanager
def _started(
    model: str | None,
    prompts: Rows,
    answers: Rows,
    from_: str | Path | None,
    flags: dict[str, Any],
    others: tuple[str | None, pipeline.Given, str | None],
) -> Iterator[Start]:
    """Yield what the build starts from; rows are written down, and taken back if it never began."""
    if isinstance(prompts, str | Path):
        flags["prompts"], prompts = [str(prompts)], None
    if answers is not None:
        pipeline.refuse_beside_answers(flags, *["--prompts"] * (prompts is not None))
        with _kept(answers, "answers", others[2]) as place:
            yield pipeline.start_answered(place, model, flags, *others)
        return
    if from_ is not None:
        changed = {**flags, **({"model": model} if model else {})}
        if prompts is not None:
            raise UserError("--from takes the prompts of its samples; leave out --prompts")
        yield pipeline.start_from(str(from_), changed, *others)
        return
    chosen = _DEFAULT if model is None and others[1] is None else model
    start = pipeline.start_sampled(chosen, flags, *others)
    if prompts is None:
        yield start
        return
    with _kept(prompts, "prompts", start.out) as place:
        yield start._replace(config=replace(start.config, prompts=(place,)))


@contextmanager
def _kept(rows: Rows, what: str, out: str | None) -> Iterator[str]:
    """Yield the place of rows as a source: itself where it is one, else a file of the run."""
    if isinstance(rows, str | Path):
        yield str(rows)
        return
    if out is None:
        raise UserError(f"{what} given as rows need --out, the run directory that keeps them")
    is_new = keep_rows(out, as_lines(rows, what), what)
    try:
        yield place_of_rows(out)
    finally:
        if is_new:
            forget_rows(out)
