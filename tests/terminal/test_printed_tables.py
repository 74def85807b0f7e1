"""Tables fit the terminal: words are folded, figures whole, and what has no room is named."""

import os
import pty
import re
import subprocess
import sys

import pytest

from udasa_data.terminal.tables import fitting

PROGRAM = """
from udasa_data.terminal import print_table
print_table(("name", "pairs", "about", "more"), [
    ("a-model/with-a-long-name", "12,345,678", "words and words and words " * 6, "x" * 30),
], right={1})
"""


def on_terminal(program, columns):
    """What a program prints on a terminal of so many columns."""
    main, other = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-c", program], stdout=other, env=env) as process:
        os.close(other)
        said = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            said += part
        process.wait(60)
    os.close(main)
    return re.sub(r"\x1b\[[\d;]*m", "", said.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [40, 80])
def test_a_table_fits(columns):
    said = on_terminal(PROGRAM, columns)
    assert max(map(len, said.splitlines())) <= columns
    assert "12,345,678" in said
    if columns == 80:
        assert "".join(said.split()).count("words") == 18  # nothing is cut
        assert "not shown" not in said
    else:
        assert "not shown, for want of width: about, more" in " ".join(said.split())


def test_what_fits():
    header, rows = ("a", "b", "c"), [("x" * 30, "1,234", "y" * 5)]
    # words need 14 of their 30, figures all of their 5: 14 + 2 + 5 + 2 + 5 = 28
    assert [fitting(header, rows, {1}, width) for width in (28, 27, 21, 20, 3)] == [3, 2, 2, 1, 1]
