"""A value scorer without a network: a linear classifier of how an answer is worded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from udasa_data.config import LINEAR, ValueRef
from udasa_data.scorers.batching import softmax
from udasa_data.scorers.labels import violation_classes
from udasa_data.scorers.models import Options
from udasa_data.scorers.ngrams import read_linear
from udasa_data.scorers.protocol import Floats, OnBatch, TextPair
from udasa_data.scorers.wording import READS
from udasa_data.storage import Located

_CONFIG: Final = "config.json"
_LATIN: Final = re.compile("[A-Za-zÀ-ɏ]")


def linear_labels(located: Located) -> list[str] | None:
    """Return the classes of a linear classifier; None of any other model."""
    config = _config(located)
    if config.get("model_type") != LINEAR:
        return None
    return [label for _, label in sorted(config["id2label"].items())]


def _config(located: Located) -> dict[str, Any]:
    file = Path(located.load_from) / _CONFIG
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


class LinearScorer:
    """P(violation) from the words of an answer and how it stands to what was asked last."""

    def __init__(
        self, ref: ValueRef, located: Located, labels: Sequence[str], options: Options
    ) -> None:
        self.name = ref.id
        self._temperature, self._on_unknown = ref.temperature, options.on_unknown
        self._model = read_linear(located.load_from)
        self._read = READS[_config(located).get("reads", "wording")]
        self._classes = violation_classes(ref, labels)

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Floats:
        """Return P(violation) of each (prompt, answer), [N] in [0, 1].

        NaN where most letters of an answer are of another script than it learnt.
        """
        asked = [pair.turns[-1][1] if pair.turns else pair.first for pair in pairs]
        found = [self._read(q, pair.second) for q, pair in zip(asked, pairs, strict=True)]
        with np.errstate(divide="ignore"):
            logits = np.log(self._model.probabilities(found)) / self._temperature
        on_batch(len(pairs))
        p = softmax(logits)[:, self._classes].sum(axis=-1)
        unread = {pair.second for pair in pairs if not _is_latin(pair.second)}
        if unread:
            self._on_unknown(self.name, len(unread))
        return np.where([pair.second in unread for pair in pairs], np.nan, p)


def _is_latin(text: str) -> bool:
    return 2 * len(_LATIN.findall(text)) >= sum(map(str.isalpha, text))
