"""How an answer is worded, and how it stands to the question: what linear classifiers read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from udasa_data.languages import is_question
from udasa_data.scorers.ngrams import Features, features, words_of

# words that carry no content of their own
_FUNCTION_WORDS: Final = frozenset(
    words_of(
        "a about all also am an and any are as at be been being but by can could did do does down "
        "for from had has have he her here him his how i if in into is it its just may me might "
        "more most must my no not of off on only or our out over shall she should so some such "
        "than that the their them then there these they this those to too under up us very was we "
        "were what when where which who whom whose why will with would you your "
    )
)
_STEPS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 20, 40)  # counts that are told apart
_LONG: Final = 4000  # characters of an answer that may help with its last sentence
_ITEM: Final = re.compile(r"(?m)^ *(?:[-*•]|[0-9]+[.)]) ")


def answer_features(question: str, answer: str) -> Features:
    """Return the n-grams of an answer, and marks of its length, form and overlap with a question.

    Args:
        question: what was asked last.
        answer: to it.
    """
    words, asked = words_of(answer), words_of(question)
    known = set(asked)
    new = {word for word in words if word not in known and word not in _FUNCTION_WORDS}
    echo = int(5 * sum(word in known for word in words) / max(len(words), 1))
    length, news = _step(len(words)), _step(len(new))
    marks = [
        f"{{length {length}}}",
        f"{{new {news}}}",
        f"{{echo {echo}}}",
        f"{{new {news} echo {echo}}}",
        f"{{asks {is_question(answer)}}}",
        f"{{capital {answer[:1].isupper()}}}",
        f"{{ends {answer.rstrip()[-1:] in set('.!')}}}",
        f"{{repeats {len(set(words)) < 0.6 * len(words)}}}",
        f"{{{asked[0] if asked else ''} length {length}}}",
    ]
    if len(words) <= 2 and new:
        marks.append(f"{{digit {any(c.isdigit() for c in answer)}}}")
    return features(answer, marks)


def help_features(question: str, answer: str) -> Features:
    """Return the words of a long answer, and marks of its size, form and bearing on a question.

    Args:
        question: what was asked last.
        answer: to it.
    """
    words, asked = words_of(answer, _LONG), words_of(question, _LONG)
    said, topic = set(words), set(asked) - _FUNCTION_WORDS
    new = said - set(asked) - _FUNCTION_WORDS
    echo = sum(word in set(asked) for word in words) / max(len(words), 1)
    size = _octaves(len(words))
    marks = [
        f"{{size {size}}}",
        f"{{new {_octaves(len(new))}}}",
        f"{{echo {int(5 * echo)}}}",
        f"{{covered {int(4 * len(topic & said) / max(len(topic), 1))}}}",
        f"{{distinct {int(6 * len(said) / max(len(words), 1))}}}",
        f"{{{asked[0] if asked else ''} size {size}}}",
        f"{{paragraphs {min(answer.count(chr(10) * 2), 6)}}}",
        f"{{items {min(len(_ITEM.findall(answer)), 8)}}}",
        f"{{code {'```' in answer}}}",
        f"{{asks {is_question(answer)}}}",
        f"{{ends {answer.rstrip()[-1:] in set('.!?')}}}",
    ]
    return features(answer, marks, read=_LONG, longest=1)


# what a linear classifier reads of a question and an answer, by the name in its config.json
READS: Final[Mapping[str, Callable[[str, str], Features]]] = {
    "wording": answer_features,
    "help": help_features,
}


def _step(count: int) -> int:
    return max(step for step in _STEPS if step <= count)


def _octaves(count: int) -> int:
    return int(2 * math.log2(1 + count))
