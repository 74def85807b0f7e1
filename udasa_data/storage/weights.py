"""A model's weights, by the names and headers of its files: which are loaded, and how large."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

_ONE: Final = "model.safetensors"
_PART: Final = re.compile(r"model-\d+-of-(\d+)\.safetensors")
_PICKLES: Final = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin|.*\.(ckpt|pt|pth)")


def weight_files(names: Collection[str]) -> list[str]:
    """Return which of a model's files hold the weights that are loaded: safetensors, all parts.

    Empty where there are none, or where a part of them is missing.
    """
    if _ONE in names:
        return [_ONE]
    parts = {name: int(found[1]) for name in names if (found := _PART.fullmatch(name))}
    return sorted(parts) if parts and len(parts) == max(parts.values()) else []


def pickled_files(names: Collection[str]) -> list[str]:
    """Return the files of weights that run code when they are read."""
    return sorted(name for name in names if _PICKLES.fullmatch(name))


def parameters_in(file: Path) -> Counter[str]:
    """Return how many numbers of which type a safetensors file holds: its header says it.

    Raises:
        OSError: it cannot be read.
        ValueError: it has no such header.
    """
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        if size > file.stat().st_size:
            raise ValueError("no header of safetensors")
        header: dict[str, Any] = json.loads(opened.read(size))
    found: Counter[str] = Counter()
    for name, tensor in header.items():
        if name != "__metadata__":
            found[tensor["dtype"]] += math.prod(tensor["shape"])
    return found
