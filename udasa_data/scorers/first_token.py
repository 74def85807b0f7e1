"""A classifier's last layer, computed for the one token that its head reads.

The head of a BERT-like classifier looks at the first token alone. The last layer's other tokens
are computed for nothing: a half of a two-layer model's work, a third of a three-layer one's, 4% of
a large one's. Leaving them out changes no result beyond the rounding of the last digit.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.nn.functional import scaled_dot_product_attention

# Their layers are alike, and their heads pool the first token (transformers 5).
_ALIKE: Final = {"bert", "roberta", "xlm-roberta"}


def read_first_token_only(model: Any) -> None:
    """Have a sequence classifier compute its last layer for the first token alone.

    A model of another family, or whose attention takes no dense mask, is left as it is.
    """
    config = model.config
    attention = getattr(config, "_attn_implementation", None)
    if config.model_type in _ALIKE and attention in {"sdpa", "eager"} and not config.is_decoder:
        layers = model.base_model.encoder.layer
        layers[-1] = FirstTokenLayer(layers[-1])


class FirstTokenLayer(torch.nn.Module):
    """A transformer layer of which only the first token's output is computed.

    Args:
        layer: a ``BertLayer`` or one of its like.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> torch.Tensor:
        """Return the first token's new state, [batch, 1, width], from all tokens' states.

        Args:
            hidden: [batch, length, width].
            mask: of the attention, [batch, 1, 1 or length, length]; None where nothing is padded.
        """
        attention = self.layer.attention.self
        first = hidden[:, :1]
        query, key, value = (
            projection.unflatten(-1, (attention.num_attention_heads, -1)).transpose(1, 2)
            for projection in (
                attention.query(first),
                attention.key(hidden),
                attention.value(hidden),
            )
        )
        context = scaled_dot_product_attention(
            query, key, value, attn_mask=None if mask is None else mask[..., :1, :]
        )
        attended = self.layer.attention.output(context.transpose(1, 2).flatten(-2), first)
        output: torch.Tensor = self.layer.feed_forward_chunk(attended)
        return output
