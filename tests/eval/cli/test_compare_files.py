"""`udasa-eval compare` of two files of scores."""

import json
import subprocess
import sys


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
    # no line end, and what Windows writes
    b.write_text("\ufeff" + "\r\n".join(f'{{"id": "{n}\u2028", "score": 0}}' for n in range(3)))
    a.write_text('{"id": "0\u2028", "score": 1}\r{"id": "1\u2028", "score": 1}\r')
    lines = run("compare", a, b)
    assert lines.returncode == 0, lines.stderr
    assert "a wins      2, loses 0" in lines.stdout
    b.write_text('{"id": 1}')
    failed = run("compare", a, b)
    assert failed.returncode == 1
    assert "line 1: needs 'id' and a number 'score'" in failed.stderr
    assert run("compare", a, tmp_path / "none").returncode == 1


def test_ids_that_stand_twice_and_lines_without_anything(tmp_path):
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    a.write_text('{"id": 1, "score": 1}\n\n{"id": 2, "score": 0}\n{"id": 3, "score": 1}\n')
    b.write_text('{"id": "1", "score": 0}\n{"id": "2", "score": 0}\n')
    done = run("compare", a, b)
    assert done.returncode == 0, done.stderr
    assert "a wins      1, loses 0, ties 1" in done.stdout
    assert f"note: {a}: 1 blank lines are left out" in done.stdout
    assert "'id' is a number in" in done.stdout
    b.write_text('{"id": 1, "score": 0}\n{"id": "1", "score": 1}\n')
    twice = run("compare", a, b)
    assert twice.returncode == 1
    assert twice.stderr == (
        f'error: {b}, line 2: id "1" stands in line 1, too, as 1; one score an item is compared\n'
    )


def test_files_of_the_same_scores(tmp_path):
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for path in (a, b):
        path.write_text("".join(f'{{"id": {n}, "score": {n / 7}}}\n' for n in range(5)))
    done = run("compare", a, b)
    assert "no interval  n = 5" in done.stdout
    assert "p           1.0000  (none)" in done.stdout
