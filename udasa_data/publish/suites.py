"""Evaluation prompts, as far as they are here, compared with the prompts of a dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.config import is_there
from udasa_data.errors import UserError
from udasa_data.prompts import N_WORDS, NoPrompt, overlap, parse_source, read_rows, turns_of

# suite → where its prompts lie in a folder of evaluation data ($UDASA_DATA_DIR), if they do
SUITES: Final = {
    "TruthfulQA": "truthfulqa/truthfulqa.parquet#question",
    "XSTest": "xstest/prompts.parquet#prompt",
    "AlpacaEval": "alpaca_eval/instructions.parquet#instruction",
    "HH-RLHF test": "hh_rlhf/hh_rlhf.parquet#chosen",
    "MT-Bench": "mt_bench/questions.parquet#turns",
    "Do-Not-Answer": "do_not_answer/questions.parquet#question",
    "RealToxicityPrompts": "real_toxicity_prompts/sample5k.parquet#prompt",
}


class Overlap(NamedTuple):
    """How many prompts of the dataset overlap with a suite's."""

    suite: str
    suite_prompts: int
    found: int


class Contamination(NamedTuple):
    """Which suites the prompts were compared with, and which not."""

    checked: tuple[Overlap, ...]
    not_checked: tuple[str, ...]
    n_words: int = N_WORDS


NOTHING_CHECKED: Final = Contamination((), tuple(SUITES))


def contamination(prompts: Sequence[str], against: Sequence[str]) -> Contamination:
    """Compare prompts with the suites in ``$UDASA_DATA_DIR`` and with further files.

    Args:
        prompts: the last user text of each.
        against: ``[NAME=]FILE[#column]``, in any form that ``--prompts`` takes.

    Raises:
        UserError: a named file cannot be read.
    """
    sources = {**_known(), **dict(map(_named, against))}
    checked = []
    for suite, place in sources.items():
        texts = _texts(place)
        found = sum(hit is not None for hit in overlap(prompts, texts))
        checked.append(Overlap(suite, len(texts), found))
    missing = tuple(suite for suite in SUITES if suite not in sources)
    return Contamination(tuple(checked), missing)


def _known() -> dict[str, str]:
    folder = os.environ.get("UDASA_DATA_DIR")
    if not folder:
        return {}
    places = {suite: f"{folder}/{place}" for suite, place in SUITES.items()}
    return {suite: p for suite, p in places.items() if Path(p.split("#")[0]).is_file()}


def _named(given: str) -> tuple[str, str]:
    """Return what a suite is called, and its place; a file that is there has no name before it."""
    with suppress(UserError):
        source = parse_source(given)
        if is_there(source.place) and source.axis is None:
            return source.stem, given
    name, _, place = given.partition("=")
    return (name, place) if place else (Path(given.split("#", maxsplit=1)[0]).stem, given)


def _texts(place: str) -> list[str]:
    """Return the last user text of each prompt of a source; what is no prompt is passed over."""
    source = parse_source(place)
    if not source.is_local:
        raise UserError(f"--against {place}: no such file")
    texts = []
    for row in read_rows(source).rows:
        turns = turns_of(row)
        if not isinstance(turns, NoPrompt):
            texts.append(turns[-1].content)
    return texts
