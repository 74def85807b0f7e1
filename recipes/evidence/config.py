"""What the premise is looked at with: one YAML file, strict, each fault one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from msgspec import Meta

from udasa_data.config import Sampling, Strict, convert

from ..staged import read_with_settings
from .questions import MOST

Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Policy(Strict, frozen=True):
    """A policy, and how many prompts of each kind it answers; fewer where there are fewer."""

    model: str  # preset, Hub id or folder
    # with gold answers, a quarter of each of four corpora
    questions: Annotated[int, Meta(ge=0, le=MOST)] = 600
    safety: Count = 0  # half safe prompts of XSTest, half of the harmful kinds
    contrasts: Count = 0  # XSTest's other prompts, which arms are trained on
    reviews: Count = 0  # openings of film reviews


class Evidence(Strict, frozen=True):
    """The policies, and how they are sampled and scored."""

    policies: dict[str, Policy]
    sampling: Sampling
    scorers: str = "tiny"
    suffix: str = ""  # of each question
    seed: int = 0


def read_evidence(path: Path, settings: Mapping[str, object] | None = None) -> Evidence:
    """Read the configuration from a YAML file.

    Args:
        path: of the file.
        settings: keys in the place of the file's, nested as they are there.

    Raises:
        UserError: an unknown key, or a wrong value.
    """
    return read_with_settings(path, settings, _parse)


def _parse(plain: Mapping[str, object], where: str) -> Evidence:
    return convert(plain, Evidence, where=where)
