import json

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_data.prompts.loading import load_prompts
from udasa_data.prompts.sources import parse_source
from udasa_data.schema import Axis


def load(*sources, limit=None, seed=0):
    return load_prompts([str(s) for s in sources], limit=limit, seed=seed, commits={})


def contents(loaded):
    return [[turn["content"] for turn in m] for m in loaded.prompts["messages"].to_list()]


def test_dialogue_is_cut_at_the_last_assistant_turn(tmp_path):
    text = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Bye?\n\nAssistant: Bye."
    path = tmp_path / "hh.jsonl"
    path.write_text(json.dumps({"chosen": text, "rejected": text, "subset": "harmless-base"}))
    loaded = load(path)
    assert contents(loaded) == [["Hi", "Hello.", "Bye?"]]
    assert loaded.prompts["axis"].to_list() == ["harmlessness"]


def test_chat_messages_lose_their_last_answer(tmp_path):
    path = tmp_path / "chat.jsonl"
    messages = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    path.write_text(json.dumps({"messages": messages}))
    assert contents(load(path)) == [["Q"]]


def test_a_text_column_is_a_review_to_be_continued(tmp_path):
    path = tmp_path / "reviews.parquet"
    pl.DataFrame({"text": ["one two three four five six seven eight nine ten"]}).write_parquet(path)
    loaded = load(path)
    assert contents(loaded) == [["one two three four five six seven eight"]]
    assert loaded.prompts.select("mode", "axis").row(0) == ("completion", "sentiment")


def test_instruction_takes_its_input_along(tmp_path):
    path = tmp_path / "alpaca.json"
    path.write_text(json.dumps([{"instruction": "Sum up.", "input": "A long text."}]))
    assert contents(load(path)) == [["Sum up.\n\nA long text."]]


def test_csv_and_txt(tmp_path):
    (tmp_path / "a.csv").write_text('question,id\n"Is it, really?",1\n')
    (tmp_path / "b.txt").write_text("first\n\nsecond\n")
    loaded = load(tmp_path / "a.csv", tmp_path / "b.txt")
    assert contents(loaded) == [["Is it, really?"], ["first"], ["second"]]
    assert loaded.prompts["axis"].to_list() == ["truthfulness", "helpfulness", "helpfulness"]


def test_duplicates_are_dropped_and_say_what_they_repeat(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("What is it?\nwhat  IS it?\nWhat is it?\nelse\n")
    loaded = load(path)
    assert len(loaded.prompts) == 3
    (dropped,) = loaded.dropped.to_dicts()
    assert (dropped["what"], dropped["why"]) == ("row", "duplicate")
    assert dropped["detail"] == "a.txt line 3 repeats a.txt line 1"
    assert dropped["prompt_id"] == loaded.prompts["prompt_id"][0]


def test_near_duplicates_may_be_dropped_under_their_own_reason(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"prompt": "What is 2² + 1?"}, {"prompt": "what is  22 + 1?"}, {"prompt": "Else?"}]
    rows += [{"prompt": "Else?", "context": "A passage."}, {"prompt": "what is  22 + 1?"}]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    kept = load_prompts([str(path)], limit=None, seed=0, commits={})
    assert kept.dropped["why"].to_list() == ["duplicate"]
    dropped = load_prompts([str(path)], limit=None, seed=0, commits={}, near_duplicates="drop")
    assert contents(dropped) == [["What is 2² + 1?"], ["Else?"], ["Else?"]]
    assert dropped.dropped["why"].to_list() == ["near_duplicate"] * 2
    assert "line 2 repeats a.jsonl line 1" in dropped.dropped["detail"][0]
    # what is dropped leaves room for the limit
    few = load_prompts([str(path)], limit=3, seed=0, commits={}, near_duplicates="drop")
    assert len(few.prompts) == 3


def test_unusable_rows_are_set_aside_with_their_place(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "ok"}\n{"prompt": "  "}\n{"prompt": 3}\n{"prompt": null}\n')
    loaded = load(path)
    assert loaded.dropped["why"].to_list() == ["empty_prompt", "malformed", "empty_prompt"]
    assert loaded.dropped["detail"][1] == "a.jsonl line 3: prompt is 3, neither text nor messages"


