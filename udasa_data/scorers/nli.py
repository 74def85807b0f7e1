"""Natural-language inference: does one text entail or contradict another?"""

from __future__ import annotations

from collections.abc import Sequence

from udasa_data.errors import UserError
from udasa_data.scorers.batching import softmax
from udasa_data.scorers.chunks import score_in_parts
from udasa_data.scorers.models import Loaded, Options, load_classifier
from udasa_data.scorers.protocol import Entailment, OnBatch, TextPair
from udasa_data.storage import Located


class NliScorer:
    """A three-way NLI classifier; which class is which is read from its label names.

    Args:
        located: the classifier.
        options: how it is run.
        labels: names of its classes in its own order, in place of names that say nothing.
    """

    def __init__(self, located: Located, options: Options, labels: Sequence[str] = ()) -> None:
        self._loaded = load_classifier(located, options)
        self._entail, self._contradict = _outer_classes(self._loaded, labels)

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Entailment:
        """Return p_e and p_c of each (premise, hypothesis), [N] each in [0, 1].

        Where they are longer than the model reads, the conversation that both begin with is cut
        from the left; of a premise that is too long still, the part that is least neutral speaks.
        NaN where its vocabulary lacks most characters of a text.
        """
        parts = score_in_parts(self._loaded, pairs, "first", on_batch)
        probabilities = softmax(parts.logits)
        entail, contradict = probabilities[:, self._entail], probabilities[:, self._contradict]
        speaking = parts.best(entail + contradict)
        return Entailment(entail[speaking], contradict[speaking])


def _outer_classes(loaded: Loaded, labels: Sequence[str]) -> tuple[int, int]:
    own = [label for _, label in sorted(loaded.model.config.id2label.items())]
    if len(own) != 3:
        raise UserError(
            f"nli scorer '{loaded.name}' has the labels {', '.join(own)}; three are needed: "
            "entailment, neutral, contradiction"
        )
    named = [label.lower() for label in labels or own]
    found = [
        [number for number, label in enumerate(named) if label.startswith(stem)]
        for stem in ("entail", "contradict", "neutral")
    ]
    if len(named) != 3 or any(len(numbers) != 1 for numbers in found):
        raise UserError(
            f"nli scorer '{loaded.name}' has the labels {', '.join(own)}"
            + (f", and nli.labels says {', '.join(labels)}" if labels else "")
            + "; say what they mean, in this order: nli: {labels: [entailment, neutral, "
            "contradiction]}"
        )
    return found[0][0], found[1][0]
