"""`udasa-eval compare` of two files of scores, a JSON object a line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.prompts import decoded, lines_of
from udasa_data.storage import parse_row
from udasa_data.terminal import echo, print_json
from udasa_eval.logs import Ids, kinds_note
from udasa_eval.stats import compare


class _Scores(NamedTuple):
    """The scores of a file by the text of their id; NaN is unscored."""

    values: dict[str, float]
    kinds: frozenset[str]  # of ids: number, text
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
    return notes + kinds_note(key, a, b, left.kinds, right.kinds)


def _read(path: Path, key: str, score: str) -> _Scores:
    try:
        lines = lines_of(decoded(path, read_bytes(path)))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if not lines[-1]:
        lines.pop()
    scores: dict[str, float] = {}
    ids = Ids(path, key)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_row(line)
            item, value = row[key], row[score]
            scored = float("nan") if value is None else _number(value)
            scores[ids.add(item, f"line {number}")] = scored
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise UserError(
                f"{path}, line {number}: needs '{key}' and a number '{score}'"
            ) from error
    return _Scores(scores, frozenset(ids.kinds), sum(not line.strip() for line in lines))


def _number(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else math.inf
    if math.isinf(number):  # 1e999, too; NaN is unscored
        raise ValueError("no finite number")
    return number
