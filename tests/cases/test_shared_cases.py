"""The numbered cases that are about files, each from its file to prompts and answers."""

import gzip

import polars as pl
import pyarrow as pa
import pytest
from prompt_files import asked, load, reasons, write

from udasa_data.scoring.answer_files import read_answers

WET, SKY = "Is water wet?", "Why is the sky blue?"
CHAT = [{"role": "user", "content": SKY}, {"role": "assistant", "content": "Because."}]
TURNS = [{"from": "human", "value": SKY}, {"from": "gpt", "value": "Because."}]
BREAKS = "\u2028\u2029\x85\v\f\x1c\x1d\x1e"

FILES = {
    "01": (
        "p.jsonl",
        f'{{"prompt": "Smile \\ud83d"}}\n{{"prompt": "{WET}"}}\n',
        [WET],
        "malformed p.jsonl line 1: prompt holds half a character",
    ),
    "02": ("p.txt", f"One{BREAKS}two\r\n{WET}\n", [f"One{BREAKS}two", WET], ""),
    "03": ("p.csv", f"prompt,id\nOne{BREAKS}two,1\n{WET},2\n", [f"One{BREAKS}two", WET], ""),
    "13": (
        "p.jsonl",
        [
            {"prompt": [{"role": "developer", "content": "Be brief."}, CHAT[0]]},
            {"prompt": [{"role": "Human", "content": WET}, {"role": "gpt", "content": "Yes."}]},
            {"prompt": [CHAT[0], {"role": "tool", "content": "4 C"}]},
        ],
        [SKY, WET],
        "role 'tool' is not supported",
    ),
    "14": ("p.jsonl", [{"conversations": TURNS, "text": ""}], [SKY], ""),
    "14, named": ("p.jsonl#conversations", [{"conversations": TURNS, "prompt": WET}], [SKY], ""),
    "15": (
        "p.csv",
        "messages\n" + '"' + str(CHAT).replace('"', '""') + '"\n',
        [SKY],
        "",
    ),
    "17": (
        "p.jsonl",
        [{"prompt": "What is 2² + 1?"}, {"prompt": "What is 22 + 1?"}],
        ["What is 2² + 1?", "What is 22 + 1?"],
        "",
    ),
    "19": (
        "p.jsonl",
        [{"prompt": WET, "mode": "train", "axis": 3}],
        [WET],
        "column 'mode' holds 'train': not read as the mode",
    ),
    "19, all null": ("p.jsonl", [{"prompt": None, "question": WET}], [WET], ""),
    "20": ("p.parquet", pa.table({"prompt": [{"text": SKY, "toxicity": 0.1}]}), [SKY], ""),
    "20, named": ("p.parquet#row.text", pa.table({"row": [{"text": SKY, "n": 1}]}), [SKY], ""),
    "21": ("p.json", [{"prompt": SKY}, {"prompt": WET}], [SKY, WET], ""),
    "21, commas": ("p.jsonl", f'{{"prompt": "{SKY}"}},\n{{"prompt": "{WET}"}}\n', [SKY, WET], ""),
    "21, marks": (
        "p.jsonl",
        f'\ufeff{{"prompt": "{SKY}"}}\n\ufeff{{"prompt": "{WET}"}}\n',
        [SKY, WET],
        "",
    ),
    "22": ("p.jsonl.gz", gzip.compress(f'{{"prompt": "{SKY}"}}'.encode()), [SKY], ""),
    "22, tabs": ("p.tsv", f"prompt\tsource\n{SKY}\ta\n", [SKY], ""),
    "36": ("p.csv", '"prompt";"id"\r\n"Say ""hi"";\r\nplease";1\r\n', ['Say "hi";\nplease'], ""),
    "36, UTF-16": ("p.csv", f"prompt\tid\r\n{WET}\t1\r\n".encode("utf-16"), [WET], ""),
}


@pytest.mark.parametrize(("name", "content", "prompts", "reason"), FILES.values(), ids=FILES)
def test_prompts_of_a_case(name, content, prompts, reason, tmp_path):
    file, *column = name.split("#")
    write(tmp_path / file, content)
    loaded = load("#".join([str(tmp_path / file), *column]))
    assert asked(loaded) == prompts
    assert reason in reasons(loaded)
    assert reason or not reasons(loaded)


def test_answers_of_case_01(tmp_path):
    row = '{"prompt": "Why?", "text": "So \\ud800", "note": "x \\udc00"}\n'
    given = read_answers(write(tmp_path / "a.jsonl", row))
    assert given.samples["text"].to_list() == ["So \ufffd"]
    assert any("1 of its texts held half a character" in note for note in given.notes)


def test_answers_of_case_17(tmp_path):
    rows = [{"prompt": f"What is {x} + 1?", "text": x} for x in ("2²", "22", "2²")]
    given = read_answers(write(tmp_path / "a.jsonl", rows))
    assert given.samples["prompt_id"].n_unique() == 2
    assert given.samples["sample_id"].to_list() == [0, 0, 1]


@pytest.mark.parametrize("meta", [[{"l": [1, 2.5]}, {"l": [1]}], [{"k": "x"}, {"k": 1}]])
def test_answers_of_case_30(meta, tmp_path):
    rows = [{"prompt": "Why?", "text": "So.", "meta": value} for value in meta]
    given = read_answers(write(tmp_path / "a.jsonl", rows))
    assert len(given.samples) == 2
    assert given.table["meta"].null_count() == 0
    assert given.table.schema["text"] == pl.String