def test_limit_is_spread_over_the_sources_and_seeded(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{name} {n}" for n in range(50)))
    files = tmp_path / "a.txt", tmp_path / "b.txt"
    first = load(*files, limit=11)
    assert len(first.prompts) == 11
    assert sorted(first.prompts["source"].value_counts()["count"]) == [5, 6]
    assert first.prompts.equals(load(*files, limit=11).prompts)
    assert not first.prompts.equals(load(*files, limit=11, seed=1).prompts)


def test_limit_beyond_what_there_is_takes_all(tmp_path):
    (tmp_path / "a.txt").write_text("x\ny\n")
    assert len(load(tmp_path / "a.txt", limit=9).prompts) == 2


def test_axis_and_column_are_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"query": "Hm?", "prompt": "no"}')
    loaded = load(f"truthfulness={path}#query")
    assert contents(loaded) == [["Hm?"]]
    assert loaded.prompts["axis"].to_list() == ["truthfulness"]


def test_hub_ids():
    source = parse_source("org/name:config/split#column")
    assert (source.place, source.config, source.split, source.column) == (
        "org/name",
        "config",
        "split",
        "column",
    )
    assert not source.is_local
    preset = parse_source("hh")
    assert (preset.name, preset.axis, preset.split) == ("hh", "harmlessness", "train")


def test_the_embedded_prompts():
    loaded = load("tiny")
    assert len(loaded.prompts) >= 160
    assert loaded.dropped.is_empty()
    counts = dict(loaded.prompts["axis"].value_counts().iter_rows())
    assert len(counts) == 4
    assert min(counts.values()) >= 40
    evidence = loaded.prompts.filter(pl.col("axis") == "truthfulness")["context"]
    assert evidence.null_count() == 0


BAD = {
    "line 2: malformed JSON": ("a.jsonl", b'{"prompt": "x"}\n{"prompt": \n'),
    "line 3: not UTF-8": ("a.txt", b"fine\nfine\n\xff\xfe\n"),
    "holds no rows": ("a.jsonl", b""),
    "no prompt column among": ("a.csv", b"id,score\n1,2\n"),
    "line 3: not the 2 fields": ("a.csv", b"prompt,id\na,1\nb\n"),
    "not a readable Parquet": ("a.parquet", b"PAR1 or not"),
    "an object, a list of messages or a string": ("a.jsonl", b"5\n"),
    "a JSON array of rows": ("a.json", b'{"id": "x"}'),
    "every prompt is empty": ("a.jsonl", b'{"prompt": ""}\n{"prompt": " "}\n'),
    "unknown kind of file": ("a.xlsx", b"zip"),
}


@pytest.mark.parametrize("message", list(BAD))
def test_bad_files_are_named_in_one_line(tmp_path, message):
    name, content = BAD[message]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.jsonl", "no such file or folder"),
        ("tinny", "did you mean 'tiny'"),
        ("wrong=a/b", "unknown axis 'wrong'"),
        ("no-such-thing", "no such preset"),
    ],
)
def test_bad_sources(source, message):
    with pytest.raises(UserError, match=message):
        load(source)


def test_unknown_column_names_the_nearest(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "x"}')
    with pytest.raises(UserError, match="did you mean 'prompt'"):
        load(f"{path}#promt")


def test_real_files(real_data):
    loaded = load(real_data / "hh_rlhf/hh_rlhf.parquet", real_data / "imdb/test.parquet", limit=200)
    assert len(loaded.prompts) == 200
    assert set(loaded.prompts["axis"]) == {"harmlessness", "helpfulness", "sentiment"}
    assert all(m[-1]["role"] == "user" for m in loaded.prompts["messages"].to_list())


def test_the_embedded_prompts_with_short_answers_are_among_all():
    whole, short = load("tiny"), load("tiny-short")
    axes = dict(short.prompts["axis"].value_counts().iter_rows())
    assert axes == dict.fromkeys(Axis, 7)
    assert set(short.prompts["prompt_id"]) < set(whole.prompts["prompt_id"])
