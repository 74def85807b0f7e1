"""Value scorers: P(violation) of an answer, from a classifier's classes or a reward."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from udasa_data.config import ValueRef
from udasa_data.errors import UserError, nearest
from udasa_data.scorers.batching import softmax
from udasa_data.scorers.chunks import score_in_parts
from udasa_data.scorers.models import Loaded, Options, load_classifier
from udasa_data.scorers.protocol import Floats, OnBatch, TextPair
from udasa_data.storage import Located


class ValueScorer:
    """P(violation) from a safety classifier, a sentiment classifier or a reward model.

    With several classes, it is the probability of those that ``violation`` names (their sum;
    their maximum for a multi-label classifier). With one output r, a reward model's, it is
    sigmoid(−r). Logits are divided by the scorer's temperature T first (Guo et al. 2017, arXiv
    1706.04599): softmax(z/T), sigmoid(−r/T).

    Of an answer longer than the model reads, the worst part decides, since a violation anywhere is
    one; a reward, and the class of a single text (a review's), is the mean over the parts.
    """

    def __init__(self, ref: ValueRef, located: Located, options: Options) -> None:
        self.name = ref.id
        self._loaded = load_classifier(located, options)
        self._temperature = ref.temperature
        self._classes = _violation_classes(self._loaded, ref)

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Floats:
        """Return P(violation) of each (prompt, answer) or (text, ""), [N] in [0, 1].

        NaN where the scorer's vocabulary lacks most characters of a text.
        """
        single = not any(pair.second for pair in pairs)
        parts = score_in_parts(self._loaded, pairs, "first" if single else "second", on_batch)
        logits = parts.logits / self._temperature
        config = self._loaded.model.config
        if config.num_labels == 1:
            return _sigmoid(-parts.mean(logits[:, 0]))
        if config.problem_type == "multi_label_classification":
            p = _sigmoid(logits[:, self._classes]).max(axis=-1, initial=0.0)
        else:
            p = softmax(logits)[:, self._classes].sum(axis=-1).clip(0.0, 1.0)
        return parts.mean(p) if single else parts.largest(p)


def _sigmoid(logits: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # of a text that was not read: NaN
        return np.asarray(np.exp(-np.logaddexp(0.0, -logits)))


def _violation_classes(loaded: Loaded, ref: ValueRef) -> list[int]:
    config = loaded.model.config
    if config.num_labels == 1:
        if ref.violation:
            raise UserError(
                f"value scorer '{ref.id}' has one output, taken as a reward; violation: "
                f"[{', '.join(ref.violation)}] needs a classifier's labels"
            )
        return []
    numbers = {label.lower(): number for number, label in config.id2label.items()}
    if not ref.violation:
        names = ", ".join(config.id2label.values())
        raise UserError(
            f"value scorer '{ref.id}' has the labels {names}; say which mean a violation: "
            "violation: [LABEL]"
        )
    for label in ref.violation:
        if label.lower() not in numbers:
            raise UserError(
                f"value scorer '{ref.id}' has no label '{label}'{nearest(label.lower(), numbers)}"
            )
    return [numbers[label.lower()] for label in ref.violation]
