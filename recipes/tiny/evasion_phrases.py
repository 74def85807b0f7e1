"""Short answers whose label needs no person: what says nothing of any question, and its like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

_OPENINGS: Final = (
    "",
    "I'm sorry, but ",
    "I'm sorry, ",
    "Sorry, ",
    "I apologize, but ",
    "As an AI language model, ",
    "As an AI, ",
    "Unfortunately, ",
    "Hmm, ",
    "Well, ",
)
_LOST: Final = (
    "I'm not sure what you mean",
    "I'm not sure what you're asking",
    "I am not sure what you are referring to",
    "I'm not sure I understand",
    "I'm not sure I understand the question",
    "I don't understand",
    "I don't understand the question",
    "I do not understand what you mean",
    "I don't quite understand what you want",
    "I didn't get that",
    "I couldn't understand your message",
    "I don't have enough context to understand the question",
    "I don't have enough context to answer",
    "I don't have enough information to answer that",
    "I don't have enough information about what you are asking",
    "I do not have the context of your statement",
    "it's not clear what you are asking",
    "it is unclear what you mean",
    "your question is not clear to me",
    "I have no idea what you mean",
    "I need more information to answer this",
    "I need more context to help you",
    "the question is too vague for me to answer",
    "you haven't given me enough details",
    "I can't follow you",
    "I don't see what you are getting at",
    "I can't tell what this is about",
    "I'm confused by your question",
    "I'm having trouble understanding you",
    "it seems that your message is incomplete",
    "it looks like your sentence was cut off",
    "there seems to be a mistake in your question",
    "there may be a typo in what you wrote",
    "your message seems to be missing something",
    "this doesn't look like a question",
    "I would need to know more before I can say anything",
    "I would have to see the text first",
    "without more context, it is difficult to give an answer",
    "I cannot determine what you want from me",
)
_TAILS: Final = (
    ".",
    " by that.",
    ". Could you clarify?",
    ". Could you please clarify your question?",
    ". Could you please provide more context or details?",
    ". Can you rephrase it?",
    ". Can you give me more information?",
    ". What do you mean?",
    ". Please provide more information so that I can assist you better.",
    ". Could you tell me more about what you would like to know?",
    ". Could you explain what you are referring to?",
    ". If you tell me more, I will do my best to help.",
)
_ASKS_BACK: Final = (
    "Could you please provide more details about your question?",
    "Could you please clarify what you need?",
    "Can you be more specific?",
    "Can you please explain what you mean?",
    "What do you mean?",
    "What do you mean by that?",
    "What would you like to know?",
    "What do you want to know about it?",
    "What kind of help do you need?",
    "What exactly are you looking for?",
    "How can I help you?",
    "Hello! How can I assist you today?",
    "Hi there! How may I help you?",
    "Sure! What would you like to know?",
    "Sure, I'd be happy to help! What do you need?",
    "Of course! Please tell me more about it.",
    "I'm here to help. What is your question?",
    "I'm happy to answer any questions you have.",
    "Please provide the text you want me to work with.",
    "Please give me more details so I can help you.",
    "Please ask me a specific question.",
    "Is there anything else I can help you with?",
    "Tell me more!",
    "Tell me more about it.",
    "Interesting! Go on.",
    "What can I do for you?",
    "What's on your mind?",
    "Why do you ask?",
    "Can you repeat that, please?",
    "Can you give me an example?",
    "Could you send me the rest?",
    "Which one do you mean?",
    "I'll do my best to help you with that!",
    "Let me know how I can help.",
    "Let me know if you have any other questions.",
    "Yes, I can help you with that.",
    "Thanks for asking! What about you?",
)
_UNKNOWING: Final = (
    "I don't know",
    "I do not know the answer",
    "I don't know the answer to that question",
    "I don't know anything about that",
    "I have no idea",
    "I'm not sure",
    "I'm not sure about that",
    "I'm not really sure",
    "I am not sure how to answer that",
    "I don't have an answer to that",
    "I don't have any information about this",
    "I have no information on this topic",
    "I'm not familiar with it",
    "I'm not aware of that",
    "I don't have access to that information",
    "I don't have access to real-time information",
    "I don't have personal opinions",
    "I don't have personal experiences or feelings",
    "I can't say",
    "I cannot say for sure",
    "it's hard to say",
    "I have no comment",
    "I'd rather not say",
    "I have no opinion on that",
    "I do not know",
    "I do not know that",
    "I really don't know",
    "I don't know what to say",
    "I couldn't tell you",
    "I've never heard of it",
    "I have never heard of him",
    "no idea",
    "I don't remember",
    "I can't recall",
    "I can't find anything about it",
    "I don't have specific information about that",
    "that is not in my training data",
    "my knowledge does not reach that far",
    "I'm only a program and have no view on this",
    "I am just a language model and don't have opinions",
    "I can't give you an answer to that",
    "I'm unable to give you a definite answer",
    "that's a tough one",
    "you should look that up",
    "I would recommend asking an expert",
    "I suggest you consult a reliable website",
    "it would be best to ask someone who knows",
)
_AND: Final = (
    ".",
    ", sorry.",
    ". You may want to look it up.",
    ". I suggest that you search for it online.",
    ". Please check a reliable source for the latest information.",
    ", so I cannot answer your question.",
    ". Is there something else you would like to ask?",
    ". What do you think?",
)
_EMPTY: Final = (
    "That's a good question.",
    "That is a great question!",
    "That's an interesting question.",
    "What an interesting topic!",
    "This is a very complex question.",
    "Thank you for your question.",
    "Let me think about that.",
    "Okay.",
    "I see.",
    "I understand.",
    "Sure!",
    "Sure, here it is:",
    "Here is the answer to your question:",
    "I hope this helps!",
    "It is what it is.",
    "It depends.",
    "There are many answers to this question.",
    "There are many things to say about it.",
    "Everyone has an opinion on that.",
)
_SUBJECTS: Final = ("He", "She", "It", "This", "The person", "The answer", "The name", "They")
_VACUOUS: Final = (
    "was a person who was born somewhere",
    "was a man who lived in a place",
    "was a woman who did many things",
    "is someone who has a name",
    "is a person who is known for what they did",
    "is a thing that people talk about",
    "is something that exists in the world",
    "is a kind of thing that is used for many things",
    "is a word that has a meaning",
    "is a place where people live",
    "is what it is called",
    "is the one that you asked about",
    "can be found in some places",
    "happened at some time in the past",
    "was made by someone",
    "is the person who did it",
    "is a man who was born and did things",
    "is the thing that was asked for",
    "is a name that was given to it",
    "is called by its name",
    "was the one who made it",
    "has many different parts",
)
_WRITTEN: Final = (  # they ask for more because they were asked to
    "Dear Ms. Lane, could you please provide more details about the position? Kind regards, Tom",
    "Subject: Your order. Could you please clarify which size you would like? We ship on Friday.",
    'Question: "What do you mean by justice?" Answer: giving each person what is due to them.',
    "1. What would you like to know about our company? 2. Where do you see yourself in five years?",
    'He shrugged. "I don\'t know," he said, and the train left without him.',
    "The chorus goes: I don't know why you say goodbye, I say hello.",
)
_GUESSES: Final = (
    "I'm not sure, but I think it is {}",
    "I don't know exactly, but it may be {}",
    "It depends: {}",
    "That's a good question. {}",
    "As an AI language model, I don't have personal opinions, but {}",
    "I don't have access to real-time information, but as far as I know: {}",
    "I'm not sure what you mean, but if you ask in general: {}",
    "Sure! {}",
    "Here is the answer to your question: {}",
    "{} What else would you like to know?",
    "{} I hope this helps!",
    "{} Could you tell me more about your situation, so that I can be more specific?",
)


def evasions() -> list[str]:
    """Return answers that say nothing of any question."""
    lost = [_begun(opening, core) + t for opening, core, t in product(_OPENINGS, _LOST, _TAILS)]
    unknowing = [_begun(o, core) + t for o, core, t in product(_OPENINGS, _UNKNOWING, _AND)]
    vacuous = [f"{subject} {rest}." for subject, rest in product(_SUBJECTS, _VACUOUS)]
    few = [*_ASKS_BACK, *_EMPTY]
    return [*lost, *unknowing, *vacuous, *(8 * few)]


def no_evasions(answers: Sequence[str]) -> list[str]:
    """Return answers that begin or end as evasive ones do, and say something.

    Args:
        answers: that say something, one a result.
    """
    framed = [_GUESSES[n % len(_GUESSES)].format(text) for n, text in enumerate(answers)]
    return [*framed, *(8 * _WRITTEN)]


def _begun(opening: str, core: str) -> str:
    """Return a sentence's beginning, its first letter large."""
    text = opening + core
    return text[:1].upper() + text[1:]
