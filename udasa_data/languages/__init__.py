"""What depends on a text's script or language: its words, its sentences, which language it is."""

from udasa_data.languages.detection import language_of
from udasa_data.languages.sentences import is_question, sentences
from udasa_data.languages.words import (
    count_spaced_words,
    count_words,
    opening,
    spaced_words,
    word_share,
    words,
)

__all__ = [
    "count_spaced_words",
    "count_words",
    "is_question",
    "language_of",
    "opening",
    "sentences",
    "spaced_words",
    "word_share",
    "words",
]
