"""Conversations written as one text: the last answer must not reach the policy."""

import time

import pytest

from udasa_data.prompts.messages import read_messages
from udasa_data.prompts.transcripts import transcript_of
from udasa_data.prompts.turns import NoPrompt

HH = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Bye?\n\nAssistant: the reference"
ALPACA = (
    "### Instruction:\nHi\n\n### Response:\nHello.\n\n### Instruction:\nBye?\n\n### Response:\nthe"
)


@pytest.mark.parametrize(
    "text",
    [
        HH,
        HH.replace("\n", "\r\n"),
        "Human: Hi\nAssistant: Hello.\nHuman: Bye?\nAssistant: the reference",
        "Human: Hi\rAssistant: Hello.\rHuman: Bye?\rAssistant: the reference",
        "Human: Hi\nAssistant: Hello.\n\nHuman: Bye?\nAssistant: the reference",
        "### Human: Hi\n### Assistant: Hello.\n### Human: Bye?\n### Assistant: the reference",
        "### Human: Hi ### Assistant: Hello. ### Human: Bye? ### Assistant: the reference",
        "User: Hi\nAssistant: Hello.\nUser: Bye?\nAssistant: the reference",
        "USER: Hi\nASSISTANT: Hello.\nUSER: Bye?\nASSISTANT: the reference",
        "user: Hi\nbot: Hello.\nuser: Bye?\nbot: the reference",
        "Human: Hi\n\nAI: Hello.\n\nHuman: Bye?\n\nAI: the reference",
        ALPACA,
    ],
)
def test_transcripts_of_every_form(text):
    assert read_messages(text, "prompt") == [
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "Bye?"),
    ]


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("Human: Hi", [("user", "Hi")]),
        ("System: Be kind.\nHuman: Hi\nAssistant:", [("system", "Be kind."), ("user", "Hi")]),
        # in one set apart by blank lines, a line inside a turn is part of it
        (
            "\n\nHuman: Go on:\nHuman: a\n\nAssistant: the reference",
            [("user", "Go on:\nHuman: a")],
        ),
        # both readings ask the same
        (
            "\n\nHuman: Hi\n\nAssistant: One.\nAssistant: the reference",
            [("user", "Hi")],
        ),
        (
            "Below is an instruction.\n\n### Instruction:\nHi\n\n### Response:\nthe reference",
            [("user", "Hi")],
        ),
        (
            "A chat between a human and an assistant. ### Human: Hi ### Assistant: the reference",
            [("system", "A chat between a human and an assistant."), ("user", "Hi")],
        ),
    ],
)
def test_other_transcripts(text, turns):
    assert read_messages(text, "prompt") == turns


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Human: Hi Assistant: the reference", "inside a line"),
        ("USER: Hi ASSISTANT: the reference", "inside a line"),
        ("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nthe reference", "chat template"),
        ("<s>[INST] Hi [/INST] the reference </s>", "chat template"),
        ("<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nthe", "chat template"),
        ("<|user|>\nHi</s>\n<|assistant|>\nthe reference", "chat template"),
        ("Some words.\n\nHuman: Hi\n\nAssistant: the reference", "before the first turn"),
        ("Human: a\n\nAssistant: b\n\nHuman: c\nAssistant: d\n\nHuman: e", "in two ways"),
    ],
)
def test_what_may_hold_an_answer_and_cannot_be_read_is_malformed(text, problem):
    found = read_messages(text, "prompt")
    assert isinstance(found, NoPrompt)
    assert found.why == "malformed"
    assert problem in found.problem
    assert found.found  # an excerpt


@pytest.mark.parametrize(
    "text",
    [
        "What is a human: an animal?",
        "User: alice\nIs that a good name?",
        "What does <|im_start|>assistant do in [INST] or [/INST] here?",
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant",
        "Model: T\nYear: 1908\nWho built it?",
        "AI: what is it?",
        "Complete this:\n\nHuman: Hi\n\nAssistant:",  # no answer stands in it
        "Which of these is an assistant?\n- Human: no\n- Robot: yes",
    ],
)
def test_plain_text_stays_as_it_is(text):
    assert transcript_of(text) is None
    assert read_messages(text, "prompt") == [("user", text)]


@pytest.mark.parametrize(
    "text",
    [
        *("\n" * 200_000, " \t" * 100_000 + "x", "### " * 50_000, "<|im_start|>" * 20_000),
        *("Human:" + " \n" * 100_000, "Human: a\n\nAssistant: b\n" * 5_000, "}\n" * 50_000),
        "[" + " " * 200_000 + "{",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_no_text_takes_long(text):
    started = time.monotonic()
    read_messages(text, "messages")
    assert time.monotonic() - started < 5


def test_chosen_and_rejected_without_a_prompt_are_no_question():
    assert isinstance(read_messages("An answer.", "chosen"), NoPrompt)
