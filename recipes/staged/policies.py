"""A stage's policy on its way into the trainer and out of it: all weights, or an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from udasa_data.config import ModelRef
from udasa_data.storage import Located, locate, made_in, remove_made, replace_folder, spot_sha256

from .config import Lora, Recipe
from .folders import is_model_file
from .launched import compute_dtype
from .measures import load_model
from .merging import merge
from .references import weights_sha256

POLICY_SUFFIXES: Final = (".json", ".safetensors", ".jinja", ".model", ".txt")
_PICKLES: Final = ("training_args.bin",)  # TRL's settings; ours are in stages.json


def is_policy_file(path: str) -> bool:
    """Return whether a path in a policy's folder is of a file that we save there."""
    return "/" not in path and Path(path).suffix in POLICY_SUFFIXES


def load_to_train(
    where: tuple[str, dict[str, Any]], dtype: torch.dtype, adapter: Path | None
) -> Any:
    """Load a policy for the trainer, which places it; with an adapter on it where there is one."""
    model = load_model(where, dtype, place=False)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    return model.train()


def load_reference(name: str, dtype: torch.dtype) -> Any:
    """Load a reference that the recipe names by its folder or Hub id."""
    located: Located = locate(ModelRef(id=name))
    return load_model((located.load_from, located.weights_kwargs), dtype, place=False)


def new_adapter(lora: Lora) -> Any:
    """Return the configuration of a new adapter."""
    from peft import LoraConfig

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


def save(
    trainer: Any, folder: Path, base: tuple[str, dict[str, Any]], recipe: Recipe
) -> str | None:
    """Save what a stage trained as a plain model in ``folder/policy``, whole or not at all.

    An adapter is kept in ``folder/adapter`` too, without TRL's frozen ``ref`` copy; in ``policy``
    it is merged into the weights, so that anything can load the folder.

    Args:
        trainer: after training.
        folder: of the stage.
        base: what lies below the adapter: folder or Hub id, and its revision.
        recipe: of the run.

    Returns:
        the hash of the adapter's weights; None without one.
    """
    kind = "policy" if recipe.lora is None else "adapter"
    unfinished = folder / f"{kind}.unfinished"
    trainer.save_model(str(unfinished))  # every process takes part
    trainer.accelerator.wait_for_everyone()
    digest = None
    if trainer.accelerator.is_main_process:
        for name in _PICKLES:
            (unfinished / name).unlink(missing_ok=True)
        remove_made(unfinished / "ref", lambda file: is_model_file(f"ref/{file}"))
        replace_folder(folder / kind, partial(_move, unfinished), is_model_file)
        remove_made(unfinished, is_model_file)
        if recipe.lora is not None:
            digest = _merge(trainer, folder, base, recipe)
    trainer.accelerator.wait_for_everyone()
    return str(_from_main(digest)) if recipe.lora is not None else None


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the hash of each file that ``save`` put into a stage's folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): spot_sha256(path)
        for kind in ("policy", "adapter")
        for path in made_in(folder / kind, is_model_file)
    }


def is_whole(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Return whether a stage's folder holds what ``save`` put there, as it was written."""
    try:
        return hashes_of(folder) == hashes
    except OSError:
        return False


def _move(source: Path, target: Path) -> None:
    for path in list(source.iterdir()):
        if not path.is_symlink():
            path.rename(target / path.name)


def _from_main(value: Any) -> Any:
    """Return the main process's value in every process."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def _merge(trainer: Any, folder: Path, base: tuple[str, dict[str, Any]], recipe: Recipe) -> str:
    from peft import PeftModel

    below = load_model(base, compute_dtype(recipe), place=False)
    model = PeftModel.from_pretrained(below, str(folder / "adapter"), is_trainable=True)
    digest = weights_sha256(model, "default")
    merged = merge(model, "default", trainer.args.seed)

    def write(path: Path) -> None:
        merged.save_pretrained(path)
        trainer.processing_class.save_pretrained(path)

    replace_folder(folder / "policy", write, is_model_file)
    return digest
