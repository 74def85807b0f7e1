"""Text files as other programs write them: line ends, marks, encodings, separators, large cells."""

import csv
import json

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_data.prompts import load_prompts
from udasa_data.prompts.decoding import lines_of
from udasa_data.prompts.files import data_file
from udasa_data.prompts.row_files import text_rows

# characters at which str.splitlines() ends a line, and nothing else does
NO_ENDS = ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1d", "\x1e"]


def questions(path):
    loaded = load_prompts([str(path)], limit=None, seed=0, commits={})
    return [messages[-1]["content"] for messages in loaded.prompts["messages"].to_list()]


@pytest.mark.parametrize("char", NO_ENDS, ids=ascii)
def test_only_line_ends_end_a_line(char, tmp_path):
    texts = [f"Sum up: one{char}two", "Is water wet?"]
    (tmp_path / "a.txt").write_text("\n".join(texts), encoding="utf-8")
    (tmp_path / "a.jsonl").write_text(
        "\n".join(json.dumps({"prompt": text}, ensure_ascii=False) for text in texts),
        encoding="utf-8",
    )
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["prompt"], *([text] for text in texts)])
    with (tmp_path / "b.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["prompt", "id"], *([text, 1] for text in texts)])
    for name in ("a.txt", "a.jsonl", "a.csv", "b.csv"):
        assert questions(tmp_path / name) == texts, name


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
@pytest.mark.parametrize("last", [True, False])
def test_every_system_ends_lines(end, last, tmp_path):
    tail = end if last else ""
    (tmp_path / "a.txt").write_text(f"one{end}two{tail}", newline="")
    (tmp_path / "a.jsonl").write_text(
        f'{{"prompt": "one"}}{end}{{"prompt": "two"}}{tail}', newline=""
    )
    (tmp_path / "a.csv").write_text(f"prompt,id{end}one,1{end}two,2{tail}", newline="")
    for name in ("a.txt", "a.jsonl", "a.csv"):
        assert questions(tmp_path / name) == ["one", "two"]
        assert [where for where, _ in text_rows(data_file(tmp_path / name))][-1] == (
            "line 3" if name == "a.csv" else "line 2"
        )


def test_lines():
    assert lines_of("a\r\nb\rc\n\nd") == ["a", "b", "c", "", "d"]
    assert lines_of("\ufeffa\n\ufeffb") == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=ascii)
def test_encodings_of_spreadsheets(encoding, end, tmp_path):
    text = f'"prompt","id"{end}"Où est le café ?",1{end}'
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    assert questions(tmp_path / "a.csv") == ["Où est le café ?"]


def test_marks_inside_joined_files(tmp_path):
    one, two = (f'{{"prompt": "{word}"}}\n'.encode("utf-8-sig") for word in ("one", "two"))
    (tmp_path / "a.jsonl").write_bytes(one + two)
    assert questions(tmp_path / "a.jsonl") == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("prompt;context\nWhy, oh why?;air\n", "Why, oh why?"),
        ("sep=;\nprompt;context\nWhy, oh why?;air\n", "Why, oh why?"),
        ('"sep=|"\r\nprompt|context\r\nWhy, oh why?|air\r\n', "Why, oh why?"),
        ("prompt\tcontext\nWhy, oh why?\tair\n", "Why, oh why?"),
        ('"prompt";"a, b"\n"Why; why?";"x"\n', "Why; why?"),
        ('prompt,"a;b"\nWhy; why?,x\n', "Why; why?"),
        ("prompt\nWhy; why?\n", "Why; why?"),
        ("prompt,id,,\nWhy?,1,,\n", "Why?"),
    ],
)
def test_separators_of_spreadsheets(text, found, tmp_path):
    (tmp_path / "a.csv").write_text(text, newline="")
    assert questions(tmp_path / "a.csv") == [found]


def test_quotes_and_lines_inside_cells(tmp_path):
    code = "Fix this:\n\n```\nx = 1\n```\nplease"
    (tmp_path / "a.csv").write_text(f'prompt,source\n"{code}",a\n"He said ""hi""",b\n')
    assert questions(tmp_path / "a.csv") == [code, 'He said "hi"']
    assert [where for where, _ in text_rows(data_file(tmp_path / "a.csv"))] == ["line 2", "line 8"]


def test_cells_of_any_size(tmp_path):
    long = "x" * 1_000_000  # csv's own bound is 131,072
    (tmp_path / "a.csv").write_text(f"prompt,id\n{long},1\n")
    assert questions(tmp_path / "a.csv") == [long]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b'prompt,id\n"a\nb",1\nc\n', "line 4: not the 2 fields of the header, but 1"),
        ("a.csv", b"sep=;\nprompt;id\na;1\nb\n", "line 4: not the 2 fields of .*by ';'"),
        ("a.csv", b'prompt,id\r"a"b,1\r', "line 2: malformed CSV"),
        ("a.csv", b'prompt,id\na,1\n"b,2\n', "line 3: malformed CSV"),
        ("a.jsonl", b'{"prompt": "a"}\r{"prompt": \r', "line 2: malformed JSON"),
        ("a.txt", b"one\rtwo\r\xff\r", "line 3: not UTF-8 text"),
        ("a.txt", b"\xff\xfea\x00\n\x00\x00\xd8", "line 2: not UTF-16 text"),
    ],
)
def test_errors_name_the_line(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_prompts([str(tmp_path / name)], limit=None, seed=0, commits={})


def test_what_other_libraries_write_is_read(tmp_path):
    texts = [f"one{char}two" for char in NO_ENDS] + ['a "b"; c,d', "e\nf"]
    pl.DataFrame({"prompt": texts, "n": range(len(texts))}).write_csv(tmp_path / "a.csv")
    assert questions(tmp_path / "a.csv") == texts
