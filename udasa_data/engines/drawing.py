"""The draw of the next token: from a uniform number of its own, among the likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from transformers import LogitsProcessor

from udasa_data.config import Sampling

_FEW: Final = (256, 4096)  # tokens


class Draw(LogitsProcessor):  # type: ignore[misc]
    """Draws each row's next token by inversion and leaves only that one possible.

    Also keeps its log-probability under the policy itself (temperature 1, all tokens).
    """

    def __init__(
        self, seeds: Sequence[int], params: Sampling, width: int, device: torch.device
    ) -> None:
        uniform = [
            np.random.Generator(np.random.Philox(s)).random(params.max_tokens) for s in seeds
        ]
        self._uniform = torch.tensor(np.array(uniform), dtype=torch.float32, device=device)
        self._params = params
        self._width = width
        self._rows = torch.arange(len(seeds), device=device)  # those that still go on
        self._logprobs = torch.zeros((len(seeds), params.max_tokens), device=device)

    def keep(self, going_on: torch.Tensor) -> None:
        """Draw for some of the rows only from now on: [rows], whether each goes on."""
        self._rows = self._rows[going_on]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return [rows, vocabulary] scores with 0 at the drawn token and −∞ elsewhere."""
        scores = scores.float()
        position = input_ids.shape[1] - self._width
        if self._params.temperature == 0:
            return self._keep_only(scores.argmax(dim=-1, keepdim=True), scores, position)
        uniform = self._uniform[self._rows, position, None]
        if self._params.top_p < 1.0:
            tokens = _of_nucleus(scores / self._params.temperature, self._params.top_p, uniform)
        else:
            tokens = _inverted(torch.softmax(scores / self._params.temperature, dim=-1), uniform)
        return self._keep_only(tokens, scores, position)

    def _keep_only(self, tokens: torch.Tensor, scores: torch.Tensor, position: int) -> torch.Tensor:
        log_normaliser = scores.logsumexp(dim=-1, keepdim=True)
        drawn = (scores.gather(1, tokens) - log_normaliser).squeeze(1)
        self._logprobs[self._rows, position] = drawn
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens, 0.0)

    def logprobs(self) -> np.ndarray[Any, Any]:
        """Return [rows, max_tokens] log-probabilities of drawn tokens, nats; 0 after the end."""
        return self._logprobs.cpu().double().numpy()


def _inverted(probabilities: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return [rows, 1] places at which the cumulative sum passes ``uniform`` [rows, 1] of all."""
    cumulative = probabilities.cumsum(dim=-1)
    # the last entry is the rounded total: a target below it always finds a token
    found = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    return found.clamp(max=probabilities.shape[-1] - 1)


def _of_nucleus(scores: torch.Tensor, top_p: float, uniform: torch.Tensor) -> torch.Tensor:
    """Return [rows, 1] tokens of the smallest sets that hold ``top_p`` (Holtzman et al. 2020).

    The likeliest 256 tokens nearly always hold it, and are found sooner on a CPU than all are
    sorted; rows in which they do not are looked at again with more.
    """
    vocabulary = scores.shape[-1]
    normaliser = scores.logsumexp(dim=-1, keepdim=True)
    tokens = torch.empty_like(uniform, dtype=torch.long)
    left = torch.arange(len(scores), device=scores.device)
    for few in (*_FEW, vocabulary):
        likeliest, order = scores[left].topk(min(few, vocabulary), dim=-1)
        probabilities = torch.exp(likeliest - normaliser[left])
        tokens[left] = _drawn(probabilities, order, top_p, uniform[left])
        left = left[probabilities.sum(dim=-1) < top_p]
        if not len(left):
            break
    return tokens


def _drawn(
    ordered: torch.Tensor, order: torch.Tensor, top_p: float, uniform: torch.Tensor
) -> torch.Tensor:
    """Return [rows, 1] tokens among the first that hold ``top_p``, by their order of ids.

    Args:
        ordered: [rows, tokens] probabilities, falling.
        order: their ids.
        top_p: probability that is held.
        uniform: [rows, 1] in [0, 1).
    """
    outside = ordered.cumsum(dim=-1) - ordered >= top_p
    ids, places = order.sort(dim=-1)
    kept = ordered.masked_fill(outside, 0.0).gather(1, places)
    return ids.gather(1, _inverted(kept, uniform))
