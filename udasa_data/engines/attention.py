"""Attention of one new token on a CPU, where the library's own reads keys and values at a crawl."""

from __future__ import annotations

from typing import Any, Final

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

_NAME: Final = "udasa_grouped"


def decode_in_groups(model: Any) -> None:
    """Let a model on a CPU attend by :func:`grouped`, if it attends by PyTorch's ``sdpa`` now.

    ``sdpa`` multiplies one query's row at a time, for which MKL has no fast kernel in bfloat16 on
    AMD's processors, and copies keys and values for every query head of a group.
    """
    if model.config._attn_implementation == "sdpa":  # noqa: SLF001
        AttentionInterface.register(_NAME, grouped)
        AttentionMaskInterface.register(_NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
        model.set_attn_implementation(_NAME)


def grouped(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Return [rows, tokens, heads, width] of attention (Vaswani et al. 2017, equation 1).

    For one token a row the queries of a group are multiplied with their keys at once; all else
    is left to ``sdpa``.

    Args:
        module: the layer.
        query: [rows, heads, tokens, width].
        key: [rows, groups, length, width]; ``value`` likewise.
        value: see ``key``.
        attention_mask: [rows, 1, tokens, length], true where a key is seen, or added to scores.
        scaling: of the scores; none: one over the root of ``width``.
        options: of ``sdpa``.
    """
    rows, heads, tokens, width = query.shape
    if tokens > 1 or options.get("position_bias") is not None or options.get("cache") is not None:
        return sdpa_attention_forward(  # type: ignore[no-any-return]
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
    groups = key.shape[1]
    queries = query.view(rows, groups, heads // groups, width)
    scores = (queries @ key.transpose(2, 3)).float() * (scaling or width**-0.5)
    if attention_mask is not None:
        seen = attention_mask[..., : key.shape[2]]
        if seen.dtype == torch.bool:
            scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
        else:
            scores = scores + seen
    weights = scores.softmax(dim=-1).to(value.dtype)
    return (weights @ value).reshape(rows, 1, heads, value.shape[-1]), None
