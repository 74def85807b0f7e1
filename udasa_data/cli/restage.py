"""The flags of ``build`` that start from what is there, and that pair and stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from udasa_data.cli.options import given

if TYPE_CHECKING:
    from udasa_data.config import BuildConfig
    from udasa_data.runs import Origin

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Start from the samples of a run, or of a dataset ORG/NAME[@REVISION], and from its "
        "scores where no option changes them.",
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


def _two_numbers(text: str) -> list[float]:
    from udasa_data.errors import UserError

    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--cutoffs {text}: reads LOW,HIGH, as 0.2,0.5, or tertiles") from error
    return [low, high]
