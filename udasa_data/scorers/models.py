"""A scorer's model on its device: how it is run, and in what precision."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pickle import UnpicklingError
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError

from udasa_data.config import Precision, ScorerInput, Verdict
from udasa_data.engines.devices import best_device, multiplies_bfloat16
from udasa_data.errors import UserError
from udasa_data.scorers.cache import ScoreCache
from udasa_data.scorers.disentangled import shift_positions
from udasa_data.scorers.first_token import read_first_token_only
from udasa_data.scorers.padding import pad_in_one_way
from udasa_data.scorers.verdicts import VerdictHead
from udasa_data.scorers.vocabulary import Vocabulary
from udasa_data.storage import Located, unloadable


def take_no_note(_scorer: str, _n: int) -> None:
    """Ignore texts that could not be read, or not whole."""


class Options(NamedTuple):
    """How a scorer's model is run.

    Attributes:
        max_length: tokens it reads at most, its own window permitting.
        precision: ``auto`` takes the fastest that keeps to the bounds of ``resolve_precision``.
        cache: where scores are kept between runs; None keeps none.
        on_truncated: called with a scorer's name and how many of a call's distinct texts were
            longer.
        on_unknown: called with a scorer's name and how many of a call's distinct texts are
            mostly of characters that its vocabulary lacks.
        on_refused: called with a scorer's name and how many of a call's distinct conversations
            its chat template refuses.
    """

    max_length: int = 4096
    precision: Precision = "auto"
    cache: ScoreCache | None = None
    on_truncated: Callable[[str, int], None] = take_no_note
    on_unknown: Callable[[str, int], None] = take_no_note
    on_refused: Callable[[str, int], None] = take_no_note


class Loaded(NamedTuple):
    """A model on its device; what it returns as ``logits`` may be a text's embedding.

    ``shown`` says how it is to be shown a conversation; ``is_rendered``, that its texts hold their
    special tokens already; ``verdict``, that its classes are the words of one, behind its opening.
    """

    model: Any
    tokenizer: Any
    vocabulary: Vocabulary
    device: torch.device
    name: str
    space: str  # all that decides a score beside the texts
    options: Options
    shown: ScorerInput = "pair"
    is_rendered: bool = False
    verdict: Verdict | None = None


def resolve_precision(wanted: Precision) -> Precision:
    """Return the precision that ``auto`` stands for on this machine.

    bfloat16 on a GPU, and on a CPU that multiplies it natively: there twice as fast as float32,
    with probabilities within 0.02 of it. Else float32: 8-bit integers, the other fast arithmetic
    of a CPU, moved probabilities by more than that (``docs/decisions/scorers.md``).
    """
    if wanted != "auto":
        return wanted
    fast = torch.cuda.is_available() or multiplies_bfloat16()
    return "bfloat16" if fast else "float32"


def peak_gpu_bytes() -> int | None:
    """Return the most memory that this process held on its GPU; None without one."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def load_classifier(located: Located, options: Options, shown: ScorerInput = "pair") -> Loaded:
    """Load a sequence classifier: safetensors only, no remote code.

    Args:
        located: its files.
        options: how it is run.
        shown: how it is shown a conversation; ``auto`` is its chat template where it has one.

    Raises:
        UserError: the files do not hold a sequence classifier, or the template it is to be shown
            conversations by.
    """
    from transformers import AutoModelForSequenceClassification

    loaded = _load(located, options, AutoModelForSequenceClassification)
    has_template = bool(loaded.tokenizer.chat_template)
    if shown == "chat" and not has_template:
        raise UserError(
            f"scorer '{located.name}' has no chat template; leave out input: chat, or take pair"
        )
    read_first_token_only(loaded.model)
    loaded.model.config.use_cache = False  # nothing is generated
    pad_in_one_way(loaded.model, loaded.tokenizer)
    if shown == "auto":
        shown = "chat" if has_template else "pair"
    return loaded._replace(shown=shown)


def labels_of(loaded: Loaded) -> list[str]:
    """Return a classifier's labels, in their order."""
    labels: dict[int, str] = loaded.model.config.id2label
    return [label for _, label in sorted(labels.items())]


def load_guard(located: Located, options: Options, verdict: Verdict) -> Loaded:
    """Load a language model that moderates, its ``logits`` those of a verdict's words.

    Args:
        located: its files.
        options: how it is run.
        verdict: how it begins.

    Raises:
        UserError: the files do not hold a language model with a chat template, or the words of the
            verdict cannot be told apart.
    """
    from transformers import AutoModelForCausalLM

    loaded = _load(located, options, AutoModelForCausalLM)
    if not loaded.tokenizer.chat_template:
        raise UserError(
            f"scorer '{located.name}' has no chat template; a verdict is given of what one renders"
        )
    pad_in_one_way(loaded.model, loaded.tokenizer)
    head = VerdictHead(loaded.model, loaded.tokenizer, verdict, located.name).to(loaded.device)
    space = f"verdict {verdict.opening!r} {verdict.words} {verdict.template} {loaded.space}"
    return loaded._replace(model=head.eval(), space=space, shown="chat", verdict=verdict)


def load_embedder(located: Located, options: Options) -> Loaded:
    """Load a text encoder whose ``logits`` are the mean of its token states, [N, width].

    Raises:
        UserError: the files do not hold a text encoder.
    """
    from transformers import AutoModel

    loaded = _load(located, options, AutoModel)
    return loaded._replace(model=MeanPooled(loaded.model), space=f"mean {loaded.space}")


class MeanPooled(torch.nn.Module):
    """An encoder that returns the mean of its tokens' states, padding left out."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = SimpleNamespace(num_labels=encoder.config.hidden_size)

    def forward(self, attention_mask: torch.Tensor, **inputs: torch.Tensor) -> SimpleNamespace:
        """Return [N, width] as ``logits``."""
        states = self.encoder(attention_mask=attention_mask, **inputs).last_hidden_state.float()
        there = attention_mask[..., None].to(states.dtype)
        return SimpleNamespace(logits=(states * there).sum(dim=1) / there.sum(dim=1))


def _load(located: Located, options: Options, kind: Any) -> Loaded:
    from transformers import AutoTokenizer

    device = best_device()
    precision = resolve_precision(options.precision)
    try:
        tokenizer = AutoTokenizer.from_pretrained(located.load_from, **located.load_kwargs)
        model = kind.from_pretrained(
            located.load_from,
            dtype=getattr(torch, precision),
            **located.weights_kwargs,
        )
    except (OSError, ValueError, KeyError, UnpicklingError, SafetensorError) as error:
        raise unloadable("scorer", located, error) from error
    model = model.eval().to(device)
    shift_positions(model)
    limit = min(options.max_length, _positions(model), tokenizer.model_max_length)
    space = f"{located.fingerprint} {limit} {precision}"
    return Loaded(
        model,
        tokenizer,
        Vocabulary(tokenizer),
        device,
        located.name,
        space,
        options._replace(max_length=limit),
    )


def _positions(model: Any) -> int:
    """Return how many tokens a model has positions for."""
    own = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not own or own < 0:
        return sys.maxsize  # relative positions
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    before_first = getattr(table, "padding_idx", None)  # RoBERTa's begin after that of padding
    return int(own) - (0 if before_first is None else before_first + 1)
