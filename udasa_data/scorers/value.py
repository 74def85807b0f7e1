"""Value scorers: P(violation) of an answer, from a classifier's classes or a reward."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from udasa_data.config import ValueRef
from udasa_data.scorers.batching import softmax
from udasa_data.scorers.chunks import Side, score_in_parts, score_whole
from udasa_data.scorers.labels import violation_classes
from udasa_data.scorers.models import Options, labels_of, load_classifier, load_guard
from udasa_data.scorers.protocol import Floats, OnBatch, TextPair
from udasa_data.storage import Located


class ValueScorer:
    """P(violation) from a safety classifier, a guard, a sentiment classifier or a reward model.

    With several classes, it is the probability of those that ``violation`` names (their sum;
    their maximum for a multi-label classifier). With one output r, a reward model's, it is
    sigmoid(−r). Logits are divided by the scorer's temperature T first (Guo et al. 2017, arXiv
    1706.04599): softmax(z/T), sigmoid(−r/T).

    Both are of the whole conversation and the answer: as the model's chat template renders them,
    as two texts, or of the answer alone (``input``). What is longer than the model reads is cut
    from the left of the conversation. A reward, and a class of what a template renders, is never
    one of parts. Else of a long answer the worst part decides, since a violation anywhere is one;
    the class of a single text (a review's) is the mean over the parts.
    """

    def __init__(self, ref: ValueRef, located: Located, options: Options) -> None:
        self.name = ref.id
        if ref.verdict:
            self._loaded = load_guard(located, options, ref.verdict)
        else:
            self._loaded = load_classifier(located, options, ref.input)
        self._temperature = ref.temperature
        self._classes = violation_classes(ref, labels_of(self._loaded))

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Floats:
        """Return P(violation) of each (prompt, answer) or (text, ""), [N] in [0, 1].

        NaN where the scorer's vocabulary lacks most characters of a text, or its chat template
        refuses the conversation.
        """
        loaded = self._loaded
        is_text = not any(pair.second for pair in pairs)
        if is_text and loaded.verdict:  # a guard judges what is said in a conversation
            pairs, is_text = [TextPair("", pair.first) for pair in pairs], False
        if loaded.shown == "answer" and not is_text:
            pairs = [TextPair(pair.second, "") for pair in pairs]
        if loaded.model.config.num_labels == 1:
            return _sigmoid(-score_whole(loaded, pairs, on_batch)[:, 0] / self._temperature)
        if loaded.shown == "chat" and not is_text:
            return self._p_of(score_whole(loaded, pairs, on_batch))
        side: Side = "second" if any(pair.second for pair in pairs) else "first"
        parts = score_in_parts(loaded, pairs, side, on_batch)
        p = self._p_of(parts.logits)
        return parts.mean(p) if is_text else parts.largest(p)

    def _p_of(self, logits: Floats) -> Floats:
        """Return the probability of the classes that mean a violation, [N], from [N, classes]."""
        logits = logits / self._temperature
        if self._loaded.model.config.problem_type == "multi_label_classification":
            return np.asarray(_sigmoid(logits[:, self._classes]).max(axis=-1, initial=0.0))
        return np.asarray(softmax(logits)[:, self._classes].sum(axis=-1).clip(0.0, 1.0))


def _sigmoid(logits: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # of a text that was not read: NaN
        return np.asarray(np.exp(-np.logaddexp(0.0, -logits)))
