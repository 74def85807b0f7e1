"""Log-probabilities of a few short answers, read off a causal language model without sampling."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from udasa_data.errors import UserError

Floats: TypeAlias = NDArray[np.float64]
Tokens: TypeAlias = tuple[int, ...]


class Question(NamedTuple):
    """The tokens of a prompt, and of each choice as it would follow them."""

    prompt: Tokens
    choices: tuple[Tokens, ...]


class Policy(NamedTuple):
    """A causal language model on its device."""

    model: Any
    device: torch.device
    name: str


def sum_logprobs(policy: Policy, questions: Sequence[Question], batch_tokens: int) -> Floats:
    """Return the log-probability of each choice after its prompt.

    log p(c | x) = Σ_t log p(c_t | x, c_<t), with one forward pass for all choices of a prompt that
    differ in their last token alone (as "Yes" and "No" do where each is one token): the choice's
    last token is predicted, never read.

    Args:
        policy: the model.
        questions: N ≥ 1 prompts, C choices each, of at least one token each.
        batch_tokens: padded tokens in a batch, at most; sequences of like length go together.

    Returns:
        [N, C] float64, nats, ≤ 0.

    Raises:
        UserError: the model returns NaN, or has no memory for a single prompt.
    """
    read = [[(*q.prompt, *choice[:-1]) for choice in q.choices] for q in questions]
    order = sorted({ids for row in read for ids in row}, key=lambda ids: (-len(ids), ids))
    longest = max(len(choice) for q in questions for choice in q.choices)
    # what each sequence is asked for: (question, choice), for all choices that it serves
    served: dict[Tokens, list[tuple[int, int]]] = {ids: [] for ids in order}
    for n, row in enumerate(read):
        for c, ids in enumerate(row):
            served[ids].append((n, c))
    tokens = sorted({t for q in questions for choice in q.choices for t in choice})
    column = {token: n for n, token in enumerate(tokens)}
    result = np.full((len(questions), len(questions[0].choices)), np.nan)
    while order:
        size = max(1, batch_tokens // len(order[0]))
        batch, order = order[:size], order[size:]
        logprobs = _last_logprobs(policy, batch, tokens, longest)
        for of_row, ids in zip(logprobs, batch, strict=True):
            for n, c in served[ids]:
                choice = [column[token] for token in questions[n].choices[c]]
                result[n, c] = of_row[range(-len(choice), 0), choice].sum()
    if np.isnan(result).any():
        raise UserError(f"model '{policy.name}' returned NaN or infinite logits; use another model")
    return result


@torch.inference_mode()
def _last_logprobs(
    policy: Policy, batch: Sequence[Tokens], tokens: Sequence[int], last: int
) -> Floats:
    """Return [rows, ``last``, tokens]: how likely each of some tokens is after the last of a row.

    Padded on the left, with the positions that ``generate`` gives. A batch that does not fit into
    memory is halved.
    """
    width = max(last, *(len(ids) for ids in batch))
    ids = torch.zeros((len(batch), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, read in enumerate(batch):
        ids[row, width - len(read) :] = torch.tensor(read)
        mask[row, width - len(read) :] = 1
    inputs = {
        "input_ids": ids,
        "attention_mask": mask,
        "position_ids": (mask.cumsum(-1) - 1).clamp(min=0),
    }
    known = signature(policy.model.forward).parameters
    inputs = {name: x.to(policy.device) for name, x in inputs.items() if name in known}
    # the logits of a whole batch over a real vocabulary would fill the memory
    keep = {"logits_to_keep": last} if "logits_to_keep" in known else {}
    try:
        logits = policy.model(**inputs, **keep, use_cache=False).logits[:, -last:]
        logits = logits.float()
        logprobs = logits[..., list(tokens)] - logits.logsumexp(dim=-1, keepdim=True)
        found: Floats = logprobs.cpu().double().numpy()
    except (torch.OutOfMemoryError, MemoryError) as error:
        if len(batch) == 1:
            raise UserError(
                f"model '{policy.name}' has no memory for a prompt of {width} tokens; free memory"
            ) from error
    else:
        return found
    if policy.device.type == "cuda":
        torch.cuda.empty_cache()
    middle = len(batch) // 2
    halves = [
        _last_logprobs(policy, half, tokens, last) for half in (batch[:middle], batch[middle:])
    ]
    return np.concatenate(halves)
