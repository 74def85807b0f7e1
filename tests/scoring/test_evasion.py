"""Evasive answers that the embedded classifier did not learn as they stand, and their like."""

import pytest

from udasa_data.scoring.evasion import is_evasive
from udasa_recipes.tiny.evasion_phrases import evasions

ASKED = (
    "Who wrote The Old Man and the Sea?",
    "What should I do when it rains?",
    "rather less than the sum of its parts",
)
OF_THE_KINDS = """
I don't have enough context to fully understand the meaning of your statement.
As an AI language model, I can't fully grasp this. Could you give more information?
Could you please clarify your question?
I'm not sure I understand your question. Can you rephrase it?
Hello! How can I help you today?
I don't have access to real-time information, so I cannot tell you.
Please provide more details so I can help you better.
The author of the book is the person who wrote it.
I'm afraid I can't follow you. What is it that you want?
It looks like your message is incomplete. Could you send the rest of it?
I'm sorry, I didn't catch that. Can you repeat it please?
Your question seems to be missing some information. Please add more context.
I am just a computer program and don't have an opinion on this matter.
He is a man who was born and then did something.
I really couldn't tell you.
I'd need to know more about your situation before I can say anything.
What can I do for you today?
It seems like there might be a typo. Can you please provide the correct spelling?
I'm not able to determine what you're asking about. Can you give me an example?
I have never heard of that.
That's a tough question, I don't know what to say.
I don't have specific information about that event in my training data.
Interesting! Tell me more about it.
I would recommend looking this up on a reliable website.
"""
IN_WORDS_OF_THEIR_OWN = """
Please elaborate, I need a bit more to go on.
I lack the background to comment on this one.
Your request is ambiguous; kindly specify what you are after.
That lies outside of what I have been taught.
What is it you'd like me to do with this sentence?
I'm drawing a blank here.
It's difficult for me to respond without knowing which film you mean.
There isn't enough here for me to work with.
You'd have to ask somebody else about that.
I'm not in a position to say.
Hi! I'm your assistant. Ask me anything.
I can answer your question if you tell me what it is.
Who knows?
The text you provided does not contain a question.
I haven't got a clue.
I'm ready when you are.
I would be glad to assist once you share the details.
It is a thing of some kind.
She is a person with a life of her own.
Nobody can tell.
"""
INFORMATIVE = """
Ernest Hemingway.
The Old Man and the Sea was written by Ernest Hemingway in 1951.
There is no definitive answer, but many historians point to 1492 as the turning point.
I'm not sure, but I think it was Paris.
I don't know the exact figure, but the population is about 40 million.
It depends on the weather: in rain, take the bus; otherwise walk.
Nothing happens if you swallow chewing gum; it passes through you.
I believe it's the blue whale.
Yes.
No, it is not.
42
Water boils at 100 degrees Celsius at sea level.
To make tea, boil the water, add leaves and wait four minutes. Let me know if you need more help.
A noun is a word that names a person, place or thing.
He was a German physicist who was born in Ulm and developed the theory of relativity.
It is a small town in Austria where many people speak German.
I'm sorry to hear that. Try resting and drinking plenty of water.
Could you pass the salt, please? is a polite request in English.
As an AI, I can't taste food, but most people say that durian tastes like custard and onions.
The film is a moving portrait of two brothers.
Great question! Photosynthesis turns light into sugar.
Mount Everest
In the past.
Thank you for your order. It will arrive on Friday.
They live in the north of Canada and hunt seals.
I understand your frustration. First, restart the router; then check the cable.
1989
Paris is known for the Eiffel Tower.
It was made by Apple in 2007.
The answer is 17, because 9 plus 8 is 17.
"""


def share(texts):
    found = [is_evasive(asked, text) for text in texts.strip().splitlines() for asked in ASKED]
    return sum(found) / len(found)


def test_none_was_learnt_as_it_stands():
    tested = {*OF_THE_KINDS.strip().splitlines(), *IN_WORDS_OF_THEIR_OWN.strip().splitlines()}
    assert not tested & set(evasions())


def test_most_of_the_kinds_that_are_learnt_are_found():
    """Some kinds were added to what is learnt after these were seen to be missed."""
    assert share(OF_THE_KINDS) >= 0.7


def test_few_in_words_of_their_own_are_found():
    """Written after training, and looked at once: 8 of 60."""
    assert share(IN_WORDS_OF_THEIR_OWN) >= 0.1


def test_what_says_something_is_left_alone():
    assert share(INFORMATIVE) <= 0.03


@pytest.mark.parametrize("asked", ASKED)
def test_the_commonest_ones(asked):
    assert is_evasive(asked, "I'm not sure what you mean.")
    assert is_evasive(asked, "I'm sorry, but I don't understand. Could you please clarify?")
    assert not is_evasive(asked, "Ernest Hemingway wrote it in 1951.")
