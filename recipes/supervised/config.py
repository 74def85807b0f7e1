"""The configuration of a supervised fine-tuning: strict, each fault one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from udasa_data.config import Positive, Strict, convert, read_yaml
from udasa_data.errors import UserError

Count: TypeAlias = Annotated[int, Meta(ge=1)]


class Tuning(Strict, frozen=True):
    """All that decides a supervised fine-tuning."""

    model: str  # Hub id, local folder or embedded name
    data: str  # a file of conversations
    epochs: Positive = 1.0
    steps: Count | None = None  # wins over epochs
    learning_rate: Positive = 2e-5
    device_batch: Count = 4  # conversations one device reads at a time
    accumulate: Count = 8  # forwards an optimizer step
    max_length: Annotated[int, Meta(ge=16)] = 1024  # tokens of a conversation
    save_every: Count = 100  # steps between checkpoints
    # of the policy that is saved; auto: the type of the base's weights
    served: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    seed: Annotated[int, Meta(ge=0)] = 0


def read_tuning(path: Path | None, flags: Mapping[str, object]) -> Tuning:
    """Return a YAML file's keys with flags laid over them.

    Args:
        path: of the file; None takes the flags alone.
        flags: keys in the place of the file's.

    Raises:
        UserError: an unknown key, a wrong value, or no model or data.
    """
    plain = {**(read_yaml(path) if path else {}), **flags}
    for key in ("model", "data"):
        if key not in plain:
            raise UserError(f"no {key} named: give --{key}, or the key {key} in a file (--config)")
    return convert(plain, Tuning, where=str(path) if path else "the command line")
