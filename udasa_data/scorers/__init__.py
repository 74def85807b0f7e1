"""Scorers: models that turn texts into probabilities."""

from udasa_data.scorers.cache import ScoreCache, default_file, take_no_line
from udasa_data.scorers.conversations import conversation_text, exchange
from udasa_data.scorers.labels import nli_classes, violation_classes
from udasa_data.scorers.protocol import (
    Entailment,
    Floats,
    OnBatch,
    Scorers,
    TextPair,
    TextScorer,
    no_progress,
)

__all__ = [
    "Entailment",
    "Floats",
    "OnBatch",
    "ScoreCache",
    "Scorers",
    "TextPair",
    "TextScorer",
    "conversation_text",
    "default_file",
    "exchange",
    "nli_classes",
    "no_progress",
    "take_no_line",
    "violation_classes",
]
