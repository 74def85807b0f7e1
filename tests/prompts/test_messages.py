"""Lists of turns in every form that datasets have them in."""

import json

import numpy as np
import polars as pl
import pytest

from udasa_data.prompts import load_prompts
from udasa_data.prompts.messages import read_answer, read_messages
from udasa_data.prompts.turns import NoPrompt

CHAT = [
    {"role": "user", "content": "Why is the sky blue?"},
    {"role": "assistant", "content": "Because."},
]
ASKED = [("user", "Why is the sky blue?")]


def refused(cell, column="messages"):
    found = read_messages(cell, column)
    assert isinstance(found, NoPrompt), found
    return found.detail


@pytest.mark.parametrize("column", ["messages", "prompt", "chosen", "conversations", "question"])
@pytest.mark.parametrize(
    "written",
    [
        json.dumps,
        lambda chat: json.dumps(chat, indent=2),
        str,  # as pandas.to_csv writes a list
        lambda chat: str(np.array(chat)),  # and what read_parquet made of one
        lambda chat: repr(np.array(chat)),
        lambda chat: f"  {json.dumps(chat)}\n",
    ],
)
def test_lists_that_a_table_holds_as_text(column, written):
    assert read_messages(written(CHAT), column) == ASKED
    assert read_answer(written(CHAT), column) == "Because."


def test_a_text_inside_them_may_look_like_anything():
    chat = [{"role": "user", "content": 'Is "}\n {" it\'s\\d?'}, CHAT[1]]
    for text in (json.dumps(chat), str(chat), str(np.array(chat))):
        assert read_messages(text, "messages") == [("user", chat[0]["content"])]


@pytest.mark.parametrize("column", ["messages", "prompt"])
def test_what_looks_like_a_list_and_is_none_is_malformed(column):
    said = refused('[{"role": "user", "content": "Why"}, {"role": "assis', column)
    assert f"{column} looks like a list of messages, but is neither JSON nor a Python" in said
    assert '\'[{"role": "user"' in said  # an excerpt


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (r'[{"role": "user", "content": "x \ud83d"}]', "half a character"),
        (r"[{'role': 'user', 'content': 'x \ud83d'}]", "half a character"),
        ("[" * 80 + "]" * 80, "nested too deeply"),
        ("[" * 5000 + "]" * 5000, "neither JSON nor a Python literal"),
    ],
)
def test_what_a_text_holds_must_be_storable(text, problem):
    assert problem in refused(text)


def test_plain_text_is_no_list_of_messages():
    assert "a list of messages is needed: 'Why?'" in refused("Why?", "messages")
    assert read_messages("[1, 2] are what?", "prompt") == [("user", "[1, 2] are what?")]
    assert read_messages('{"a": 1} is what?', "prompt") == [("user", '{"a": 1} is what?')]


