"""The options of engines, beyond those of sampling."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta

from udasa_data.config.strict import Strict
from udasa_data.errors import redacted

EngineName: TypeAlias = Literal["auto", "transformers", "vllm", "openai"]
# what a request to a server can do without
Option: TypeAlias = Literal[
    "logprobs", "seed", "n", "temperature", "top_p", "system", "chat_template_kwargs"
]
Money: TypeAlias = Annotated[float, Meta(ge=0.0)]

# as OpenAI, Hugging Face, Groq, xAI and others begin theirs, as a whole part of a path
_KEY: Final = re.compile(r"/(?:sk|pk|hf|gsk|xai|key|api[-_]?key)[-_=][^/]{8,}")


class Prices(Strict, frozen=True):
    """What a server charges for a million tokens, in any one currency."""

    input: Money
    output: Money


class Server(Strict, frozen=True):
    """An OpenAI-compatible endpoint. Its key is read from OPENAI_API_KEY alone, and never kept.

    ``retries`` counts tries after the first, of a request that met 429, 5xx, silence or a cut line.
    """

    base_url: str
    in_flight: Annotated[int, Meta(ge=1)] = 64  # requests at most; fewer where it bears fewer
    timeout: Annotated[float, Meta(gt=0.0)] = 600.0  # seconds, of a request from end to end
    retries: Annotated[int, Meta(ge=0)] = 8
    leave_out: tuple[Option, ...] = ()  # never sent; what it refuses is left out by itself
    prices: Prices | None = None
    max_cost: Annotated[float, Meta(gt=0.0)] | None = None  # of the whole run, in the prices' unit

    def __post_init__(self) -> None:
        _check_address(self.base_url)
        if self.max_cost is not None and self.prices is None:
            raise ValueError("key 'server.max_cost': needs server.prices {input, output}")


def _check_address(base_url: str) -> None:
    """Refuse an address that is none, or that holds more than one; never repeats it."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:  # whose message may hold all of it
        port, parts = 0, urlsplit("http://unreadable")
    if port == 0:
        raise ValueError("key 'server.base_url': host and port cannot be read (ports end at 65535)")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("key 'server.base_url': expected http://… or https://…")
    if not base_url.isprintable() or " " in base_url:
        raise ValueError("key 'server.base_url': holds white space or control characters")
    more = "@" in parts.netloc or "?" in base_url or "#" in base_url
    if more or _KEY.search(parts.path) or redacted(base_url) != base_url:
        raise ValueError(
            "key 'server.base_url': holds a name, key, query or fragment, which would be written "
            "to the run; give the key in OPENAI_API_KEY"
        )


class Vllm(Strict, frozen=True):
    """How vLLM is run; one worker process a GPU (or a group of ``tensor_parallel`` GPUs)."""

    # a policy's window may be far longer than the memory that is left for its cache
    max_model_len: Annotated[int, Meta(ge=16)] = 16384
    gpu_memory: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.9  # share of the GPU
    beside_scorers: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.5  # while the policy is a judge
    workers: Annotated[int, Meta(ge=1)] | None = None  # none: as many as the GPUs allow
    tensor_parallel: Annotated[int, Meta(ge=1)] = 1
    eager: bool = False  # no CUDA graphs: starts sooner, runs slower
