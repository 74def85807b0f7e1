"""What models, files and servers wrote is made visible, never obeyed."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st
from rich.panel import Panel
from rich.text import Text

from udasa_data.terminal import Screen, echo, print_table, visible

CLIPBOARD = "\x1b]52;c;aGk=\x07"


@given(st.text(st.characters(codec=None)))
def test_nothing_that_acts_is_left(text):
    shown = visible(text)
    assert not set(shown) & {chr(n) for n in (*range(9), *range(11, 32), *range(127, 160))}
    shown.encode()  # no halves of characters


def test_what_is_seen_stays_as_it_is():
    for text in ("plain\n\ttext", "Ünïcödé → 日本語 👩‍🔬", "a\u200bb"):
        assert visible(text) == text
    assert visible("\x1b[31m\r\x08\x7f\x9b\u202e\u2028\ud800") == (
        "␛[31m␍␈\\u007f\\u009b\\u202e\\u2028\\ud800"
    )


def test_printed_json_stays_what_it_is():
    value = {"text": "a\x7f\x9b\u202eb\x1b"}
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert json.loads(visible(text)) == value


def test_a_terminal_gets_styles_of_ours_and_no_codes_of_others():
    file = io.StringIO()
    screen = Screen(file=file, force_terminal=True, color_system="standard", width=80)
    screen.print(Panel(Text(f"answer {CLIPBOARD}", style="bold")))
    assert "\x1b[1m" in file.getvalue()
    assert "␛]52;c;aGk=" in file.getvalue()
    assert "\x1b]" not in file.getvalue()


def test_tables_and_lines_that_are_piped(capsys):
    print_table(("name",), [(CLIPBOARD,)])
    echo(CLIPBOARD)
    echo(CLIPBOARD, err=True)
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert out.count("␛]52") == 2


def test_what_is_no_terminal_is_never_cut():
    file = io.StringIO()
    Screen(file=file).print(Text("word " * 200))
    assert file.getvalue().count("\n") == 1
