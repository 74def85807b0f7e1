"""The weights that are served: those that were trained, in the type of the base's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch

from udasa_data.errors import UserError
from udasa_data.storage import Located, replace_folder, unloadable

from .folders import is_model_file
from .merging import round_weights

_TYPES: Final = (torch.float32, torch.bfloat16, torch.float16)


def base_dtype(policy: Located) -> torch.dtype:
    """Return the type that a model's configuration names for its weights; none: float32.

    Raises:
        UserError: its configuration cannot be read.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(policy.load_from, **policy.load_kwargs)
    except (OSError, ValueError, KeyError) as error:
        raise unloadable("model", policy, error) from error
    named = config.dtype or torch.float32
    found: torch.dtype = getattr(torch, named) if isinstance(named, str) else named
    return found


def served_dtype(wanted: str, policy: Located) -> torch.dtype:
    """Return the type that trained policies are saved in.

    Args:
        wanted: as the configuration has it; ``auto`` takes the base's own type.
        policy: the base.

    Raises:
        UserError: the base is of a type that nothing is rounded to.
    """
    if wanted != "auto":
        named: torch.dtype = getattr(torch, wanted)
        return named
    found = base_dtype(policy)
    if found not in _TYPES:
        raise UserError(
            f"model '{policy.name}': its weights are {found}; name the type to save in "
            "(served: bfloat16)"
        )
    return found


def save_served(model: Any, tokenizer: Any, folder: Path, dtype: torch.dtype, seed: int) -> None:
    """Save a plain model in a stage's folder as it is to be served, whole or not at all.

    Args:
        model: on the CPU; it is rounded in place.
        tokenizer: goes with it.
        folder: is replaced.
        dtype: of the saved weights; float32 weights are rounded to it stochastically.
        seed: of the rounding.
    """
    rounded = round_weights(model, dtype, seed)

    def write(path: Path) -> None:
        rounded.save_pretrained(path)
        tokenizer.save_pretrained(path)

    replace_folder(folder, write, is_model_file)
