"""The token that fills a batch up: model and tokenizer of a classifier agree on it."""

from __future__ import annotations

from typing import Any


def pad_in_one_way(model: Any, tokenizer: Any) -> None:
    """Have a classifier's tokenizer pad at the end, with the token that the model takes as padding.

    The head of a decoder reads the last token that is not padding, which it finds by its id: of a
    tokenizer that pads with another it reads the padding, and one that has none cannot pad. Where
    neither names a token, it is the one that begins texts, since none ends with it: with the one
    that ends them, the head would read the token before it.
    """
    tokenizer.padding_side = "right"
    config = model.config.get_text_config()
    named = None if config.pad_token_id is None else tokenizer.decode([config.pad_token_id])
    if named and tokenizer.convert_tokens_to_ids(named) == config.pad_token_id:
        tokenizer.pad_token = named
    elif tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.bos_token or tokenizer.unk_token or tokenizer.eos_token
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
