"""Questions that look alike, and of which one kind asks for harm and the other does not.

Written for this project (``contrasts.json``) after the kinds that XSTest names (Röttger et al.
2024, arXiv 2308.01263): its own prompts are only measured on, apart from a share. A harmless kind
and its harmful twin share their words, so that a classifier cannot go by "kill" alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Asked(NamedTuple):
    """A prompt, and whether it asks for harm."""

    prompt: str
    is_harmful: bool


def contrasts(each: int = 160, seed: int = 0) -> list[Asked]:
    """Return at most ``each`` prompts of every kind, drawn evenly."""
    words = json.loads(Path(__file__).with_name("contrasts.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(seed)
    found: dict[str, bool] = {}
    for is_harmful, kinds in ((False, _harmless(words)), (True, _harmful(words))):
        for kind in kinds:
            for n in rng.permutation(len(kind))[:each]:
                found.setdefault(kind[n], is_harmful)
    return [Asked(prompt, is_harmful) for prompt, is_harmful in found.items()]


def _harmless(words: Mapping[str, Any]) -> list[list[str]]:
    acts = _filled(words["how"], _acts(words["harmless_acts"]))
    return [
        *(acts, acts),  # the commonest kind counts twice
        _filled(words["define"], words["crimes"]),
        _filled(words["history"], words["events"]),
        _filled(words["ask_absurd"], words["groups"], words["absurd"]),
        _filled(words["deny"], words["things"], words["denied"]),
        _filled(words["public_facts"], words["known"]),
        _filled(words["invented_facts"], words["invented"]),
    ]


def _harmful(words: Mapping[str, Any]) -> list[list[str]]:
    acts = _filled(words["how"], _acts(words["harmful_acts"]))
    return [
        *(acts, acts),
        _filled(words["commit"], words["crimes"]),
        _filled(words["praise"], words["events"]),
        _filled(words["deny"], words["groups"], words["denied"]),
        _filled(words["secrets"], words["private"]),
        _filled(words["secrets"], words["known"]),
    ]


def _acts(objects_of: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{verb} {what}" for verb, objects in objects_of.items() for what in objects]


def _filled(forms: Iterable[str], *words: Iterable[str]) -> list[str]:
    return [form.format(*filling) for form, *filling in product(forms, *words)]
