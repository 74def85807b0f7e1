"""Thoughts parted from answers: every tag, where they begin and end, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udasa_data.config import ReasoningTags
from udasa_data.engines.reasoning import KNOWN, Thoughts

THINK = KNOWN[0]


@pytest.mark.parametrize("tags", KNOWN, ids=lambda tags: tags.open)
def test_each_known_tag_parts_thought_and_answer(tags):
    said = f"\n{tags.open}\nRice is a dish.\n{tags.close}\n\nCook rice.\n"
    parted = Thoughts().part(said)
    assert parted == (f"\n{tags.open}\nRice is a dish.\n{tags.close}\n\n", "Cook rice.\n", True)
    unclosed = Thoughts().part(f"{tags.open}Rice is")
    assert (unclosed.answer, unclosed.closed) == ("", False)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Cook rice.", "Cook rice."),
        (" Cook rice.", "Cook rice."),
        # several, and one in another
        ("<think>a</think>\n<think>b</think>c", "c"),
        ("<think>a<think>b</think>c</think>d", "d"),
        # a thought that only names its tag, and an answer that names both
        ("<think>they ask of <think> here</think>It begins a thought.", "It begins a thought."),
        ("Write <think>, </think>\nat the end.", "Write <think>, </think>\nat the end."),
        ("The tag `</think>`\nends it.", "The tag `</think>`\nends it."),
        ("Put </think> before the answer.", "Put </think> before the answer."),
        # of a template that opens it, on a server that does not say so
        ("Rice, then.\n</think>\n\nCook rice.", "Cook rice."),
        ("Rice, then.</think>Cook rice.", "Cook rice."),
        # gpt-oss: with a thought, and without
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Rice.",
            "Rice.",
        ),
        ("<|channel|>final<|message|>Rice.", "Rice."),
        ("", ""),
        (" \n", ""),
    ],
)  # fmt: skip
def test_the_answer_is_what_follows_the_thought(said, answer):
    parted = Thoughts().part(said)
    assert (parted.answer, parted.closed) == (answer, True)
    assert parted.reasoning + parted.answer == said


def test_a_thought_that_the_prompt_opens_ends_or_is_all_there_is():
    opened = Thoughts().opened_by("<|assistant|><think>\n")
    assert opened == THINK
    assert Thoughts().part("Hm.\n</think>\n\nRice.", opened) == ("Hm.\n</think>\n\n", "Rice.", True)
    assert Thoughts().part("<think>\nHm.</think>Rice.", opened).answer == "Rice."  # said again
    assert Thoughts().part("Rice is a", opened) == ("Rice is a", "", False)
    assert Thoughts().opened_by("<|assistant|><think>\n\n</think>\n\n") is None


def test_tags_of_a_configuration_are_the_only_ones():
    thoughts = Thoughts(ReasoningTags(open="<<", close=">>"))
    assert thoughts.part("<<a>> b").answer == "b"
    assert thoughts.part("<think>a</think>b").answer == "<think>a</think>b"
    assert Thoughts("off").part("<think>a</think>b").answer == "<think>a</think>b"


def test_a_thought_that_a_server_told_apart_gets_the_tags_that_the_model_writes():
    thoughts = Thoughts()
    template = "{{ '[THINK]' }}"
    assert thoughts.wrapped("Hm.", "<assistant>", template) == "[THINK]\nHm.\n[/THINK]\n\n"
    assert thoughts.wrapped("Hm.", "<assistant><think>\n", "") == "Hm.\n</think>\n\n"
    for as_said in ("", " ", "<think>a</think>", "a</think>"):
        assert thoughts.wrapped(as_said, "<assistant>", template) == as_said


PIECES = st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "a", " ", "\n", ".", "`"])


@given(st.lists(PIECES).map("".join), st.booleans())
def test_nothing_is_lost_and_no_answer_begins_with_white_space(said, is_opened):
    parted = Thoughts().part(said, THINK if is_opened else None)
    assert parted.reasoning + parted.answer == said
    assert parted.answer == parted.answer.lstrip()
    assert parted.closed or not parted.answer
