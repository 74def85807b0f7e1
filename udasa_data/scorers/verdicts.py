"""Language models that moderate, as classifiers: the classes are the words of a verdict.

A guard (Qwen3Guard, Granite Guardian) is a language model whose chat template renders what is to be
judged, and which then writes its verdict: ``Safety: Unsafe``. Nothing is generated here: behind the
rendered text and the verdict's ``opening`` stands one of a few words, and the model's logits of
their first tokens are the classes'.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from udasa_data.config import Verdict
from udasa_data.errors import UserError


class VerdictHead(torch.nn.Module):
    """A causal language model whose ``logits`` are those of a verdict's words, [N, words].

    Args:
        model: with its weights.
        tokenizer: of the model.
        verdict: its opening and its words.
        name: of the scorer, for errors.

    Raises:
        UserError: two of the words begin with the same token.
    """

    def __init__(self, model: Any, tokenizer: Any, verdict: Verdict, name: str) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("tokens", torch.tensor(_first_tokens(tokenizer, verdict, name)))
        names = [word.strip() for word in verdict.words]
        self.config = SimpleNamespace(
            num_labels=len(names),
            id2label=dict(enumerate(names)),
            problem_type=None,
            pad_token_id=model.config.pad_token_id,
            get_text_config=model.config.get_text_config,
        )

    @property
    def base_model(self) -> Any:
        """The transformer below the head."""
        return self.model.base_model

    def forward(self, attention_mask: torch.Tensor, **inputs: torch.Tensor) -> SimpleNamespace:
        """Return [N, words] as ``logits``, read at the last token of each row.

        Args:
            attention_mask: [N, length], padded on the right.
            inputs: ``input_ids`` of the same shape.
        """
        kept = {"input_ids": inputs["input_ids"], "use_cache": False}
        states = self.base_model(attention_mask=attention_mask, **kept).last_hidden_state
        rows = torch.arange(len(states), device=states.device)
        last = states[rows, attention_mask.sum(dim=1) - 1]
        return SimpleNamespace(logits=self.model.get_output_embeddings()(last)[:, self.tokens])


def _first_tokens(tokenizer: Any, verdict: Verdict, name: str) -> list[int]:
    """Return the token that each word of a verdict begins with, behind its opening."""
    before = len(tokenizer(verdict.opening, add_special_tokens=False)["input_ids"])
    found: dict[int, str] = {}
    for word in verdict.words:
        ids = tokenizer(verdict.opening + word, add_special_tokens=False)["input_ids"]
        if len(ids) <= before or ids[before] in found:
            other = found.get(ids[before], "its opening") if len(ids) > before else "its opening"
            raise UserError(
                f"scorer '{name}': the verdict's word {word!r} begins with the same token as "
                f"{other!r}; give words that differ in their first token"
            )
        found[ids[before]] = word
    return list(found)
