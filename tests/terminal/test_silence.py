"""A long silence is broken where no terminal shows bars; never on standard output."""

import subprocess
import sys
import time

from udasa_data.terminal import echo
from udasa_data.terminal.interruption import note_position
from udasa_data.terminal.silence import broken_silence


def test_a_line_where_nothing_was_printed(capsys):
    note_position("samples: 3 of 9 prompts done")
    with broken_silence(every=0.2):
        time.sleep(0.5)
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert 1 <= len(lines) <= 2  # after .2 and .4 s
    assert lines[0] == "at work for 0 s; samples: 3 of 9 prompts done"


def test_what_speaks_is_not_interrupted(capsys):
    with broken_silence(every=5.0):
        for _ in range(3):
            echo("a line")
    assert capsys.readouterr().err == ""


def test_every_command_has_it():
    """The program's own run, with a shorter silence."""
    program = (
        "import time; from udasa_data.terminal import silence, run_app"
        "\nsilence.broken_silence.__wrapped__.__defaults__ = (0.2,)"
        "\nrun_app(lambda: time.sleep(0.5))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("at work for 0 s\n")
