"""A stage's policy on its way into the trainer and out of it: all weights, or an adapter.

In a stage's folder ``policy`` is what is served. What was trained lies beside it: an ``adapter``,
or, where the served weights have fewer bits, the float32 ``master``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch

from udasa_data.config import ModelRef
from udasa_data.errors import UserError, nearest
from udasa_data.storage import Located, locate, made_in, remove_made, replace_folder, spot_sha256

from .config import Lora
from .folders import KINDS, is_model_file
from .launched import from_main
from .measures import load_model
from .merging import merge
from .references import weights_sha256
from .serving import save_served

POLICY_SUFFIXES: Final = (".json", ".safetensors", ".jinja", ".model", ".txt")
_PICKLES: Final = ("training_args.bin",)  # TRL's settings; ours are in stages.json


def is_policy_file(path: str) -> bool:
    """Return whether a path in a policy's folder is of a file that we save there."""
    return "/" not in path and Path(path).suffix in POLICY_SUFFIXES


def quantized(lora: Lora | None) -> dict[str, Any]:
    """Return how weights below an adapter are loaded in 4 bits; {} where they are not.

    Raises:
        UserError: there is no GPU, or no bitsandbytes.
    """
    if lora is None or lora.quantize == "none":
        return {}
    if not torch.cuda.is_available():
        raise UserError("lora.quantize: needs a GPU, and none is visible here")
    if find_spec("bitsandbytes") is None:
        raise UserError("lora.quantize: bitsandbytes is not installed; pip install bitsandbytes")
    from transformers import BitsAndBytesConfig

    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    }


def load_to_train(
    where: tuple[str, dict[str, Any]],
    dtype: torch.dtype,
    adapter: Path | None,
    lora: Lora | None = None,
) -> Any:
    """Load a policy for the trainer, which places it; with an adapter on it where there is one."""
    model = load_model(where, dtype, place=False, **quantized(lora))
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    return model.train()


def load_reference(name: str, dtype: torch.dtype) -> Any:
    """Load a reference that the recipe names by its folder or Hub id."""
    located: Located = locate(ModelRef(id=name))
    return load_model((located.load_from, located.weights_kwargs), dtype, place=False)


def check_targets(model: Any, lora: Lora) -> None:
    """Stop where an adapter would be put on nothing, or on a head that TRL's loss goes around.

    Raises:
        UserError: names the target, and those that there are.
    """
    if lora.targets == "all-linear":
        return
    linear = [name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)]
    if isinstance(lora.targets, str):
        found = {lora.targets: [name for name in linear if re.fullmatch(lora.targets, name)]}
    else:
        found = {
            target: [name for name in linear if f".{name}".endswith(f".{target}")]
            for target in lora.targets
        }
    kinds = sorted({name.rpartition(".")[2] for name in linear} - {"lm_head"})
    for target, names in found.items():
        if not names:
            raise UserError(
                f"lora.targets: '{target}' is no linear layer of this model{nearest(target, kinds)}"
            )
        if any(name.endswith("lm_head") for name in names):
            raise UserError("lora.targets: lm_head cannot carry an adapter, TRL's loss ignores it")


def new_adapter(lora: Lora) -> Any:
    """Return the configuration of a new adapter."""
    from peft import LoraConfig

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


class Target(NamedTuple):
    """How a stage's policy is saved.

    Attributes:
        folder: of the stage.
        base: what lies below an adapter: folder or Hub id, and how it is loaded.
        below: type in which that is loaded, to be merged into.
        trained: type of the weights in training.
        served: type of the weights that are saved.
        has_adapter: whether an adapter was trained.
    """

    folder: Path
    base: tuple[str, dict[str, Any]]
    below: torch.dtype
    trained: torch.dtype
    served: torch.dtype
    has_adapter: bool

    @property
    def has_master(self) -> bool:
        """Whether the trained weights have more bits than the served ones, and are kept too."""
        return not self.has_adapter and self.served not in {torch.float32, self.trained}


class Saved(NamedTuple):
    """The hashes of what was trained, where it is not what is served."""

    adapter_sha256: str | None = None
    master_sha256: str | None = None


def save(trainer: Any, target: Target) -> Saved:
    """Save what a stage trained as a plain model in ``folder/policy``, whole or not at all.

    An adapter is kept in ``folder/adapter`` too, without TRL's frozen ``ref`` copy; in ``policy``
    it is merged into the weights, so that anything can load the folder. All weights in more bits
    than are served are kept in ``folder/master``: the next stage begins from them.

    Args:
        trainer: after training.
        target: where and how.

    Returns:
        the hash of what the next stage begins from, where that is not ``policy``.
    """
    folder = target.folder
    kind = "adapter" if target.has_adapter else "master" if target.has_master else "policy"
    unfinished = folder / f"{kind}.unfinished"
    trainer.save_model(str(unfinished))  # every process takes part
    trainer.accelerator.wait_for_everyone()
    saved = Saved()
    if trainer.accelerator.is_main_process:
        for name in _PICKLES:
            (unfinished / name).unlink(missing_ok=True)
        remove_made(unfinished / "ref", lambda file: is_model_file(f"ref/{file}"))
        replace_folder(folder / kind, partial(_move, unfinished), is_model_file)
        remove_made(unfinished, is_model_file)
        if target.has_adapter:
            saved = Saved(adapter_sha256=_merge(trainer, target))
        elif target.has_master:
            model = load_model((str(folder / kind), {}), torch.float32, place=False)
            saved = Saved(master_sha256=weights_sha256(model))
            tokenizer, seed = trainer.processing_class, trainer.args.seed
            save_served(model, tokenizer, folder / "policy", target.served, seed)
    trainer.accelerator.wait_for_everyone()
    return Saved(*from_main(saved))


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the hash of each file that ``save`` put into a stage's folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): spot_sha256(path)
        for kind in KINDS
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


def load_adapted(target: Target, dtype: torch.dtype) -> Any:
    """Load a stage's adapter, on the weights below it, which are not rounded to fewer bits."""
    from peft import PeftModel

    below = load_model(target.base, dtype, place=False)
    return PeftModel.from_pretrained(below, str(target.folder / "adapter"), is_trainable=True)


def loads_trained(target: Target) -> Callable[[], Any] | None:
    """Return what loads the weights as they were trained, in float32; None: ``policy`` is they."""
    if target.has_master:
        return partial(load_model, (str(target.folder / "master"), {}), torch.float32, place=False)
    if not target.has_adapter or target.served == torch.float32:
        return None
    return lambda: merge(load_adapted(target, torch.float32), "default", 0)


def _merge(trainer: Any, target: Target) -> str:
    model = load_adapted(target, target.below)
    digest = weights_sha256(model, "default")
    seed = trainer.args.seed
    merged = merge(model, "default", seed)
    save_served(merged, trainer.processing_class, target.folder / "policy", target.served, seed)
    return digest
