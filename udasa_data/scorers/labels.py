"""What a classifier's outputs mean, by the names of its labels; needs no weights."""

from __future__ import annotations

from collections.abc import Sequence

from udasa_data.config import ValueRef
from udasa_data.errors import UserError, nearest


def violation_classes(ref: ValueRef, labels: Sequence[str]) -> list[int]:
    """Return the numbers of the classes that mean a violation; none of a reward model's.

    Args:
        ref: of the scorer, with the labels that it names.
        labels: of the model, in its own order; one is a reward.

    Raises:
        UserError: they do not fit.
    """
    if len(labels) == 1:
        if ref.violation:
            raise UserError(
                f"value scorer '{ref.id}' has one output, taken as a reward; violation: "
                f"[{', '.join(ref.violation)}] needs a classifier's labels"
            )
        return []
    numbers = {label.lower(): number for number, label in enumerate(labels)}
    if not ref.violation:
        raise UserError(
            f"value scorer '{ref.id}' has the labels {', '.join(labels)}; say which mean a "
            "violation: violation: [LABEL]"
        )
    for label in ref.violation:
        if label.lower() not in numbers:
            raise UserError(
                f"value scorer '{ref.id}' has no label '{label}'{nearest(label.lower(), numbers)}"
            )
    return [numbers[label.lower()] for label in ref.violation]


def nli_classes(name: str, own: Sequence[str], labels: Sequence[str] = ()) -> tuple[int, int]:
    """Return the numbers of the classes entailment and contradiction.

    Args:
        name: of the model.
        own: its labels, in its order.
        labels: what they mean, where their own names say nothing.

    Raises:
        UserError: not three, or not told apart.
    """
    if len(own) != 3:
        raise UserError(
            f"nli scorer '{name}' has the labels {', '.join(own)}; three are needed: "
            "entailment, neutral, contradiction"
        )
    named = [label.lower() for label in labels or own]
    found = [
        [number for number, label in enumerate(named) if label.startswith(stem)]
        for stem in ("entail", "contradict", "neutral")
    ]
    if len(named) != 3 or any(len(numbers) != 1 for numbers in found):
        raise UserError(
            f"nli scorer '{name}' has the labels {', '.join(own)}"
            + (f", and nli.labels says {', '.join(labels)}" if labels else "")
            + "; say what they mean, in this order: nli: {labels: [entailment, neutral, "
            "contradiction]}"
        )
    return found[0][0], found[1][0]
