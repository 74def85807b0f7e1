"""What a model's config.json says of it, as transformers reads it; torch is not imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from udasa_data.config import LINEAR, ModelRef
from udasa_data.preflight.report import collected

Kind: TypeAlias = Literal["policy", "classifier", "guard", "encoder"]
_GENERATES: Final = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_ENDINGS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "policy": _GENERATES,
    "guard": _GENERATES,
    "classifier": ("ForSequenceClassification",),
    "encoder": ("",),
}
_NAMES: Final = {
    "policy": "language model",
    "guard": "language model",
    "classifier": "sequence classifier",
}


class ModelNeed(NamedTuple):
    """A model that is needed.

    Attributes:
        what: for what, in a word or two.
        ref: which.
        kind: how it is loaded; a guard is a language model whose verdict is weighed.
        fits: raises a UserError where the labels of a classifier are not those that it needs.
        needs_template: whether it needs a chat template.
        answers: tokens that a policy writes after its prompt.
        folder: where it is, if its id does not say so itself.
    """

    what: str
    ref: ModelRef
    kind: Kind = "classifier"
    fits: Callable[[list[str]], object] | None = None
    needs_template: bool = False
    answers: int = 0
    folder: Path | None = None

    @property
    def where(self) -> str:
        """How a fault begins."""
        return f"{self.what} '{self.ref.id}'"


class ModelConfig(NamedTuple):
    """What of a config.json matters before the weights are there.

    Attributes:
        made: its architectures.
        labels: of a classifier, in their order.
        window: tokens that it has positions for; None where it names no bound.
        width: bytes of a number in its weights as they are stored; 0 where they are packed.
        own_code: its ``model_type``, where it comes with code of its own.
        is_linear: it reads words, and needs no tokenizer.
    """

    made: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    window: int | None = None
    width: int = 4
    own_code: str | None = None
    is_linear: bool = False


def parse_config(plain: Mapping[str, Any]) -> ModelConfig:
    """Return what matters of a config.json."""
    stored = str(plain.get("dtype") or plain.get("torch_dtype"))
    width = 2 if stored.endswith("float16") else 8 if stored == "float64" else 4
    return ModelConfig(
        tuple(map(str, plain.get("architectures") or ())),
        tuple(_labels(plain)),
        _window(plain),
        0 if "quantization_config" in plain else width,
        str(plain.get("model_type")) if "auto_map" in plain else None,
        plain.get("model_type") == LINEAR,
    )


def check_config(need: ModelNeed, config: ModelConfig, faults: list[str]) -> None:
    """Add what keeps a model from being what it is needed for.

    Args:
        need: what for.
        config: of the model.
        faults: takes a line each.
    """
    if config.made and not any(made.endswith(_ENDINGS[need.kind]) for made in config.made):
        faults.append(
            f"{need.where} is a {config.made[0]}, not a {_NAMES[need.kind]}: what it lacks would "
            "be random numbers"
        )
    elif need.fits is not None:
        with collected(faults):
            need.fits(list(config.labels))
    if config.own_code is not None and not _is_known(config.own_code):
        faults.append(f"{need.where} needs code of its own, which is never run; take another")
    if config.window is not None and need.answers >= config.window:
        faults.append(
            f"{need.where}: its window of {config.window:,} tokens has no room for a prompt beside "
            f"max_tokens {need.answers:,}; lower that"
        )


def _labels(plain: Mapping[str, Any]) -> list[str]:
    named = plain.get("id2label")
    if isinstance(named, Mapping) and all(str(key).isdigit() for key in named):
        return [str(named[key]) for key in sorted(named, key=int)]
    count = plain.get("num_labels")
    return [f"LABEL_{n}" for n in range(count if isinstance(count, int) else 2)]


def _window(plain: Mapping[str, Any]) -> int | None:
    inner = plain.get("text_config")
    for part in (plain, inner if isinstance(inner, Mapping) else {}):
        for name in ("max_position_embeddings", "n_positions"):
            if isinstance(part.get(name), int) and part[name] > 0:
                return int(part[name])
    return None


def _is_known(model_type: str) -> bool:
    from udasa_data.engines.preflight import knows_model_type  # needs transformers

    return knows_model_type(model_type)
