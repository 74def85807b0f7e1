"""Every command on terminals that lack characters, are full, closed or narrow; and signals."""

import fcntl
import os
import random
import shutil
import signal
import struct
import termios
import time
from contextlib import closing, suppress
from typing import NamedTuple

import polars as pl
import pytest
from faults.campaign import number, told
from faults.jobs import Job

SIGNALS = number("UDASA_SIGNALS", 8)
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
# writes the clipboard, retitles the window, turns text round, and is no ASCII
EVIL = "Δ → é \x1b]52;c;aGk=\x07\x1b]0;mine\x07\x1b[2J\u202e\x9b31m"
ACTING = ("\x1b]52", "\x1b]0;", "\x1b[2J", "\u202e", "\x9b")
ENCODINGS = ("ascii", "latin-1", "cp1252")
NARROW = 20  # columns


class Command(NamedTuple):
    """A command whose output is looked at, and what it needs."""

    words: tuple
    starts: dict


@pytest.fixture(scope="module")
def commands(ground):
    """Name → a command that prints what models and files wrote."""
    _spoil(ground)
    run = {"source": "evil", "other": ground.other}
    out = {"out": "evil-eval"}
    policy = str(ground.models["policy"])
    chats = '{"messages": [{"role": "user", "content": "a"}]}\n'
    (ground.root / "chats.jsonl").write_text(chats)
    return {
        "show": Command(("udasa-data", "show", "source"), run),
        "report": Command(("udasa-data", "report", "source"), run),
        "verify": Command(("udasa-data", "verify", "source"), run),
        "diff": Command(("udasa-data", "diff", "source", "other"), run),
        "merge": Command(("udasa-data", "merge", "source", "other", "--out", "out"), run),
        "from": Command(("udasa-data", "build", "--from", "source", "--out", "out"), run),
        "files": Command(("udasa-data", "push", "source", "org/evil", "--dry-run"), run),
        "plan": Command((*ground.build_command, "--prompts", "evil.jsonl", "--out", EVIL), {}),
        "models": Command(("udasa-data", "models"), {}),
        "compare": Command(("udasa-eval", "compare", "out", "out"), out),
        "leaderboard": Command(("udasa-eval", "leaderboard", "out", "--out", "board"), out),
        "train": Command(("udasa-train", "dpo", "--model", EVIL, "--data", "x"), {}),
        "sft": Command(
            ("udasa-train", "sft", "--model", policy, "--data", "chats.jsonl", "--out", "out"),
            {"chats.jsonl": "chats.jsonl"},
        ),
    }


def _spoil(ground):
    """Make a run and an evaluation whose texts act on a terminal."""
    rows = [
        {"prompt": f"{EVIL} {word}", "axis": "helpfulness", "mode": "completion"}
        for word in "abcdef"
    ]
    text = "".join(f"{row}\n" for row in pl.DataFrame(rows).write_ndjson().splitlines())
    (ground.root / "evil.jsonl").write_text(text)
    prompts = str(ground.root / "evil.jsonl")
    if not (ground.root / "evil").is_dir():
        ground.made((*ground.build_command, "--prompts", prompts, "--out", "evil"))
        evaluation = ground.evaluation().command
        axes = ("--axes", "harmlessness", "--out", "evil-eval")
        ground.made((*evaluation[:-4], *axes))


def laid_out(ground, command, work):
    if work.exists():
        shutil.rmtree(work)
    ground.lay_out(Job("any", command.words, command.starts, ()), work)
    return command.words


NAMES = (
    *("show", "report", "verify", "diff", "merge", "from", "files", "plan", "models"),
    *("compare", "leaderboard", "train", "sft"),
)


@pytest.mark.parametrize("name", NAMES)
def test_no_command_minds_its_terminal(ground, commands, name, tmp_path):
    """With less than all characters, full, gone, or narrow: the same status, and no traceback."""
    command = commands[name]
    process, out, err = ground.run(laid_out(ground, command, tmp_path / "work"), tmp_path / "work")
    status = process.returncode
    assert status in {0, 1}, err
    assert_calm(out, err)
    for encoding in ENCODINGS:
        words = laid_out(ground, command, tmp_path / "work")
        process, out, err = ground.run(words, tmp_path / "work", encoding=encoding)
        assert process.returncode == status, (encoding, err)
        assert_calm(out, err)
    prints = bool(out)
    assert_full(ground, command, tmp_path / "work", 1 if prints else status)
    assert_closed(ground, command, tmp_path / "work", {141, status} if prints else {status})
    assert_narrow(ground, command, tmp_path / "work", status)


def assert_calm(out, err):
    assert "Traceback" not in out + err, err
    for acting in ACTING:
        assert acting not in out + err


def assert_full(ground, command, work, status):
    words = laid_out(ground, command, work)
    process = ground.begin(words, work, out="/dev/full")
    _, err = process.communicate()
    assert process.returncode == status, err
    assert_calm("", err)


def assert_closed(ground, command, work, statuses):
    words = laid_out(ground, command, work)
    pipe = work / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    process = ground.begin(words, work, out=str(pipe))
    time.sleep(0.05)  # until it is opened
    os.close(reader)
    with suppress(OSError):  # where it was not yet: it must not wait for a reader for ever
        os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
    _, err = process.communicate()
    assert process.returncode in statuses, err
    assert_calm("", err)


def assert_narrow(ground, command, work, status):
    words = laid_out(ground, command, work)
    with closing(Terminal()) as terminal:
        process = ground.begin(words, work, out=terminal.name, more={"TERM": "xterm"})
        said = terminal.read_until(process)
    _, err = process.communicate()
    assert process.returncode == status, err
    assert_calm(said, err)


class Terminal:
    """A narrow one."""

    def __init__(self):
        self._ours, self._theirs = os.openpty()
        self.name = os.ttyname(self._theirs)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, NARROW, 0, 0))
        os.set_blocking(self._ours, False)

    def read_until(self, process):
        said = b""
        while process.poll() is None:
            said += self._read()
            time.sleep(0.005)
        return (said + self._read()).decode(errors="replace")

    def _read(self):
        with suppress(BlockingIOError):
            return os.read(self._ours, 1 << 16)
        return b""

    def close(self):
        os.close(self._ours)
        os.close(self._theirs)


def test_a_signal_ends_any_command_with_one_line(ground, commands, tmp_path):
    """At random moments of every command, also while it starts."""
    draw = random.Random(0)
    sent = 0
    for n in range(SIGNALS):
        name = NAMES[n % len(NAMES)]
        words = laid_out(ground, commands[name], tmp_path / "work")
        signal_number = draw.choice(list(STATUS))
        delay = draw.uniform(0.02, 1.0)
        process = ground.begin(words, tmp_path / "work", watched=str(tmp_path / "watched"))
        deadline = time.monotonic() + 60
        while not (tmp_path / "watched").exists() and time.monotonic() < deadline:
            time.sleep(0.002)  # before it watches for signals, one just ends it, as it should
        (tmp_path / "watched").unlink()
        time.sleep(delay)
        process.send_signal(signal_number)
        out, err = process.communicate()
        assert_calm(out, err)
        if process.returncode in {0, 1}:  # it had ended before
            continue
        sent += 1
        assert process.returncode == STATUS[signal_number], (name, delay, err)
        said = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert len(said) == 1, (name, delay, err)
        assert said[0].startswith("interrupted"), (name, delay, err)
    told(f"signals: {sent} of {SIGNALS} came in time")
