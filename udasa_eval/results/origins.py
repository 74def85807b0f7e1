"""What a model learnt from, as its folder says: for scorer leak and contamination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.prompts import text_sha256
from udasa_data.runs import checked
from udasa_data.storage import Located, parse_json, read_sealed

STAGES: Final = "stages.json"
PROMPTS: Final = "training_prompts.parquet"


class Origins(NamedTuple):
    """What is known of a model's training.

    Attributes:
        training_data: as it stands in ``stages.json``; empty where there is none.
        scorers: fingerprints of what scored that data.
        prompts: hashes of the prompts trained on; None where nothing is known of them.
    """

    training_data: tuple[dict[str, object], ...]
    scorers: frozenset[str]
    prompts: frozenset[str] | None

    @property
    def template_options(self) -> dict[str, Any]:
        """What the chat template was given in training; {} where nothing is known of it."""
        found = [entry.get("chat_template_kwargs") for entry in self.training_data]
        return next((options for options in found if isinstance(options, dict)), {})

    def overlap(self, documents: Iterable[Mapping[str, Any]]) -> int | None:
        """Return how many documents ask what the model was trained on; None: not known."""
        if self.prompts is None:
            return None
        asked = (str(document.get("prompt") or document.get("question")) for document in documents)
        return sum(text_sha256(text) in self.prompts for text in asked)


def origins_of(policy: Located) -> Origins:
    """Read what the staged recipe wrote beside a policy's weights, or in the folder above.

    Raises:
        UserError: a file that is there cannot be read.
    """
    folder = Path(policy.load_from)
    for place in (folder, folder.parent):
        if policy.commit is None and (place / STAGES).is_file():
            return _read(place)
    return Origins((), frozenset(), None)


def _read(place: Path) -> Origins:
    path = place / STAGES
    try:
        record = checked(parse_json(read_bytes(path)))
        data = tuple(dict(entry) for entry in record.get("training_data", []))
        scorers = {scorer["fingerprint"] for entry in data for scorer in entry.get("scorers", [])}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read as a training's record ({error})") from error
    prompts = place / PROMPTS
    if not prompts.is_file():
        return Origins(data, frozenset(scorers), None)
    try:
        hashes = read_sealed(prompts)["text_sha256"]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{prompts}: not a table of training prompts ({error})") from error
    return Origins(data, frozenset(scorers), frozenset(hashes.to_list()))
