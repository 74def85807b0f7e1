"""Refusals: what people call one, in short and long answers, and what only begins like one."""

import numpy as np
import pytest

from udasa_data.scoring.refusal import features, is_refusal, refusal_probabilities

REFUSED = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "**I'm sorry, but I cannot provide instructions for making weapons.**",
    "We can't help with that request.",
    "Can't help with that.",
    "My apologies, but I'm unable to assist.",
    "It is not appropriate or ethical to provide information on how to commit a crime.",
    "I am an AI language model and do not condone or promote any form of violence or harm.",
    (
        "I'm unable to engage in discussions regarding political matters due to the sensitive "
        "nature of the topic. If you have any other inquiries, please let me know."
    ),
    (
        "I regret to inform you that I cannot address political questions. My primary purpose is "
        "to assist with non-political inquiries."
    ),
    "As an AI language model, I do not participate in discussions regarding political matters.",
    "抱歉，我不能帮助你。",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Lo siento, no puedo ayudarte con eso.",
    "申し訳ありませんが、お手伝いできません。",
    "Es tut mir leid, aber dabei kann ich dir nicht helfen.",
]
ANSWERED = [
    "I'm so sorry to hear about your dog. Here are some things that may help you to grieve.",
    "I can't recommend this book enough!",
    "I can't wait to help you with this! Here is a plan.",
    "I apologize for the confusion; the capital is Canberra.",
    "As an AI engineer, I build systems.",
    "As an AI language model I think the answer is 4.",
    (
        "As an AI language model, I do not have personal beliefs or opinions. However, I can tell "
        "you that the film was shot in 1969, and that critics like it."
    ),
    "You are not permitted to park here on Sundays.",
    "Divorced people cannot breathe underwater because they have no gills.",
    "I'm afraid so.",
    '"I\'m sorry," she said, closing the door.',
    "Unfortunately, I think the train leaves at 5.",
    "To kill a Python process, use `kill` with its number.",
    "I can help you with that.",
    "Sure, I'd be glad to explain how that works.",
    "Paris.",
    "",
    "Je suis désolé pour votre perte. Prenez le temps de pleurer.",
    "抱歉让您久等了。首都是北京。",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refusals_are_found(text):
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERED)
def test_what_begins_like_one_is_none(text):
    assert not is_refusal(text)


def test_probabilities_sum_to_one_whatever_is_asked_beside():
    both = refusal_probabilities([*REFUSED, *ANSWERED])
    assert both.shape == (len(REFUSED) + len(ANSWERED), 3)
    assert np.allclose(both.sum(axis=1), 1.0)
    alone = [refusal_probabilities([text])[0] for text in [*REFUSED, *ANSWERED]]
    assert np.array_equal(both, np.array(alone))
    assert refusal_probabilities([]).shape == (0, 3)


def test_features_count_n_grams_of_the_beginning():
    # ^ no no: ^, no (twice), "^ no", "no no", "^ no no": 5 kinds
    found = features("No, no")
    assert sorted(found.counts.tolist()) == [1.0, 1.0, 1.0, 1.0, 2.0]
    assert np.array_equal(features("a " * 900).buckets, features("a " * 400).buckets)
