"""Where there is no terminal, a line says now and then where a step is."""

import re
import time

from udasa_data.terminal import Bars


def said(capsys, wanted, seconds=10.0):
    """Wait until so many lines are printed; return them."""
    lines, until = [], time.monotonic() + seconds
    while len(lines) < wanted and time.monotonic() < until:
        lines += capsys.readouterr().err.splitlines()
        time.sleep(0.01)
    return lines


def test_lines_in_place_of_a_bar(capsys):
    with Bars(every=0.05) as bars:
        bars.start("samples", 200, 40)
        assert said(capsys, 1)[0] == "samples: 40 of 200 prompts"
        bars.advance(13)
        bars.tell("cost 0.2 of ~1.5")
        time.sleep(0.1)
        line = said(capsys, 2)[-1]
        assert line.startswith("samples: 53 of 200 prompts, ")
        assert re.search(r"[\d.]+ prompts/s, \d+ s left, cost 0.2 of ~1.5$", line)
        bars.finish()
        time.sleep(0.1)
        capsys.readouterr()
        time.sleep(0.2)
    assert capsys.readouterr().err == ""  # of what has ended nothing is said


def test_what_is_quick_says_nothing(capsys):
    with Bars() as bars:
        bars.start("samples", 3, 0)
        bars.advance(3, 40)
        bars.finish()
    assert capsys.readouterr().err == ""


def test_slow_rates_are_no_zero(capsys):
    with Bars(every=0.05) as bars:
        bars.start("samples", 200, 0)
        time.sleep(0.3)
        bars.advance(0.001)
        time.sleep(0.1)
        assert " prompts/min, " in said(capsys, 1)[-1]
