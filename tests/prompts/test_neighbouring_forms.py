"""Forms beside those that were reported: other templates, spellings, tables, columns."""

import json
import sys
from pathlib import Path

import pytest

from udasa_data.errors import UserError
from udasa_data.prompts.transcripts import transcript_of

sys.path.append(str(Path(__file__).parents[1] / "cases"))
from prompt_files import asked, load, reasons, write

ANSWERED = {
    "OpenAssistant": "<|prompter|>Q?<|endoftext|><|assistant|>SAID<|endoftext|>",
    "harmony": "<|start|>system<|message|>S<|end|><|start|>user<|message|>Q?<|end|>"
    "<|start|>assistant<|channel|>final<|message|>SAID",
    "DeepSeek": "<｜begin▁of▁sentence｜><｜User｜>Q?<｜Assistant｜>SAID",
    "Kimi": "<|im_user|>user<|im_middle|>Q?<|im_end|><|im_assistant|>assistant<|im_middle|>SAID",
    "Command R": "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Q?<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>SAID",
    "Llama 4": "<|header_start|>user<|header_end|>\n\nQ?<|eot|><|header_start|>assistant"
    "<|header_end|>\n\nSAID",
    "Granite": "<|start_of_role|>user<|end_of_role|>Q?<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>SAID",
    "EXAONE": "[|user|]Q?\n[|assistant|]SAID",
    "OpenChat": "GPT4 Correct User: Q?<|end_of_turn|>GPT4 Correct Assistant: SAID",
    "Nemotron": "<extra_id_0>System\n\n<extra_id_1>User\nQ?\n<extra_id_1>Assistant\nSAID",
    "Mistral": "<s>[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]Q?[/INST]SAID</s>",
    "MPT": "<|im_start|>human\nQ?<|im_end|>\n<|im_start|>gpt\nSAID",
    "InternLM": "<|User|>:Q?<eoh>\n<|Bot|>:SAID<eoa>",
    "Vicuna": "A chat between a curious user and an AI. USER: Q? ASSISTANT: SAID</s>",
    "RedPajama": "<human>: Q?\n<bot>: SAID",
    "WebGPT": "## Human:\nQ?\n\n## Assistant:\nSAID",
    "headings": "# User\nQ?\n# Assistant\nSAID",
    "bold": "**User:** Q?\n\n**Assistant:** SAID",
    "fields": "### Input:\nQ?\n\n### Output:\nSAID",
    "Chinese": "用户：Q?\n助手：SAID",
    "ChatGLM": "[Round 1]\n\n问：Q?\n\n答：SAID",
    "Q and A": "Q: What?\nA: SAID",
}


@pytest.mark.parametrize("text", ANSWERED.values(), ids=ANSWERED)
@pytest.mark.parametrize("column", ["text", "prompt"])
def test_an_answer_in_a_text_never_reaches_the_policy(text, column, tmp_path):
    rows = [{column: text}, {column: "Why is the sky blue?"}]
    loaded = load(write(tmp_path / "p.jsonl", rows))
    assert "SAID" not in str(loaded.prompts.to_dicts())
    assert "give messages" in reasons(loaded)
    assert len(loaded.prompts) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Q: 1 + 1?\nA: 2\n\nQ: 2 + 2?\nA:",  # few shots, with the answer left to the policy
        "# Input\n3\n# Output\n9\n# Input\n4\n# Output\n",
        "Question: Which is a colour?\nA: red\nB: loud\nC: far",
        "<user> is a tag; what is it for?",
        "Explain <|prompter|> and <|assistant|> to me.",
        "[USER] means what?",
        "**Question:** What is it?",
        "<human>: Q?\n<bot>:",
    ],
)
def test_a_prompt_that_only_looks_like_one_stays(text):
    assert transcript_of(text) is None


@pytest.mark.parametrize(
    "turns",
    [
        [{"speaker": "user", "text": "Q?"}, {"speaker": "assistant", "text": "SAID"}],
        [{"user": "Q?"}, {"assistant": "SAID"}],
        [{"human": "Q?", "assistant": "SAID"}],
        [{"role": "user", "parts": [{"text": "Q?"}]}, {"role": "model", "parts": [{"text": "N"}]}],
    ],
)
@pytest.mark.parametrize("column", ["messages", "conversation", "contents"])
def test_turns_under_other_keys(turns, column, tmp_path):
    assert asked(load(write(tmp_path / "p.jsonl", [{column: turns}]))) == ["Q?"]


