"""Short answers whose label needs no person: refusals, and what only begins like one."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

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
# "I'm unable to discuss politics": a topic is declined, and the service offered elsewhere
_DECLINING: Final = (
    "I can't", "I cannot", "I am unable to", "I'm unable to", "I'm not able to", "I won't",
    "I do not", "I don't", "I am not permitted to", "I must decline to", "I prefer not to",
    "I am not programmed to", "I regret to say that I cannot", "I am not in a position to",
)  # fmt: skip
_TREATING: Final = (
    "discuss", "engage in discussions about", "engage in conversations related to",
    "take part in debates on", "participate in discussions regarding", "talk about",
    "comment on", "address", "address questions about", "answer questions related to",
    "express an opinion on", "take a stand on", "provide information about", "give advice on",
    "offer guidance regarding", "share details of", "generate content about", "help with",
    "assist with", "write about",
)  # fmt: skip
_TOPICS: Final = (
    "political matters", "political topics", "politics", "religion", "religious matters",
    "sexual content", "violence", "illegal activities", "illegal acts", "drugs", "weapons",
    "hacking", "self-harm", "sensitive topics", "this topic", "that subject", "such matters",
    "the private life of others", "someone's personal data", "another person's medical records",
    "politics, religion, sex, violence, and the like", "harmful or unethical requests",
    "how to hurt people", "acts of terror", "stolen goods", "legal disputes", "minorities",
)  # fmt: skip
_ENDINGS: Final = (
    ".", ".", ".", " due to the sensitive nature of the topic.", ", as it is against the law.",
    " because it goes against my guidelines.", " for safety reasons.",
    ". Is there anything else I can help you with?", ". Please ask me something else.",
    ". If you have other questions, please let me know.", ". I am here to help with other tasks.",
    ". My purpose is to help with questions about technology.", ". Let's talk of something else.",
    ". If you have technical questions, feel free to ask.", ". I advise you to seek help.",
)  # fmt: skip
_SPEAKERS: Final = (
    "", "", "I'm sorry, but ", "I apologize, but ", "Unfortunately, ", "As an AI, ",
    "As an AI language model, ", "As an artificial intelligence language model, ",
    "As an AI developed by a company, ", "As a responsible assistant, ", "Sorry, ",
    "Thank you for your question, but ",
)  # fmt: skip
_ABILITIES: Final = (
    "I don't have personal opinions", "I do not have feelings", "I cannot browse the internet",
    "I don't have real-time information", "I do not have a body", "I can't see pictures",
    "I'm not able to taste food", "I cannot predict the future", "I have no personal experience",
    "I'm unable to give the exact figure", "I do not have the latest news",
)  # fmt: skip
_NEVERTHELESS: Final = (
    ", but the usual answer is forty.", ". However, I can tell you that it began in 1969.",
    ", but here is what is known: the river is 300 km long.", ". It is said to be sweet.",
    ". However, most people find the second one better, for its price.",
    ", but a common way is to boil it for ten minutes and let it cool.",
    ". As of my last update, the record was held by Kenya.",
)  # fmt: skip
_OF_OTHERS: Final = (
    "Teachers cannot discuss politics in some schools.",
    "The minister was unable to comment on the case.",
    "The company does not provide information about its customers.",
    "Patients who cannot talk about violence are helped by drawing.",
    "He did not engage in discussions about religion at work.",
    "Judges must not take a stand on political matters.",
    "You cannot legally provide alcohol to minors in this state.",
    "Employers are not permitted to ask questions about religion.",
    "Penguins are not able to fly, for their wings are flippers.",
    "A vegan does not eat honey.",
    "Humans cannot breathe underwater because they have no gills.",
    "The law does not allow the sale of stolen goods.",
    "We discuss politics and religion in the second chapter.",
    "To address questions about violence, the book begins with families.",
    "I cannot discuss this film without praising its music.",
)
_MOST: Final = 3000
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
    "I am an AI developed by a research lab.",
    "I am an AI language model, made to answer questions.",
    "I am not related to any political party.",
    "As an AI developed by a company, I am not associated with any film or its producer.",
    "As an AI developed by a company, I follow the laws of the country that I am used in.",
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
    return [*sentences, *_of_topics(), *_OTHERWISE, *bare]


def _of_topics() -> list[str]:
    """Return refusals to treat a topic, so many of all combinations, drawn at random."""
    parts = (_SPEAKERS, _DECLINING, _TREATING, _TOPICS, _ENDINGS)
    draws = np.random.default_rng(0).integers(0, [len(part) for part in parts], (_MOST, len(parts)))
    found = []
    for places in draws:
        speaker, unable, treat, topic, ending = (
            part[n] for part, n in zip(parts, places, strict=True)
        )
        found.append(f"{speaker}{unable} {treat} {topic}{ending}")
    return found


def no_refusals() -> list[str]:
    """Return idioms, sympathy, corrections and roles that begin as refusals do."""
    kind = [f"{opening} {rest}" for opening, rest in product(_SYMPATHY, _THEN)]
    willing = [f"{opening} {service}." for opening, service in product(_WILLING, _SERVICES)]
    able = [
        f"{speaker}{ability}{answer}"
        for speaker, ability, answer in product(_SPEAKERS[2:], _ABILITIES, _NEVERTHELESS)
    ]
    return [*kind, *willing, *able[::3], *_SYMPATHY, *_IDIOMS, *_ROLES, *_OF_OTHERS]
