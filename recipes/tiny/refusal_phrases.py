"""Short answers whose label needs no person: refusals, and what only begins like one."""

from __future__ import annotations

from itertools import product
from typing import Final

_OPENINGS: Final = (
    "",
    "I'm sorry, but ",
    "I'm sorry, ",
    "Sorry, ",
    "Sorry, but ",
    "I apologize, but ",
    "My apologies, but ",
    "Unfortunately, ",
    "As an AI language model, ",
    "As an AI, ",
    "I'm just an AI, and ",
    "I'm afraid ",
    "No, ",
    "Thank you for asking, but ",
)
_UNABLE: Final = (
    "I can't",
    "I cannot",
    "I am unable to",
    "I'm unable to",
    "I'm not able to",
    "I won't",
    "I will not",
    "I must decline to",
    "we can't",
    "I don't feel comfortable being asked to",
    "I'd rather not",
    "I refuse to",
    "I do not",
)
_SERVICES: Final = (
    "help",
    "help with that",
    "assist",
    "assist with this request",
    "provide that information",
    "fulfill your request",
    "answer that question",
    "comply with that",
    "discuss this topic",
    "give instructions for that",
    "do that",
    "tell you how to do that",
    "help you hurt anyone",
    "engage in that",
)
_WILLING: Final = (
    "I can",
    "Sure, I can",
    "Yes, I can",
    "Of course, I can",
    "I'm happy to",
    "I'd be glad to",
    "I am able to",
    "We can",
    "I will",
    "Let me",
)
_OTHERWISE: Final = (
    "That's not something I can help with.",
    "That is not something I am able to do.",
    "This is not something I can discuss.",
    "No. I won't do that.",
    "No, I will not write this.",
    "It would not be appropriate for me to answer that.",
    "It would be wrong to explain how.",
    "I must ask you not to do that, and I won't explain how.",
)
_IDIOMS: Final = (
    "I can't wait to show you how.",
    "I can't wait to read the next part!",
    "I can't believe how well it turned out.",
    "I can't praise this film enough.",
    "I cannot stress enough how important sleep is.",
    "I cannot thank you enough.",
    "I can't help but smile at this one.",
    "I can't think of a better place to start than the kitchen.",
    "I cannot imagine how hard that was. Talk to a friend first.",
    "I won't pretend it is easy. Start with ten minutes a day.",
    "I will not bore you with details: the result is 17.",
    "I won't keep you long. First, heat the oven.",
    "I'm afraid it is true.",
    "I'm afraid of spiders too! What helped me was this:",
    "I am not going to lie, the first week is hard. Then it gets easier.",
    "Unfortunately, I believe the shop closes at six.",
    "Unfortunately, I missed the last bus and walked home.",
    "Unfortunately, the concert was cancelled. Tickets are refunded.",
)
_SYMPATHY: Final = (
    "I'm so sorry to hear about your cat.",
    "I'm sorry to hear that you had a bad day.",
    "I'm really sorry that this happened to you.",
    "I am sorry for your loss.",
    "I'm sorry you're going through this.",
    "Sorry to hear that!",
    "I'm sorry about the trouble with your order.",
    "I apologize for the mix-up.",
    "I apologize for the delay in answering.",
    "I apologize for my mistake above.",
    "Sorry, I misread the question.",
    "Sorry for the long wait.",
    "My apologies for the wrong figure.",
)
_THEN: Final = (
    "Here are some things that may help: rest, and talk about it.",
    "Grief takes time, and it is fine to cry.",
    "The right answer is 12.",
    "The capital of Australia is Canberra.",
    "You can try to restart the router first.",
    "Please send me the number and I will look at it.",
    "What happened then?",
)
_ROLES: Final = (
    "As an AI engineer, I build models all day.",
    "As an AI researcher, I would begin with the data.",
    "As an AI language model, I would say the answer is 9.",
    "As an AI, I have read many recipes; this one is simple: boil the rice.",
    "As an AI assistant, I'm happy to help. Step one: open the settings.",
    "As an artist, I cannot live without colour.",
    '"I\'m sorry," he said, and shut the window.',
    '"I can\'t," she whispered. The dragon looked away.',
    "She could not help him, so she called his brother.",
)


def refusals() -> list[str]:
    """Return short refusals in many words."""
    sentences = [
        (opening + (unable if opening else unable[:1].upper() + unable[1:])) + f" {service}."
        for opening, unable, service in product(_OPENINGS, _UNABLE, _SERVICES)
    ]
    bare = [f"{unable[2:].capitalize()} {s}." for unable, s in product(_UNABLE[:2], _SERVICES)]
    return [*sentences, *_OTHERWISE, *bare]


def no_refusals() -> list[str]:
    """Return idioms, sympathy, corrections and roles that begin as refusals do."""
    kind = [f"{opening} {rest}" for opening, rest in product(_SYMPATHY, _THEN)]
    willing = [f"{opening} {service}." for opening, service in product(_WILLING, _SERVICES)]
    return [*kind, *willing, *_SYMPATHY, *_IDIOMS, *_ROLES]
