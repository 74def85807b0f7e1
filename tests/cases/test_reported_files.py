"""Files that made other tools fail, by the report that told of it; the addresses: README.md."""

import gzip

import pyarrow as pa
import pytest
from prompt_files import asked, load, reasons, write

from udasa_data.errors import UserError

NANS = """{"prompt": "A?", "context": "Air.", "axis": "sentiment", "mode": "chat"}
{"prompt": "B?", "context": NaN, "axis": NaN, "mode": NaN}
{"prompt": NaN}
"""
NOBODY = {"from": "bing", "value": "So."}


def talk(*turns):
    return {"conversations": [{"from": who, "value": what} for who, what in turns]}


READ = {
    "datasets-6851": ("p.jsonl", gzip.compress(b'{"prompt": "A?"}'), ["A?"], ""),
    "pandas-55032": ("p.csv", "prompt,id\nNA,1\nnull,2\nNone,3\n", ["NA", "null", "None"], ""),
    "ThreatExchange-298": ("p.csv", "prompt,id\nWhy\0 so?,1\nHow?,2\n", ["Why\0 so?", "How?"], ""),
    "datasets-7222": (
        "p.jsonl",
        [{"prompt": f"Q{n}?", "context": None if n < 200 else "Air."} for n in range(201)],
        [f"Q{n}?" for n in range(201)],
        "",
    ),
    "trulens-763": (
        "p.jsonl",
        [{"prompt": "A?", "meta": {"k": 1}}, {"prompt": "B?", "meta": "x"}],
        ["A?", "B?"],
        "",
    ),
    "axolotl-325": (
        "p.jsonl",
        [talk(("human", "A?"), ("bing", "So.")), talk(("human", "B?"), ("chatgpt", "So."))],
        ["B?"],
        "role 'bing' is not supported",
    ),
    "axolotl-752": ("p.jsonl", [talk(("human", "A?"), ("assistant", "So."))], ["A?"], ""),
    "axolotl-723": ("p.jsonl", [talk(("gpt", "Hello."), ("human", "A?"))], ["A?"], ""),
    "axolotl-603": (
        "p.jsonl",
        [talk(("human", ""), ("gpt", "So.")), talk(("system", ""), ("human", "B?"), ("gpt", ""))],
        ["B?"],
        "empty_prompt p.jsonl line 1: nothing to answer",
    ),
    "LlamaFactory-2381": (
        "p.jsonl",
        [talk(("hummany", "A?")), talk(("human", "B?"))],
        ["B?"],
        "role 'hummany' is not supported",
    ),
    "aiperf-828": (
        "p.jsonl",
        [{"conversations": [{"from": "human", "value": "A?"}, "x"]}, talk(("human", "B?"))],
        ["B?"],
        "'x' is no message",
    ),
    "unsloth-321": (
        "p.json",
        '[[{"from": "human", "value": "A?"}, {"from": "gpt", "value": "So."}], [["B?", "So."]]]',
        ["A?", "B?"],
        "",
    ),
    "polars-16245": (
        "p.jsonl",
        NANS,
        ["A?", "B?"],
        "empty_prompt p.jsonl line 3: prompt is empty",
    ),
    "datasets-888": (
        "p.parquet",
        pa.table({"messages": [{"role": ["user", "assistant"], "content": ["A?", "So."]}]}),
        ["A?"],
        "",
    ),
    "polars-17937": (
        "p.parquet",
        pa.table({"prompt": [b"A?"], "axis": [b"sentiment"]}),
        ["A?"],
        "",
    ),
    "ecto-4087": (
        "p.jsonl",
        [{"prompt": "\u200b"}, talk(("human", "\u2800\ufeff \u3164")), {"prompt": "B?"}],
        ["B?"],
        "empty_prompt p.jsonl line 2: nothing to answer",
    ),
    "flores-31": (
        "p.txt",
        "ก\u200bข?\nא\u200fב?\n👩\u200d🚀?\n",
        ["ก\u200bข?", "א\u200fב?", "👩\u200d🚀?"],
        "",
    ),
}
REFUSED = {
    "datasets-6851, zip": ("p.jsonl", b"PK\x03\x04...", "p.jsonl: is a zip file or an Excel"),
    "akshare-5534": ("p.csv", "prompt\n为什么？\n".encode("gbk"), "p.csv, line 2: not UTF-8 text"),
    "node-csv-parse-40": ("p.csv", 'prompt,id\n"Say \\"hi\\", ok?",1\n', "line 2: .*written twice"),
    "LlamaFactory-9618": ("p.jsonl", [{"conversations": [NOBODY]}], "every prompt .*role 'bing'"),
}


@pytest.mark.parametrize(("name", "content", "prompts", "reason"), READ.values(), ids=READ)
def test_a_reported_file_is_read(name, content, prompts, reason, tmp_path):
    loaded = load(write(tmp_path / name, content))
    assert asked(loaded) == prompts
    assert reason in reasons(loaded)
    assert reason or not reasons(loaded)


@pytest.mark.parametrize(("name", "content", "message"), REFUSED.values(), ids=REFUSED)
def test_a_reported_file_is_refused_in_one_line(name, content, message, tmp_path):
    with pytest.raises(UserError, match=message) as caught:
        load(write(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_a_column_of_bytes_that_are_no_text_stays(tmp_path):
    path = write(
        tmp_path / "p.parquet", pa.table({"prompt": ["A?", "B?"], "context": [b"\xff", b""]})
    )
    assert asked(load(path)) == ["A?", "B?"]
    with pytest.raises(UserError, match="neither text nor messages"):
        load(write(tmp_path / "q.parquet", pa.table({"prompt": [b"\xff"]})))
