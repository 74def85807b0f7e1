import json
import subprocess
import sys

import numpy as np
import pytest

from udasa_eval import compare, mean_interval


def test_interval_of_a_known_mean():
    scores = np.array([0.0, 1.0] * 50)
    interval = mean_interval(scores)
    # se = .5/√100 = .05: the interval is about .5 ± 1.96·.05
    assert interval.mean == 0.5
    assert interval.low == pytest.approx(0.402, abs=0.011)
    assert interval.high == pytest.approx(0.598, abs=0.011)
    assert (interval.n, interval.unscored) == (100, 0)


def test_unscored_is_not_zero():
    interval = mean_interval(np.array([1.0, np.nan, 1.0]))
    assert (interval.mean, interval.n, interval.unscored) == (1.0, 2, 1)
    with pytest.raises(ValueError, match="no item"):
        mean_interval(np.array([np.nan]))


def test_paired_comparison():
    rng = np.random.default_rng(0)
    b = rng.normal(size=200)
    better = compare(b + 0.1, b)
    assert better.difference.mean == pytest.approx(0.1)
    assert better.wins == 200
    # no random pattern of 200 signs is all plus or all minus: the least that 10,000 can say
    assert better.p_value == pytest.approx(1 / 10001)
    same = compare(b, b)
    assert (same.ties, same.p_value) == (200, 1.0)
    with pytest.raises(ValueError, match="same items"):
        compare(b, b[:3])


def run(*arguments):
    command = [
        sys.executable,
        "-c",
        "from udasa_eval.cli import main; main()",
        *map(str, arguments),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_line(tmp_path):
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    rows = [{"id": n, "score": n % 2} for n in range(20)]
    a.write_text("\n".join(json.dumps(row) for row in rows))
    b.write_text("\n".join(json.dumps({**row, "score": 0}) for row in rows[:-1]))
    done = run("compare", a, b)
    assert done.returncode == 0, done.stderr
    assert "a wins      9, loses 0, ties 10" in done.stdout
    assert "1 in one file only" in done.stdout
    b.write_text('{"id": 1}')
    failed = run("compare", a, b)
    assert failed.returncode == 1
    assert "line 1: needs 'id' and a number 'score'" in failed.stderr
    assert run("compare", a, tmp_path / "none").returncode == 1
