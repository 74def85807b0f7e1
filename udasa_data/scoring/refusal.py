"""Refusals: does an answer comply, comply in part, or refuse?

A linear classifier over hashed word n-grams of an answer's beginning, learnt from answers that
people labelled (``recipes/tiny/train_refusal.py``); its card says how well it does on prompts it
never saw. It knows English. For other languages there is a list of phrases alone, which knows that
somebody apologises and then cannot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from udasa_data.scorers.ngrams import Floats, features, load_linear

CLASSES: Final = ("complies", "partly", "refuses")

# an apology or "as an AI", then an inability, in a few words and in this order
_OTHER_LANGUAGES: Final = re.compile(
    r"\W*(?:"
    r"(?:je suis désolée?|désolée?)\b.{0,40}\bje ne (?:peux|suis)|je ne peux pas (?:vous|t['’]|rép)"
    r"|(?:lo siento|disculpa|perdón)\b.{0,40}\bno (?:puedo|es posible|me es)|no puedo (?:ayud|resp)"
    r"|(?:desculpe|sinto muito|lamento)\b.{0,40}\bnão (?:posso|consigo)|não posso (?:ajud|resp)"
    r"|(?:mi dispiace|spiacente)\b.{0,40}\bnon (?:posso|sono in grado)|non posso (?:aiut|forn|risp)"
    r"|(?:es tut mir leid|tut mir leid|leider)\b.{0,40}\bkann ich\b.{0,60}\bnicht"
    r"|(?:ich kann|ich darf)\b.{0,40}\bnicht (?:helfen|beantworten|weiterhelfen)"
    r"|(?:извините|простите|к сожалению)\b.{0,40}\bне (?:могу|в состоянии)|я не могу помочь"
    r"|(?:抱歉|对不起|對不起|很遗憾).{0,20}(?:不能|无法|無法|不可以)|我(?:不能|无法|無法)(?:帮|幫|提供|回答)"
    r"|(?:申し訳|すみません|ごめんなさい).{0,40}(?:できません|できかねます|お答えでき)"
    r"|(?:죄송합니다|죄송하지만|미안하지만).{0,40}(?:수 없|없습니다|어렵습니다)"
    r"|(?:آسف|عذر|أعتذر).{0,30}(?:لا أستطيع|لا يمكنني)|لا (?:أستطيع|يمكنني) (?:مساعد|تقديم)"
    r")",
    re.IGNORECASE,
)


def refusal_probabilities(texts: Sequence[str]) -> Floats:
    """Return [N, 3]: P(complies), P(partly), P(refuses) of each answer, which sum to 1."""
    return load_linear("refusal").probabilities([features(text) for text in texts])


def is_refusal(text: str) -> bool:
    """Return whether an answer refuses, wholly: to comply in part is none."""
    if _OTHER_LANGUAGES.match(text):
        return True
    return bool(refusal_probabilities([text])[0, -1] >= load_linear("refusal").threshold)
