"""DeBERTa's disentangled attention, without gathering a score for every pair of tokens.

A token's attention to another is a sum of three products (He et al. 2021, arXiv 2006.03654, eq. 4):
content with content, content with relative position, relative position with content. transformers
computes the latter two for each position that the model knows, and gathers from these, by an index
as large as the attention itself, the one that belongs to each pair. Here the positions are laid out
by distance: a row's scores then lie side by side, each row's begin one further than the last one's
(the relative shift of Dai et al. 2019, arXiv 1901.02860, appendix B), and a view with these strides
is the matrix that is sought. No result changes beyond the rounding of the last digit.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.nn.functional import scaled_dot_product_attention

_ALIGNED: Final = 8  # tensor cores multiply rows of a multiple of so many
_RELATIVE: Final = {"c2p", "p2c"}  # content to position, and position to content


def shift_positions(model: Any) -> None:
    """Have a DeBERTa v2 or v3 shift the scores of relative positions in the place of gathering.

    A model of another family, or without relative positions, is left as it is.
    """
    config = model.config
    if config.model_type != "deberta-v2" or not config.relative_attention:
        return
    if not _RELATIVE & set(config.pos_att_type or ()):
        return
    encoder = model.base_model.encoder
    with torch.no_grad():
        embeddings = encoder.get_rel_embedding()
        for layer in encoder.layer:
            layer.attention.self = ShiftedAttention(layer.attention.self, embeddings)


class ShiftedAttention(torch.nn.Module):
    """The attention of one layer, for inference.

    Args:
        attention: transformers' ``DisentangledSelfAttention``.
        embeddings: of the relative positions, [2·span, width]; the layer's projections of them are
            computed once.
    """

    def __init__(self, attention: Any, embeddings: torch.Tensor) -> None:
        super().__init__()
        self.query, self.key = attention.query_proj, attention.key_proj
        self.value = attention.value_proj
        self.n_heads, self.span = attention.num_attention_heads, attention.pos_ebd_size
        used = _RELATIVE & set(attention.pos_att_type)
        self.scale: float = (attention.attention_head_size * (1 + len(used))) ** -0.5
        shared = attention.share_att_key
        embeddings = embeddings[: 2 * self.span]
        # [heads, head width, 2·span]
        self.position_key: torch.Tensor | None = None
        self.position_query: torch.Tensor | None = None
        if "c2p" in used:
            project = attention.key_proj if shared else attention.pos_key_proj
            self.position_key = self._by_head(project(embeddings))
        if "p2c" in used:
            project = attention.query_proj if shared else attention.pos_query_proj
            self.position_query = self._by_head(project(embeddings))

    def forward(
        self,
        hidden: torch.Tensor,
        mask: torch.Tensor,
        *_: Any,
        relative_pos: torch.Tensor,
        **__: Any,
    ) -> tuple[torch.Tensor, None]:
        """Return the context of each token, [batch, length, width].

        Args:
            hidden: [batch, length, width].
            mask: [batch, 1, length, length], 0 where either token is padding.
            relative_pos: number of the relative position of query and key, [1, length, length].
        """
        query, key, value = (
            projection(hidden).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        # of the distances L-1, …, 1-L between query and key
        by_distance = torch.cat([relative_pos[0, :, 0].flip(0), relative_pos[0, 0, 1:]])
        known = (by_distance + self.span).clamp(0, 2 * self.span - 1)
        parts = []
        if self.position_key is not None:
            parts.append(_shifted(query, self.position_key, known))
        if self.position_query is not None:
            parts.append(_shifted(key, self.position_query, known.flip(0)).transpose(-2, -1))
        # a tensor of its own: a GPU's kernels want its rows aligned
        bias = parts[0] + parts[1] if len(parts) == 2 else parts[0].clone()
        padding = ~mask.bool().any(dim=-2, keepdim=True)
        bias.masked_fill_(padding, torch.finfo(bias.dtype).min)
        context = scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=self.scale)
        return context.transpose(1, 2).flatten(-2), None

    def _by_head(self, projected: torch.Tensor) -> torch.Tensor:
        """Return [2·span, width] as [heads, head width, 2·span], scaled as the scores are."""
        by_head = projected.view(len(projected), self.n_heads, -1).permute(1, 2, 0)
        return self.scale * by_head


def _shifted(
    states: torch.Tensor, positions: torch.Tensor, by_distance: torch.Tensor
) -> torch.Tensor:
    """Return each state's score with the position that belongs to each other token.

    Args:
        states: [batch, heads, length L, head width].
        positions: all that the model knows, [heads, head width, 2·span].
        by_distance: their numbers, [2L-1]; that of token i and token j stands at L-1-i+j.

    Returns:
        [batch, heads, L, L], a view.
    """
    batch, heads, length, _ = states.shape
    unused = -len(by_distance) % _ALIGNED
    laid_out = positions[..., torch.nn.functional.pad(by_distance, (0, unused))]
    rows = states.transpose(0, 1).flatten(1, 2)  # a product of matrices for each head
    scores = torch.bmm(rows, laid_out)
    n = scores.shape[-1]
    strides = (length * n, batch * length * n, n - 1, 1)
    return scores.as_strided((batch, heads, length, length), strides, length - 1)
