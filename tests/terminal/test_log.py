"""The log of a run: what every step said, and how the work ended."""

import time

import pytest

from udasa_data.progress import Logged, Position, Silent, in_words, logged


def lines_of(file):
    return [line.partition(" ")[2] for line in file.read_text().splitlines()]


def test_a_step_is_logged_from_begin_to_end(tmp_path):
    file = tmp_path / "log.txt"
    for _ in range(2):  # a second start is written behind the first
        with logged(Silent(), file) as log:
            log.start("samples", 200, 40)
            log.advance(160, 1000)
            log.say("a note\nof two lines")
            log.finish()
    lines = lines_of(file)
    assert lines[:2] == ["samples: 40 of 200 prompts", "a note of two lines"]
    assert lines[2].startswith("samples: 200 of 200 prompts, in ")
    assert lines[3] == "ended"
    assert lines[4] == lines[0]


def test_how_it_stopped_is_the_last_line(tmp_path):
    with pytest.raises(ValueError, match="no"), logged(Silent(), tmp_path / "log.txt"):
        raise ValueError("no\nmore")
    assert lines_of(tmp_path / "log.txt") == ["stopped: no"]


def test_a_long_batch_is_logged_too(tmp_path):
    with (tmp_path / "log.txt").open("w") as file:
        log = Logged(Silent(), file, every=0.02)
        log.start("scores", 10, 0)
        log.advance(5)
        until = time.monotonic() + 10
        while len(lines_of(tmp_path / "log.txt")) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        log.close("ended")
    assert lines_of(tmp_path / "log.txt")[1].startswith("scores: 5 of 10 prompts, ")
    assert " left" in lines_of(tmp_path / "log.txt")[1]


def test_a_log_that_cannot_be_written_is_done_without(tmp_path):
    with logged(Silent(), tmp_path / "no" / "log.txt") as log:
        log.start("samples", 1, 0)
    assert not (tmp_path / "no").exists()


def test_a_link_is_not_followed_and_secrets_are_taken_out(tmp_path):
    (tmp_path / "theirs").write_text("mine")
    (tmp_path / "log.txt").symlink_to(tmp_path / "theirs")
    with logged(Silent(), tmp_path / "log.txt") as log:
        log.say("x")
    assert (tmp_path / "theirs").read_text() == "mine"
    with logged(Silent(), tmp_path / "own.txt", lambda line: line.replace("key", "[KEY]")) as log:
        log.say("a key")
    assert lines_of(tmp_path / "own.txt")[0] == "a [KEY]"


def test_what_is_left_is_by_the_rate_of_this_start():
    position = Position()
    position.start("samples", 100, 90)
    assert (position.rate, position.left) == ("", None)  # nothing done yet: no guess
    position.advance(5)
    # 5 done in s seconds, 5 left: as many seconds again
    assert position.left == pytest.approx(position.seconds, rel=0.2)
    assert [in_words(s) for s in (40, 720, 11_100)] == ["40 s", "12 min", "3 h 05 min"]
