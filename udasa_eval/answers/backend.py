"""Our engines as a model of lm-eval.

Text is drawn by the engines of ``udasa_data`` (transformers, vLLM, any OpenAI-compatible server).
Log-likelihoods are those of lm-eval's own Hugging Face model in the checkpoint's precision, as
plain ``lm_eval`` gives them with ``--batch_size`` of :func:`choice_batch`. One of the two is in
memory at a time.
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pickle import UnpicklingError
from typing import Any, Final, NamedTuple

from lm_eval.api.model import LM

from udasa_data.config import BuildConfig, Sampling
from udasa_data.engines import (
    Completion,
    Engine,
    PolicyPrompt,
    SetAside,
    choose_engine,
    load_engine,
)
from udasa_data.errors import UserError
from udasa_data.storage import Located, unloadable
from udasa_eval.results import Decoding
from udasa_eval.tasks import cut, decoding_of, quiet

_SEED_STRIDE: Final = 1024  # sample k has seed + k


class Chat(str):
    """A rendered chat that is still its messages: lm-eval hands it on as the request's text."""

    __slots__ = ()


class Weighed(NamedTuple):
    """The log-likelihood of a text after another, and how many tokens it is."""

    logprob: float  # nats
    n_tokens: int


class Weights:
    """A model's weights under lm-eval's Hugging Face model: weighs texts, draws none.

    Args:
        model: located and pinned.
        precision: ``auto`` is the checkpoint's, lm-eval's default.

    Raises:
        UserError: they cannot be loaded.
    """

    def __init__(self, model: Located, precision: str = "auto") -> None:
        from lm_eval.models.huggingface import HFLM

        self.cut = 0  # texts longer than the window, which lm-eval cuts from the left
        self._known: dict[tuple[str, str], tuple[float, bool]] = {}
        try:
            with quiet():
                self._lm: Any = HFLM(
                    pretrained=model.load_from,
                    device=device(),
                    dtype=precision,
                    batch_size=choice_batch(),
                    **{"revision": "main", **model.weights_kwargs},
                )
        except (OSError, ValueError, KeyError, UnpicklingError) as error:
            raise unloadable("model", model, error) from error

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Return (log p(continuation | context), whether it is the greedy one), nats.

        What was asked before is remembered: mc1's choices are nearly all among mc2's, and plain
        lm-eval, which asks for all tasks at once, weighs them once.
        """
        new = [request for request in requests if request.args not in self._known]
        cuts = _Cuts()
        logger = logging.getLogger("lm_eval.models.huggingface")
        logger.addFilter(cuts)
        try:
            weighed = self._lm.loglikelihood(new, disable_tqdm=True) if new else []
        finally:
            logger.removeFilter(cuts)
        self.cut += cuts.count
        fresh = {request.args: result for request, result in zip(new, weighed, strict=True)}
        if not cuts.count:  # else asked again, so that each task counts its own
            self._known |= fresh
        return [fresh.get(request.args) or self._known[request.args] for request in requests]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Return the log-likelihood of each whole text, nats."""
        with quiet():
            logprobs: list[float] = self._lm.loglikelihood_rolling(requests, disable_tqdm=True)
        return logprobs

    def weigh(self, pairs: Sequence[tuple[str, str]]) -> list[Weighed]:
        """Return log p(second | first) of each pair, and the second's length in tokens."""
        from lm_eval.api.instance import Instance

        logprobs = self.loglikelihood([Instance("loglikelihood", {}, pair, 0) for pair in pairs])
        sizes = [len(self._lm.tok_encode(text, add_special_tokens=False)) for _, text in pairs]
        return [Weighed(logprob, n) for (logprob, _), n in zip(logprobs, sizes, strict=True)]


class _Cuts(logging.Filter):
    """Counts lm-eval's warnings of cut texts, and keeps them off the terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for what is counted."""
        is_cut = "Truncating" in record.getMessage()
        self.count += is_cut
        return not is_cut