@pytest.mark.parametrize(
    "cell",
    [
        [{"from": "human", "value": "Why is the sky blue?"}, {"from": "gpt", "value": "Because."}],
        [{"from": "human", "value": "Why is the sky blue?", "role": None, "content": None}],
        [{"role": "User", "content": "Why is the sky blue?"}, {"role": "MODEL", "content": "B."}],
        [{"role": "human", "content": "Why is the sky blue?"}, {"role": "bot", "content": "B."}],
        [{"role": "system", "content": " "}, *CHAT],
        [{"role": "user", "content": [{"type": "text", "text": "Why is the sky blue?"}]}],
        [
            {
                "role": "user",
                "content": [{"type": "text", "text": "Why is the sky blue?", "image": None}],
            }
        ],
        [{"role": "user", "content": ["Why is the sky blue?"]}],
        ["Why is the sky blue?", "Because."],
        ["Why is the sky blue?"],
        [["Why is the sky blue?", "Because."]],
        [CHAT],
        CHAT[0],
        {"text": "Why is the sky blue?", "toxicity": 0.3},
        {"messages": CHAT},
        # the answer that is left out may be anything
        [CHAT[0], {"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}],
        [CHAT[0], {"role": "assistant", "content": [{"type": "image"}]}],
    ],
)
def test_one_question_in_many_forms(cell):
    assert read_messages(cell, "messages") == ASKED


def test_developer_is_system_and_turns_alternate():
    chat = [
        {"role": "developer", "content": "Be brief."},
        *CHAT,
        {"role": "user", "content": "So?"},
    ]
    assert read_messages(chat, "messages") == [
        ("system", "Be brief."),
        *ASKED,
        ("assistant", "Because."),
        ("user", "So?"),
    ]
    assert read_messages(["a", "b", "c", "d"], "turns") == [
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    parts = [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]
    assert read_messages([{"role": "user", "content": parts}], "messages") == [("user", "a\nb")]


CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "w"}}]}
SAID = {"role": "user", "content": "And?"}


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ([CHAT[0], CALL, {"role": "tool", "content": "4 C"}], "role 'tool' is not supported"),
        ([CHAT[0], CALL, SAID], "tool calls are not supported"),
        ([CHAT[0], {"role": "assistant", "content": None}, SAID], "'assistant' has no content"),
        ([{"role": "function", "content": "x"}], "role 'function' is not supported"),
        ([{"from": "observation", "value": "x"}], "role 'observation' is not supported"),
        ([{"content": "x"}], "a message's role is 'missing'"),
        ([{"role": ["user"], "content": "x"}], "a message's role is ['user']"),
        ([{"role": "user", "content": 7}], "a message's content is 7"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            "content of the type 'image_url' is not supported",
        ),
        ([{"role": "user", "content": [{"type": "audio", "text": None}]}], "'audio' is not supp"),
        ([1], "1 is no message"),
        ({"en": "Why?", "de": "Warum?"}, "an object of en, de; name the one meant: #messages.KEY"),
    ],
)
def test_what_is_set_aside_says_why(cell, problem):
    assert problem in refused(cell)


@pytest.mark.parametrize(
    "cell", [None, "", " ", [], [{"role": "assistant", "content": "B."}], [""]]
)
def test_nothing_to_answer(cell):
    found = read_messages(cell, "messages")
    assert isinstance(found, NoPrompt)
    assert found.why == "empty_prompt"


def test_every_reason_is_counted_with_an_example(tmp_path):
    path = tmp_path / "p.jsonl"
    rows = [
        {"messages": chat} for chat in (CHAT, [CHAT[0], CALL, {"role": "tool", "content": "4"}])
    ]
    rows += [{"messages": [{"role": "tool", "content": "x"}]}, {"messages": "Why?"}, rows[0]]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    loaded = load_prompts([str(path)], limit=None, seed=0, commits={})
    assert len(loaded.prompts) == 1
    tools, texts, again = (reason.in_words for reason in loaded.left_out)
    assert tools.startswith("2 rows left out, malformed: role 'tool' is not supported; as in p.jso")
    assert tools.endswith("p.jsonl line 2: {'role': 'tool', 'content': '4'}")
    assert texts.startswith("1 row left out, malformed: messages holds text; a list of messages is")
    assert texts.endswith("p.jsonl line 4: 'Why?'")
    assert again.startswith("1 row left out, duplicate: the prompt of another row")
    assert again.endswith("p.jsonl line 5: repeats p.jsonl line 1")
    assert sum(reason.rows for reason in loaded.left_out) == len(loaded.dropped)


def test_a_parquet_file_of_chats(tmp_path):
    path = tmp_path / "p.parquet"
    pl.DataFrame({"conversations": [CHAT, [*CHAT, SAID]]}).write_parquet(path)
    loaded = load_prompts([str(path)], limit=None, seed=0, commits={})
    assert [len(messages) for messages in loaded.prompts["messages"].to_list()] == [1, 3]
