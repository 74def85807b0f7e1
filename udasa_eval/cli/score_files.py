"""`udasa-eval compare` of two files of scores, a JSON object a line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.prompts import decoded, lines_of
from udasa_data.storage import parse_row
from udasa_data.terminal import echo, print_json
from udasa_eval.stats import compare


class _Scores(NamedTuple):
    """The scores of a file by the text of their id; NaN is unscored."""

    values: dict[str, float]
    kinds: set[str]  # of ids: number, text
    blank: int  # lines


def compare_files(a: Path, b: Path, key: str, score: str, seed: int, *, as_json: bool) -> None:
    """Compare two files on the ids that both have, and print what comes of it.

    Raises:
        UserError: a file cannot be read, has an id twice, or shares none with the other.
    """
    left, right = _read(a, key, score), _read(b, key, score)
    shared = sorted(set(left.values) & set(right.values))
    if not shared:
        raise UserError(f"{a} and {b} have no '{key}' in common")
    try:
        result = compare(
            np.array([left.values[item] for item in shared]),
            np.array([right.values[item] for item in shared]),
            seed=seed,
        )
    except ValueError as error:
        raise UserError(f"{a} and {b}: {error}") from error
    difference = result.difference
    left_out = len(set(left.values) ^ set(right.values))
    notes = _notes(a, b, left, right, key)
    if as_json:
        found = result._asdict() | {"difference": difference._asdict(), "only_in_one": left_out}
        print_json(found | {"notes": notes})
        return
    known = math.isfinite(difference.low)
    interval = f"[{difference.low:+.4f}, {difference.high:+.4f}]" if known else "no interval"
    echo(f"difference  {difference.mean:+.4f}  {interval}  n = {difference.n}")
    echo(f"p           {result.p_value:.4f}  ({result.test})")
    echo(f"a wins      {result.wins}, loses {result.losses}, ties {result.ties}")
    echo(f"detectable  {result.detectable:.4f}")
    echo(f"left out    {left_out} in one file only, {difference.unscored} unscored")
    for note in notes:
        echo(f"note: {note}")


def _notes(a: Path, b: Path, left: _Scores, right: _Scores, key: str) -> list[str]:
    notes = [
        f"{path}: {scores.blank} blank lines are left out"
        for path, scores in ((a, left), (b, right))
        if scores.blank
    ]
    if left.kinds != right.kinds:
        of_a, of_b = (" and ".join(sorted(scores.kinds)) for scores in (left, right))
        notes.append(f"'{key}' is {of_a} in {a}, {of_b} in {b}: 1 and \"1\" are taken for one")
    return notes


def _read(path: Path, key: str, score: str) -> _Scores:
    try:
        lines = lines_of(decoded(path, read_bytes(path)))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if not lines[-1]:
        lines.pop()
    scores: dict[str, float] = {}
    first: dict[str, tuple[int, str]] = {}
    kinds: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_row(line)
            item, value = _scalar(row[key]), row[score]
            name, shown = str(item), json.dumps(item, ensure_ascii=False)
            scored = float("nan") if value is None else _number(value)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise UserError(
                f"{path}, line {number}: needs '{key}' and a number '{score}'"
            ) from error
        if name in first:
            line_of, as_shown = first[name]
            raise UserError(
                f"{path}, line {number}: {key} {shown} stands in line {line_of}, too"
                f"{'' if as_shown == shown else f', as {as_shown}'}; one score an item is compared"
            )
        first[name] = number, shown
        scores[name] = scored
        kinds.add("text" if isinstance(item, str) else "a number")
    return _Scores(scores, kinds, sum(not line.strip() for line in lines))


def _scalar(value: object) -> object:
    if value is None or isinstance(value, dict | list):
        raise TypeError("no name of an item")
    return value


def _number(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else math.inf
    if math.isinf(number):  # 1e999, too; NaN is unscored
        raise ValueError("no finite number")
    return number
