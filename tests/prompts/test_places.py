"""The places that people keep prompts in: files, folders, patterns, saved datasets."""

import bz2
import gzip
import io
import json
import lzma
from pathlib import Path

import datasets
import polars as pl
import pyarrow as pa
import pytest

from udasa_data.errors import UserError
from udasa_data.prompts import file_source, load_prompts, parse_answers, parse_source, read_table

ROWS = [{"prompt": "Why is the sky blue?"}, {"prompt": "Is water wet?"}]
TEXTS = [row["prompt"] for row in ROWS]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS)


def questions(place):
    loaded = load_prompts([str(place)], limit=None, seed=0, commits={})
    return [turns[-1]["content"] for turns in loaded.prompts["messages"].to_list()]


def refused(place):
    with pytest.raises(UserError) as caught:
        questions(place)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def zstandard(content):
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


def parquet(rows):
    file = io.BytesIO()
    pl.DataFrame(rows).write_parquet(file)
    return file.getvalue()


def arrow_file(rows):
    file = io.BytesIO()
    pl.DataFrame(rows).write_ipc(file)
    return file.getvalue()


FILES = {
    "lines.json": LINES.encode(),
    "one_line.json": json.dumps(ROWS[0]).encode(),
    "wrapped.json": json.dumps({"version": 1, "data": ROWS}).encode(),
    "rows.json": json.dumps({"rows": ROWS, "splits": ["train"]}, indent=1).encode(),
    "array.jsonl": json.dumps(ROWS, indent=1).encode(),
    "CAPITALS.JSONL": LINES.encode(),
    "joined.jsonl": "".join(f"\ufeff{line}\n" for line in LINES.splitlines()).encode(),
    "joined.json": "".join(f"\ufeff{line}\n" for line in LINES.splitlines()).encode(),
    "marked.json": b"\xef\xbb\xbf" + json.dumps(ROWS).encode(),
    "commas.jsonl": ",\n".join(LINES.splitlines()).encode(),
    "a.ndjson": LINES.encode(),
    "a.jsonl.gz": gzip.compress(LINES.encode()),
    "joined.jsonl.gz": b"".join(gzip.compress(line) for line in io.BytesIO(LINES.encode())),
    "unpacked_on_the_way.jsonl.gz": LINES.encode(),
    "packed_without_saying.jsonl": gzip.compress(LINES.encode()),
    "A.JSON.GZ": gzip.compress(json.dumps(ROWS).encode()),
    "a.csv.gz": gzip.compress(b"prompt,id\nWhy is the sky blue?,1\nIs water wet?,2\n"),
    "utf16.csv.gz": gzip.compress(
        "prompt;id\nWhy is the sky blue?;1\nIs water wet?;2\n".encode("utf-16")
    ),
    "a.jsonl.bz2": bz2.compress(LINES.encode()),
    "a.jsonl.xz": lzma.compress(LINES.encode()),
    "a.jsonl.zst": zstandard(LINES.encode()),
    "joined.jsonl.zst": b"".join(zstandard(line) for line in io.BytesIO(LINES.encode())),
    "a.txt.gz": gzip.compress("\n".join(TEXTS).encode()),
    "a.tsv": b"prompt\tsource\nWhy is the sky blue?\ta\nIs water wet?\tb, c\n",
    "a.parquet.gz": gzip.compress(parquet(ROWS)),
    "a.arrow": arrow_file(ROWS),
    "a.feather": arrow_file(ROWS),
    "A.PARQUET": parquet(ROWS),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_name(name, tmp_path):
    (tmp_path / name).write_bytes(FILES[name])
    assert questions(tmp_path / name) == TEXTS[: 1 if name == "one_line.json" else 2]


def test_a_line_that_is_a_list_is_a_row_unless_it_is_of_rows(tmp_path):
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    path = tmp_path / "a.jsonl"
    for content, expected in (
        (json.dumps(turns), ["Q"]),
        (json.dumps(["Q", "A"]), ["Q"]),
        (f"{json.dumps(turns)}\n{json.dumps(['R', 'A'])}", ["Q", "R"]),
        (json.dumps(ROWS), TEXTS),
        (json.dumps(TEXTS, indent=1), TEXTS),
    ):
        path.write_text(content)
        assert questions(path) == expected, content


def test_a_row_whose_turns_are_a_list_of_objects_is_no_wrapper(tmp_path):
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    (tmp_path / "a.json").write_text(json.dumps({"messages": turns}))
    assert questions(tmp_path / "a.json") == ["Q"]


BAD = {
    "cut.jsonl.gz": (gzip.compress(LINES.encode())[:-9], "not a readable gzip file"),
    "cut.jsonl.zst": (zstandard(LINES.encode())[:-4], "not a readable Zstandard file"),
    "cut.jsonl.xz": (lzma.compress(LINES.encode())[:-9], "not a readable xz file"),
    "damaged.jsonl.bz2": (bz2.compress(LINES.encode())[:-9], "not a readable bzip2 file"),
    "a.arrow": (b"ARROW1 or not", "not a readable Arrow file"),
    "b.arrow": (b"", "not a readable Arrow file"),
    "two.json": (
        json.dumps({"train": ROWS, "test": ROWS}).encode(),
        "several lists of rows (of train, test)",
    ),
    "none.json": (b'{"a": 1}', "no list of rows (of a)"),
    "number.json": (b"3", "a JSON array of rows is needed"),
    "broken.json": (LINES.encode() + b'{"prompt": ', "broken.json, line 3: malformed JSON"),
    "a.xlsx": (b"PK", "unknown kind of file (known: .jsonl, .ndjson"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_file_of_rows_is_one_line(name, tmp_path):
    content, problem = BAD[name]
    (tmp_path / name).write_bytes(content)
    message = refused(tmp_path / name)
    assert problem in message
    assert str(tmp_path / name) in message


def test_a_folder_of_shards_is_read_in_order(tmp_path):
    for number, row in enumerate(ROWS):
        (tmp_path / f"part-{number}.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    (tmp_path / "README.md").write_text("a card")
    (tmp_path / "dataset_infos.json").write_text("{}")
    (tmp_path / "LICENSE.txt").write_text("terms")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".hidden.jsonl").write_text("{")
    assert questions(tmp_path) == questions(f"{tmp_path}/") == TEXTS
    (tmp_path / "part-2.jsonl").write_text('{"prompt": 3}')
    loaded = load_prompts([str(tmp_path)], limit=None, seed=0, commits={})
    assert f"{tmp_path.name} part-2.jsonl line 1" in loaded.dropped["detail"][0]


def test_files_may_lie_deeper_and_of_one_kind_only(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.parquet").write_bytes(parquet(ROWS))
    assert questions(tmp_path) == TEXTS
    assert questions(f"{tmp_path}:data") == TEXTS
    assert "no folder 'dat' in it (did you mean 'data'?)" in refused(f"{tmp_path}:dat")
    (tmp_path / "data" / "b.csv").write_text("prompt\nx\n")
    message = refused(tmp_path)
    assert "several kinds (data/a.parquet, data/b.csv)" in message
    assert f"'{tmp_path}/*.parquet'" in message
    assert questions(f"{tmp_path}/data/*.csv") == ["x"]
    (tmp_path / "empty").mkdir()
    assert "or an empty one" in refused(tmp_path / "empty")


def test_files_in_folders_of_a_folder_with_files_are_told_to_be_passed_over(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "rows.jsonl").write_text(LINES, encoding="utf-8")
    (tmp_path / "old" / "more.jsonl").write_text('{"prompt": "And more?"}\n', encoding="utf-8")
    loaded = load_prompts([str(tmp_path)], limit=None, seed=0, commits={})
    assert len(loaded.prompts) == len(ROWS)
    (note,) = loaded.notes
    assert "1 files, as old/more.jsonl" in note
    assert questions(note.split("'")[1]) == ["And more?", *TEXTS]


def test_splits_of_a_folder_are_named(tmp_path):
    for split, row in zip(("train", "test"), ROWS, strict=True):
        (tmp_path / f"{split}-00000-of-00001.parquet").write_bytes(parquet([row]))
    assert f"several splits (known: test, train); write {tmp_path}:/test" in refused(tmp_path)
    assert questions(f"{tmp_path}:/train") == TEXTS[:1]
    assert "no file of the split 'dev'" in refused(f"{tmp_path}:/dev")
    one = tmp_path / "train-00000-of-00001.parquet"
    assert "without configurations or splits" in refused(f"{one}:/train")


def test_patterns(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.jsonl").write_text(json.dumps(ROWS[0]))
    (tmp_path / "deep" / "b.jsonl").write_text(json.dumps(ROWS[1]))
    assert questions(f"{tmp_path}/?.jsonl") == TEXTS[:1]
    assert questions(f"{tmp_path}/**/*.jsonl") == TEXTS
    assert questions(f"sentiment={tmp_path}/**/*.jsonl#prompt") == TEXTS
    assert "matches no file" in refused(f"{tmp_path}/*.csv")
    (tmp_path / "deep").rename(tmp_path / "de[1]")
    assert questions(f"{tmp_path}/de[1]/*.jsonl") == TEXTS[1:]
    assert questions(f"{tmp_path}/de[[]1]/*.jsonl") == TEXTS[1:]
    assert parse_source(f"{tmp_path}/*.csv").is_local


SIGNS = ["a=b.jsonl", "axis=a.jsonl", "truthfulness=a.jsonl", "a#b.jsonl", "a:b.jsonl", "a@b.jsonl"]
SIGNS += ["data[1].jsonl", "a b.jsonl", "a*.jsonl", "what?.jsonl", "é=#:@[ .jsonl", "a:b/c#d.jsonl"]


@pytest.mark.parametrize("name", SIGNS)
def test_a_path_that_is_there_is_itself(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(LINES.replace("prompt", "ask"))
    (tmp_path / "data1.jsonl").write_text("other")
    for place in (name, f"{tmp_path}/{name}"):
        assert questions(f"{place}#ask") == TEXTS
        assert questions(f"harmlessness={place}#ask") == TEXTS
    assert read_table(file_source(tmp_path / name)).table["ask"].to_list() == TEXTS
    source, columns = parse_answers(f"{name}#ask, b")
    assert (source.place, columns) == (name, ["ask", "b"])


def test_a_path_object_is_no_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="org/name: no such file or folder"):
        read_table(Path("org/name"))


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.jsonl").write_text(LINES)
    assert questions("~/a.jsonl") == TEXTS
    (tmp_path / "~a.jsonl").write_text(LINES)
    assert questions(f"{tmp_path}/~a.jsonl") == TEXTS


def test_what_save_to_disk_wrote(tmp_path):
    dataset = datasets.Dataset.from_list([*ROWS, {"prompt": "Again?"}])
    dataset.select([1, 0]).save_to_disk(tmp_path / "one", num_shards=2)
    assert questions(tmp_path / "one") == TEXTS[::-1]
    splits = {"train": dataset.select([0]), "test": dataset.select([1])}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "both")
    assert questions(f"{tmp_path}/both:/test") == questions(tmp_path / "both" / "test") == TEXTS[1:]
    assert f"several splits (known: test, train); write {tmp_path}/both:/test" in refused(
        tmp_path / "both"
    )
    assert "no split 'dev' (known: test, train)" in refused(f"{tmp_path}/both:/dev")
    datasets.DatasetDict({"train": dataset}).save_to_disk(tmp_path / "single")
    assert questions(tmp_path / "single") == [*TEXTS, "Again?"]


def test_a_table_of_many_files_has_all_their_columns(tmp_path):
    (tmp_path / "a.parquet").write_bytes(parquet([{"text": "x", "n": 1}]))
    (tmp_path / "b.parquet").write_bytes(parquet([{"text": "y", "m": 2.5}]))
    found = read_table(file_source(tmp_path))
    assert found.table.to_dicts() == [
        {"text": "x", "n": 1, "m": None},
        {"text": "y", "n": None, "m": 2.5},
    ]
    assert found.places == ["a.parquet row 1", "b.parquet row 1"]


MISTYPED = {
    "quesions.jsonl": "(did you mean 'questions.jsonl'?)",
    "./quesions": "(did you mean 'questions.jsonl'?)",
    "runs/demos": "(did you mean 'runs/demo'?)",
    "run/demo/data.parquet": "(did you mean 'runs'?)",
    "runs/else": "(there is a folder 'runs' here)",
    "none/of/these": "(there is no folder 'none')",
    "quesions.jsonl#prompt": "quesions.jsonl: no such file",
}


@pytest.mark.parametrize("place", MISTYPED)
def test_a_mistyped_path_is_no_hub_id(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "questions.jsonl").write_text(LINES)
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    assert parse_source(place).is_local
    message = refused(place)
    assert "no such file or folder" in message
    assert MISTYPED[place] in message


def test_a_name_without_a_folder_is_told_what_is_near(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "questions").mkdir()
    assert "(did you mean 'questions'?)" in refused("quesions")


def test_addresses_of_the_hub():
    for place in (
        "hf://datasets/org/name",
        "https://huggingface.co/datasets/org/name",
        "https://hf.co/datasets/org/name/",
    ):
        source = parse_source(f"harmlessness={place}#chosen")
        assert (source.place, source.axis, source.column) == ("org/name", "harmlessness", "chosen")
        assert not source.is_local
    assert parse_source("hf://datasets/org/name/data/a.parquet").is_local


def test_addresses_that_nothing_speaks():
    assert "no file system 'sftpx'" in refused("sftpx://host/a.jsonl")
    assert "names no bucket" in refused("s3:///")
    assert "names no bucket" in refused("sentiment=s3://")


def test_what_names_nothing_is_told_whole():
    for place in ("a:b.jsonl", "no-such-thing:x/y#z", "C:\\a.jsonl"):
        assert f"prompts '{place}': no such file" in refused(place)
