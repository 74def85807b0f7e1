"""Natural-language inference: does one text entail or contradict another?"""

from __future__ import annotations

from collections.abc import Sequence

from udasa_data.scorers.batching import softmax
from udasa_data.scorers.chunks import score_in_parts
from udasa_data.scorers.labels import nli_classes
from udasa_data.scorers.models import Options, labels_of, load_classifier
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
        own = labels_of(self._loaded)
        self._entail, self._contradict = nli_classes(located.name, own, labels)

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
