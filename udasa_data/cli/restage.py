"""The flags of ``build`` that start from what is there, and that pair and stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from udasa_data.cli.options import given

if TYPE_CHECKING:
    from udasa_data.config import BuildConfig
    from udasa_data.runs import Origin
    from udasa_data.scoring import GivenAnswers

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Start from the samples of a run, or of a dataset ORG/NAME[@REVISION], and from its "
        "scores where no option changes them.",
    ),
]
AnswersOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE[#COLUMN,…]",
        help="Take answers that are there instead of a policy's, from any place that --prompts "
        "takes; --model then says who answered.",
    ),
]
NliOption = Annotated[str | None, typer.Option(help="The NLI model: Hub id or local folder.")]
RejectedOption = Annotated[
    Literal["auto", "max", "mu_2_sigma", "median", "random"] | None,
    typer.Option(help="Which answer is rejected."),
]
NoiseOption = Annotated[
    float | None,
    typer.Option("--z", min=0, help="Leave out pairs whose gap is below z times its noise."),
]
CutoffsOption = Annotated[
    str | None, typer.Option(help="Stages by gap, LOW,HIGH, or tertiles. [tertiles]")
]


def overrides(
    nli: str | None, rejected: str | None, z: float | None, cutoffs: str | None
) -> dict[str, Any]:
    """Return the flags that were given, nested like the configuration.

    Raises:
        UserError: cut-offs that are no two numbers.
    """
    pairing = given(rejected=rejected, noise_z=z)
    flags: dict[str, Any] = given(pairing=pairing or None)
    if cutoffs is not None:
        flags["stages"] = {"cutoffs": None if cutoffs == "tertiles" else _two_numbers(cutoffs)}
    if nli is not None:
        flags["nli"] = {"id": nli, "revision": "main", "labels": [], "languages": []}
    return flags


def start_from(
    place: str,
    flags: dict[str, Any],
    scorers: str | None,
    file: Path | None,
    out: str | None,
    rank: int | None,
) -> tuple[Origin, BuildConfig, str]:
    """Return what a build starts from, its configuration with the flags laid over, and its place.

    Raises:
        UserError: no such dataset, a wrong option, ``--rank``, or no ``--out``.
    """
    from udasa_data.config import change
    from udasa_data.errors import UserError
    from udasa_data.runs import open_finished, origin_of

    if rank is not None:
        raise UserError("--from and --rank: ranks share out sampling, and --from never samples")
    if out is None:
        raise UserError("--from needs --out: the source stays as it is")
    origin = origin_of(open_finished(place))
    return origin, change(origin.manifest.config, flags, scorers=scorers, file=file), out


# of the flags that concern sampling, the names a user knows them by
_OF_SAMPLING: Final = {
    "prompts": "--prompts",
    "limit": "--limit",
    "engine": "--engine",
    "sampling": "--samples, --temperature and --max-tokens",
    "server": "--base-url and --max-cost",
}


def refuse_beside_answers(flags: dict[str, Any], from_: str | None, rank: int | None) -> None:
    """Refuse what says how to sample beside ``--answers``.

    Raises:
        UserError: names it.
    """
    from udasa_data.errors import UserError

    found = [option for name, option in _OF_SAMPLING.items() if name in flags]
    found += ["--from"] if from_ is not None else []
    found += ["--rank"] if rank is not None else []
    if found:
        raise UserError(f"--answers samples nothing: leave out {', '.join(found)}")


def start_answered(
    answers: str,
    model: str | None,
    flags: dict[str, Any],
    scorers: str | None,
    config: Path | None,
    out: str | None,
) -> tuple[GivenAnswers, BuildConfig, str]:
    """Return the answers of a file, the configuration of a build of them, and its place.

    Raises:
        UserError: the file holds no answers, or a wrong option.
    """
    from udasa_data.config import resolve
    from udasa_data.prompts import parse_answers
    from udasa_data.scoring import read_answers

    source, columns = parse_answers(answers)
    resolved = resolve(
        model, flags, scorers=scorers, file=config, default=source.stem, answers=answers
    )
    needed = resolved.scoring.semantic == "cocoa"
    read = read_answers(source, need_logprobs=needed, columns=columns)
    return read, resolved, out or str(Path("runs") / source.stem)


def _two_numbers(text: str) -> list[float]:
    from udasa_data.errors import UserError

    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--cutoffs {text}: reads LOW,HIGH, as 0.6,0.8, or tertiles") from error
    return [low, high]
