"""What a model wrote stays what it is: read back with a CommonMark parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from udasa_data.publish.markdown import MAX_CHARACTERS, block, code, fenced, inline, table

HOSTILE = [
    "```\n# Heading\n```",
    "`````\n</details>\n````````\n<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "---\nlicense: mit\n---",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "![x](https://example.org/pixel.png) [y](javascript:alert(1))",
    "~~~\ntext\n~~~",
    "<!-- \n\n-->",
    "    indented\n\ttabbed",
    "\u202egnisrever",
]


def parsed(text):
    return MarkdownIt("commonmark").enable("table").parse(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_fenced_text_is_one_block_whatever_is_in_it(text):
    tokens = parsed(f"before\n\n{fenced(text)}\n\nafter")
    kinds = [token.type for token in tokens if token.level == 0]
    assert kinds == [
        "paragraph_open",
        "paragraph_close",
        "fence",
        "paragraph_open",
        "paragraph_close",
    ]


@given(st.text(max_size=300))
def test_any_text_is_one_block(text):
    fences = [token for token in parsed(f"{fenced(text)}\n\nafter") if token.level == 0]
    assert [token.type for token in fences] == ["fence", "paragraph_open", "paragraph_close"]


def test_a_fenced_text_is_shown_letter_by_letter():
    shown = parsed(fenced("<b>one</b>\n\n`two` & *three*"))[0].content
    assert shown == "<b>one</b>\n\n`two` & *three*\n"


def test_what_turns_the_writing_and_control_characters_are_shown():
    assert "\u202e" not in fenced("a\u202eb\x1b[31m\u2066")
    assert "a\ufffdb\ufffd[31m\ufffd" in fenced("a\u202eb\x1b[31m\u2066")
    assert "👩\u200d🔬" in fenced("👩\u200d🔬")  # a joiner in an emoji is harmless


def test_long_texts_are_cut_with_their_number():
    shown = fenced("x" * (MAX_CHARACTERS + 1234))
    assert "… (1,234 more characters)" in shown
    assert max(map(len, shown.splitlines())) <= 110


@pytest.mark.parametrize("text", [*HOSTILE, "a|b", "*a*", "@someone", "https://example.org"])
def test_a_cell_is_text_alone(text):
    tokens = parsed(table(("what", "how"), [(inline(text), "x")]))
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4  # two heads, two cells
    assert {child.type for child in cells[2].children} <= {"text", "text_special", "softbreak"}


@pytest.mark.parametrize("text", ["a`b", "a|b", "x\ny", "``"])
def test_code_in_a_cell_stays_in_it(text):
    cells = [t for t in parsed(table(("a", "b"), [(code(text), "x")])) if t.type == "inline"]
    assert [child.type for child in cells[2].children] == ["code_inline"]


def test_a_table_of_nothing_says_so_and_figures_stand_right():
    assert table(("a",), []) == "None."
    lines = table(("a", "n"), [("x", "1,000"), ("y", "–")]).splitlines()
    assert lines == ["| a | n |", "| --- | ---: |", "| x | 1,000 |", "| y | – |"]


def test_the_fence_of_a_block_is_longer_than_any_in_it():
    assert block("a\n````\nb", "yaml").splitlines()[0] == "`````yaml"