@pytest.mark.parametrize(
    ("value", "prompts"),
    [
        ({"prompt": {"0": "A?", "1": "B?"}, "n": {"0": 1, "1": 2}}, ["A?", "B?"]),
        ({"prompt": ["A?", "B?"], "n": [1, 2]}, ["A?", "B?"]),  # Dataset.to_dict, orient="list"
        ({"messages": [{"role": "user", "content": "A?"}]}, ["A?"]),
        ({"7": {"prompt": "A?"}, "9": {"prompt": "B?"}}, ["A?", "B?"]),
        ({"columns": ["n", "prompt"], "index": [0], "data": [[1, "A?"]]}, ["A?"]),
        ({"features": [], "rows": [{"row_idx": 0, "row": {"prompt": "A?"}}]}, ["A?"]),
        ({"prompt": {"text": "A?"}}, ["A?"]),  # one row with an object, as before
    ],
    ids=["columns", "lists", "a list of turns", "index", "split", "viewer", "object"],
)
def test_tables_as_pandas_and_the_hubs_viewer_write_them(value, prompts, tmp_path):
    assert asked(load(write(tmp_path / "p.json", json.dumps(value)))) == prompts


@pytest.mark.parametrize("name", ["p.jl", "p.jsonlines", "p.JSONL.gz"])
def test_other_names_of_json_lines(name, tmp_path):
    assert asked(load(write(tmp_path / name, '\x1e{"prompt": "A?"}\n'))) == ["A?"]


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        (" Prompt , Context \nA?,x\n", ["A?"]),
        ('prompt, context\n"A, b?", "x, y"\n', ["A, b?"]),
        ("prompt|context\nA, b?|x\n", ["A, b?"]),
        ("QUESTION\nA?\n", ["A?"]),
    ],
)
def test_headers_as_people_write_them(text, prompts, tmp_path):
    assert asked(load(write(tmp_path / "p.csv", text))) == prompts


def test_names_in_another_case_mean_the_same(tmp_path):
    rows = [{"Instruction": "Sum up", "Input": "This.", "Axis": "harmlessness", "ID": 1}]
    loaded = load(write(tmp_path / "p.jsonl", rows))
    assert asked(loaded) == ["Sum up\n\nThis."]
    assert loaded.prompts["axis"].to_list() == ["harmlessness"]
    # the one that is spelt as ours wins, and one that is named is taken as it is named
    both = write(tmp_path / "b.jsonl", [{"Prompt": "A?", "prompt": "B?"}])
    assert asked(load(both)) == ["B?"]
    assert asked(load(f"{both}#Prompt")) == ["A?"]
    with pytest.raises(UserError, match="no column 'PROMPT'"):
        load(f"{both}#PROMPT")


def test_system_prompts_and_earlier_turns_in_columns_of_their_own(tmp_path):
    rows = [
        {"system_prompt": "Be kind.", "question": "A?"},  # OpenOrca
        {"system": "Be brief now.", "question": "B?", "history": []},  # LLaMA-Factory
        {"history": [["Hi", "Hello"], ["So?", "Yes"]], "question": "C?"},
        {"system": "linux", "question": "D?", "history": None},
    ]
    loaded = load(write(tmp_path / "p.jsonl", rows))
    turns = [[(turn["role"], turn["content"]) for turn in m] for m in loaded.prompts["messages"]]
    earlier = [("user", "Hi"), ("assistant", "Hello"), ("user", "So?"), ("assistant", "Yes")]
    assert turns == [
        [("system", "Be kind."), ("user", "A?")],
        [("system", "Be brief now."), ("user", "B?")],
        [*earlier, ("user", "C?")],
        [("user", "D?")],
    ]
    own = [{"role": "system", "content": "Mine."}, {"role": "user", "content": "E?"}]
    (kept,) = load(write(tmp_path / "o.jsonl", [{"messages": own, "system": "Not this."}])).prompts[
        "messages"
    ]
    assert kept.to_list() == own
    other = load(write(tmp_path / "s.jsonl", [{"prompt": "F?", "history": "long", "system": "x1"}]))
    assert "column 'history' holds 'long': not read as earlier turns" in reasons(other)
    assert "column 'system' holds 'x1': not read as a system prompt" in reasons(other)
