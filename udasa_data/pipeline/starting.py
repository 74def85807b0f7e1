"""What a build starts from, by the words of a user: a policy, a file of answers, a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from msgspec.structs import replace

from udasa_data.config import BuildConfig, change, resolve
from udasa_data.errors import UserError
from udasa_data.prompts import parse_answers
from udasa_data.runs import Origin, open_finished, origin_of
from udasa_data.scoring import GivenAnswers, read_answers

Given: TypeAlias = Mapping[str, Any] | Path | None  # a configuration: its file, or what is in one


class Start(NamedTuple):
    """What a build starts from, its configuration, and its run directory.

    Attributes:
        origin: a dataset, or answers; None: the policy draws them.
        config: resolved.
        out: the run directory.
    """

    origin: Origin | GivenAnswers | None
    config: BuildConfig
    out: str


def default_out(model: str) -> str:
    """Return the directory of a run that was given none."""
    return str(Path("runs") / model.strip("./~").replace("/", "-"))


def start_sampled(
    model: str | None, flags: Mapping[str, Any], scorers: str | None, file: Given, out: str | None
) -> Start:
    """Return a build whose policy draws the answers.

    Raises:
        UserError: a wrong option.
    """
    config = resolve(model, flags, scorers=scorers, file=file)
    return Start(None, config, out or default_out(config.model))


def start_from(
    place: str, flags: Mapping[str, Any], scorers: str | None, file: Given, out: str | None
) -> Start:
    """Return a build that starts from a dataset, its configuration with the flags laid over.

    Raises:
        UserError: no such dataset, a wrong option, or no ``--out``.
    """
    if out is None:
        raise UserError("--from needs --out: the source stays as it is")
    origin = origin_of(open_finished(place))
    base = replace(origin.manifest.config, review=None)  # of its own pairs, in a file elsewhere
    return Start(origin, change(base, flags, scorers=scorers, file=file), out)


def start_answered(
    answers: str,
    model: str | None,
    flags: Mapping[str, Any],
    scorers: str | None,
    file: Given,
    out: str | None,
) -> Start:
    """Return a build from the answers of a file.

    Raises:
        UserError: the file holds no answers, or a wrong option.
    """
    source, columns = parse_answers(answers)
    config = resolve(model, flags, scorers=scorers, file=file, default=source.stem, answers=answers)
    needed = config.scoring.semantic == "cocoa"
    read = read_answers(source, need_logprobs=needed, columns=columns)
    return Start(read, config, out or str(Path("runs") / source.stem))


# of the flags that concern sampling, the names a user knows them by
_OF_SAMPLING = {
    "prompts": "--prompts",
    "limit": "--limit",
    "engine": "--engine",
    "batch_tokens": "--batch-tokens",
    "system_prompt": "--system-prompt",
    "sampling": "--samples, --temperature, --top-p and --max-tokens",
    "server": "--base-url and --max-cost",
}


def refuse_beside_answers(flags: Mapping[str, Any], *others: str) -> None:
    """Refuse what says how to sample beside ``--answers``.

    Args:
        flags: nested like the configuration.
        others: options that were given and are none of it.

    Raises:
        UserError: names it.
    """
    found = [option for name, option in _OF_SAMPLING.items() if name in flags]
    if found := [*found, *others]:
        raise UserError(f"--answers samples nothing: leave out {', '.join(found)}")
