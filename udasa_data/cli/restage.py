"""The flags of ``build`` that start from what is there, and that pair and stage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from udasa_data.cli.options import given

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
    typer.Option(help="Which answer is rejected; max: the most uncertain. [auto]"),
]
NoiseOption = Annotated[
    float | None,
    typer.Option("--z", min=0, help="Leave out pairs whose gap is below z times its noise."),
]
CutoffsOption = Annotated[
    str | None, typer.Option(help="Stages by P(chosen better): LOW,HIGH, or tertiles. [tertiles]")
]
ReviewOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="People's verdicts on the pairs, exported from the page of a run."
    ),
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


def _two_numbers(text: str) -> list[float]:
    from udasa_data.errors import UserError

    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--cutoffs {text}: reads LOW,HIGH, as 0.6,0.8, or tertiles") from error
    return [low, high]