class EngineLM(LM):  # type: ignore[misc]
    """A policy behind lm-eval's interface.

    Args:
        policy: located and pinned.
        config: names the engine.
        seed: of all sampling.
    """

    def __init__(self, policy: Located, config: BuildConfig, seed: int = 0) -> None:
        super().__init__()
        self._policy = policy
        self._config = config
        self._seed = seed
        self._engine: Engine | None = None
        self._weights: tuple[str, Weights] | None = None
        self.engine_name, _ = choose_engine(config)

    @property
    def tokenizer_name(self) -> str:
        """What lm-eval's request cache would know the template by; we leave that cache off."""
        return self._policy.fingerprint

    def apply_chat_template(
        self,
        chat_history: list[dict[str, str]],
        add_generation_prompt: bool = True,
    ) -> str:
        """Return the messages themselves: the engine applies the model's own template."""
        assert add_generation_prompt, "no task of ours begins the answer itself"
        return Chat(json.dumps(chat_history, ensure_ascii=False))

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Return an answer to each request, cut at its stop texts; "" where there is none.

        A request that is there several times is answered that often, each time anew.
        """
        texts = [""] * len(requests)
        places: dict[tuple[str, str], list[int]] = {}
        for place, request in enumerate(requests):
            places.setdefault((request.args[0], str(request.args[1])), []).append(place)
        for same in places.values():
            text, generation_kwargs = requests[same[0]].args
            decoding = decoding_of(generation_kwargs, len(same), self._seed)
            _, answers = next(iter(self.ask([self.prompt(text)], decoding, lambda _n: None)))
            if not isinstance(answers, SetAside):
                for place, completion in zip(same, answers, strict=True):
                    texts[place] = cut(completion.text.strip(), generation_kwargs)
        return texts

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Return log p(continuation | context) of each request, as lm-eval's HFLM does."""
        return self.weights("auto").loglikelihood(requests)

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Return the log-likelihood of each whole text, as lm-eval's HFLM does."""
        return self.weights("auto").loglikelihood_rolling(requests)

    def prompt(self, text: str) -> PolicyPrompt:
        """Return a request's text as the engine is to see it, with a seed of its own."""
        turns: tuple[tuple[str, str], ...] = (("user", text),)
        if isinstance(text, Chat):
            turns = tuple((m["role"], m["content"]) for m in json.loads(text))
        return PolicyPrompt(turns, not isinstance(text, Chat), seed_of(self._seed, text))

    def ask(
        self,
        prompts: Sequence[PolicyPrompt],
        decoding: Decoding,
        on_prompts: Callable[[int], None],
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """Yield (index into ``prompts``, its answers or why there are none), in any order."""
        params = Sampling(
            samples=decoding.samples,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=decoding.max_tokens,
        )
        yield from self.engine().sample(prompts, params, on_prompts)

    def engine(self) -> Engine:
        """Return the engine, loaded when it is first asked for."""
        if self._engine is None:
            self.close()
            self._engine = load_engine(self._config, self._policy)
        return self._engine

    def weights(self, precision: str) -> Weights:
        """Return the weights, loaded when they are first asked for.

        Raises:
            UserError: the engine is a server, whose weights are not here; or they cannot be loaded.
        """
        if self.engine_name == "openai":
            raise UserError(
                f"{self._policy.name}: log-likelihood tasks need the model's weights, and a server "
                "gives none; choose other axes with --axes, or another engine"
            )
        if self._weights is None or self._weights[0] != precision:
            self.close()
            self._weights = precision, Weights(self._policy, precision)
        return self._weights[1]

    def close(self) -> None:
        """Give the memory of whatever is loaded back."""
        if self._engine is not None:
            self._engine.close()
        self._engine = self._weights = None
        free_memory()


def seed_of(seed: int, text: str) -> int:
    """Return the seed of a prompt's first sample: of its text, and a multiple of 1024."""
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") % 2**52) * _SEED_STRIDE


def free_memory() -> None:
    """Return freed memory to the device, for the next model."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def kl_precision() -> str:
    """Return the precision in which sequences are weighed for a KL: float32 on a CPU.

    A checkpoint's bfloat16 has three digits, and the KL is the small difference of large numbers;
    on a GPU the checkpoint's own is taken, since float32 of a 7B model would not fit most of them.
    """
    return "auto" if device() == "cuda" else "float32"


def choice_batch() -> int:
    """Return how many texts are weighed at a time: one on a CPU, where a batch gains little.

    In bfloat16 a batch changes sums of log-probabilities by up to half a nat, so that with one at a
    time every score is that of plain ``lm_eval`` to the last digit.
    """
    return 1 if device() == "cpu" else 16


def device() -> str:
    """Return where models run here: cuda, mps, or cpu."""
    from udasa_data.engines.devices import best_device

    return best_device().type
