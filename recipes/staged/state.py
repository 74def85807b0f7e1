"""A staged run at any moment: what it is made from, what is recorded, where its policies lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .config import Recipe
from .folders import STAGED, claim_staged, mark, tidy_staged
from .launched import compute_dtype, processes
from .mixture import default_cache
from .policies import Target
from .prepared import Prepared
from .serving import base_dtype, served_dtype


class RunState:
    """What the stages of a run share.

    Args:
        recipe: the configuration.
        place: the dataset: a folder, or a Hub id.
        out: the folder of the run.
        cache: of rows and reference log-probabilities; None takes the user's.

    Attributes:
        state: accelerate's, of this process.
        prepared: model and data, pinned and checked.
        ledger: the record of the run.
        dtype: of the weights in training.
        served: of those that are saved.

    Raises:
        UserError: a guard does not hold, something cannot be loaded, or somebody else's files are
            in ``out``; nothing was trained, nor written there.
    """

    def __init__(self, recipe: Recipe, place: str, out: Path, cache: Path | None = None) -> None:
        self.state = processes(recipe.optimizer)
        claim_staged(out, recipe.order)
        self.recipe, self.out = recipe, out
        self.cache = cache or default_cache()
        self.prepared = Prepared(recipe, place, out)
        self.ledger = self.prepared.ledger
        self.dtype = compute_dtype(recipe)
        self.served = served_dtype(recipe.served, self.prepared.policy)
        mark(out, STAGED)
        self.state.wait_for_everyone()  # what another process is writing is no leftover
        if self.state.is_main_process:
            tidy_staged(out, recipe.order)
        self.state.wait_for_everyone()

    def folder(self, number: int) -> Path:
        """Return the working folder of a stage."""
        return self.out / "stages" / f"{number}-{self.recipe.order[number - 1]}"

    def policy_at(self, number: int) -> tuple[str, dict[str, Any]]:
        """Return where the policy after a stage lies as it is served, and how it is loaded.

        0 is the SFT policy.
        """
        if number == 0:
            return self.prepared.policy.load_from, self.prepared.policy.weights_kwargs
        return str(self.folder(number) / "policy"), {}

    def trained_at(self, number: int) -> tuple[str, dict[str, Any]]:
        """Return where the weights lie that training after a stage begins from."""
        if number and self.target(number).has_master:
            return str(self.folder(number) / "master"), {}
        return self.policy_at(number)

    def target(self, number: int) -> Target:
        """Return how what a stage trains is saved."""
        lora = self.recipe.lora
        continued = lora is not None and lora.adapter == "continue"
        base = self.policy_at(0 if continued else number - 1)
        same = base_dtype(self.prepared.policy) == self.served
        below = self.served if same else torch.float32
        return Target(
            self.folder(number), base, below, self.dtype, self.served, has_adapter=lora is not None
        )

    def sha256(self, number: int) -> str:
        """Return the hash of the weights that training after a stage begins from, as recorded."""
        record, done = self.ledger.record, self.ledger.stage(number)
        if done is None:
            found = record.policy.weights_sha256 if record else None
        else:
            found = done.master_sha256 or done.policy_sha256
        assert found is not None
        return found
