"""What a policy does after a stage: margins on held-out pairs, distance to SFT, diversity."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from udasa_data.storage import Located, unloadable

from .mixture import Encoded

Floats: TypeAlias = NDArray[np.float64]
BATCH_TOKENS: Final = 4096  # padded tokens that a forward reads
_LOGITS: Final = 2**27  # numbers of a forward on a processor: half a gigabyte
_FEWEST: Final = 5  # pairs of a margin's interval: of three, the studentised one is 1e8 wide


class Cell(msgspec.Struct, frozen=True):
    """A policy on one stage's held-out pairs.

    Attributes:
        n: pairs.
        margin: mean of β·[log π/π_sft (chosen) − log π/π_sft (rejected)], nats times β; the
            implicit reward margin (Rafailov et al. 2023, §4) against the SFT policy, so that
            stages compare.
        accuracy: share of pairs with a margin above 0; at 0 exactly, half.
        chosen, rejected: mean log-probability of the answers, nats.
        margin_within: 95% interval of the margin, over pairs; None of fewer than five, of
            which resamples say nothing.
        accuracy_within: the same of the accuracy (Wilson's); None of fewer than two.
    """

    n: int
    margin: float
    accuracy: float
    chosen: float
    rejected: float
    margin_within: tuple[float, float] | None = None
    accuracy_within: tuple[float, float] | None = None


class Fresh(msgspec.Struct, frozen=True):
    """Fresh samples at temperature 1 from held-out prompts.

    Attributes:
        prompts: how many.
        samples: of each.
        kl: mean over samples of Σ_t KL(π(·|x, y_<t) ‖ π_sft(·|x, y_<t)), nats an answer: unbiased
            for the sequence KL and never negative (Amini, Vieira, Cotterell 2025,
            arXiv 2504.10637).
        kl_per_token: the same sums over the number of tokens.
        length: mean tokens of an answer, its end included.
        ended: share of answers that ended by themselves.
        distinct: mean over prompts of distinct meanings (clusters of mutual entailment; without
            an NLI model, distinct texts) over samples, in (0, 1].
        self_similarity: mean ROUGE-L between two answers to one prompt, in [0, 1].
        refuses: share of the answers to chat prompts that refuse, in [0, 1], by the embedded
            classifier (English, and phrases of others); None without such prompts.
    """

    prompts: int
    samples: int
    kl: float
    kl_per_token: float
    length: float
    ended: float
    distinct: float
    self_similarity: float
    refuses: float | None = None


class StageMeasures(msgspec.Struct, frozen=True):
    """A row of the stage × stage matrix, and the fresh samples: of the weights that are served.

    Attributes:
        beta: of the margins.
        cells: by stage.
        fresh: None where nothing was sampled.
        kept: how much of what was learnt the served weights keep (``serving.kept_share``), over all
            held-out pairs; 1 where they are the trained ones; None: of the SFT policy, or no pairs.
    """

    beta: float
    cells: dict[str, Cell]
    fresh: Fresh | None
    kept: float | None = None


def load_model(
    where: tuple[str, Mapping[str, Any]], dtype: torch.dtype, *, place: bool = True, **how: Any
) -> Any:
    """Load a policy, onto this process's device unless ``place`` is off (the trainer does that).

    ``how`` is passed to ``from_pretrained``.

    Each process loads it whole: once DeepSpeed's ZeRO-3 is set up, transformers would give each a
    part of every model, which only DeepSpeed's own trainer can run.

    Raises:
        UserError: its files do not hold a language model.
    """
    from transformers import AutoModelForCausalLM
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()  # the next trainer's arguments set it again
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            where[0], dtype=dtype, **{"use_safetensors": True, **where[1], **how}
        )
    except (OSError, ValueError, KeyError, UnpicklingError) as error:
        revision, allow_bin = where[1].get("revision"), "weights_only" in where[1]
        model = Located(where[0], revision, "", where[0], allow_bin)
        raise unloadable("model", model, error) from error
    loaded = loaded.eval()
    return loaded.to("cuda") if place and torch.cuda.is_available() else loaded


def release() -> None:
    """Give back the memory of a model that is gone."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def on_gpu(model: Any) -> Iterator[Any]:
    """Have a model on the GPU for a while, where there is one: two need not fit there at once."""
    if not torch.cuda.is_available():
        yield model
        return
    try:
        yield model.to("cuda")
    finally:
        model.to("cpu")
        torch.cuda.empty_cache()


def pair_logps(model: Any, encoded: Sequence[Encoded], pad: int) -> Floats:
    """Return Σ_t log π(y_t | x, y_<t) of both sides of each pair, [N, 2], nats.

    Args:
        model: the policy.
        encoded: N pairs of token ids.
        pad: a token id; where it stands, nothing is read.
    """
    return answer_logps(model, sides_of(encoded), pad).reshape(-1, 2)


def sides_of(encoded: Sequence[Encoded]) -> list[tuple[list[int], list[int]]]:
    """Return (prompt, answer) of both sides of each pair, chosen first."""
    return [(pair.prompt, side) for pair in encoded for side in (pair.chosen, pair.rejected)]


@torch.inference_mode()
def answer_logps(model: Any, rows: Sequence[tuple[list[int], list[int]]], pad: int) -> Floats:
    """Return Σ_t log π(y_t | x, y_<t) of (prompt, answer) token ids, [N], nats."""
    total = np.zeros(len(rows))
    for batch in batches(rows, tokens_at_once(model)):
        ids, mask, answer = padded([rows[n] for n in batch], pad, model.device)
        first = max(1, min(len(rows[n][0]) for n in batch))  # token of an answer in any row
        logits = _last_logits(model, ids, mask, ids.shape[1] - first + 1)[:, :-1].float()
        logp = torch.log_softmax(logits, -1).gather(2, ids[:, first:, None])[..., 0]
        total[batch] = (logp * answer[:, first:]).sum(1).double().cpu().numpy()
    return total


def _last_logits(model: Any, ids: torch.Tensor, mask: torch.Tensor, last: int) -> torch.Tensor:
    """Return the logits of the last tokens, [N, last, V]: no others are made, where it can be."""
    known = inspect.signature(model.forward).parameters
    keep = {"logits_to_keep": last} if "logits_to_keep" in known else {}
    logits: torch.Tensor = model(input_ids=ids, attention_mask=mask, **keep).logits
    return logits[:, -last:]


def tokens_at_once(model: Any) -> int:
    """Return how many padded tokens a forward reads: fewer on a processor, if logits are wide."""
    if model.device.type == "cuda":
        return BATCH_TOKENS
    return min(BATCH_TOKENS, _LOGITS // int(model.config.get_text_config().vocab_size))


def batches(
    rows: Sequence[tuple[list[int], list[int]]], tokens: int = BATCH_TOKENS
) -> Iterator[list[int]]:
    """Yield the places of (prompt, answer) rows, those of like length together, longest first.

    Args:
        rows: token ids.
        tokens: padded, of a batch; a longer row is one of its own.
    """
    order = sorted(range(len(rows)), key=lambda n: -len(rows[n][0]) - len(rows[n][1]))
    while order:
        width = len(rows[order[0]][0]) + len(rows[order[0]][1])
        size = max(1, tokens // width)
        yield order[:size]
        order = order[size:]


def padded(
    rows: Sequence[tuple[list[int], list[int]]], pad: int, device: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ids, attention mask and answer mask of (prompt, answer) rows, [N, T] each."""
    width = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids = torch.full((len(rows), width), pad)
    mask, of_answer = torch.zeros_like(ids), torch.zeros_like(ids)
    for n, (prompt, answer) in enumerate(rows):
        end = len(prompt) + len(answer)
        ids[n, :end] = torch.tensor([*prompt, *answer])
        mask[n, :end] = 1
        of_answer[n, len(prompt) : end] = 1
    return ids.to(device), mask.to(device), of_answer.to(device)


def cell(policy: Floats, sft: Floats, beta: float) -> Cell:
    """Return the figures of a policy on N held-out pairs.

    Args:
        policy: [N, 2] log-probabilities of chosen and rejected.
        sft: the same of the SFT policy.
        beta: of the stage.
    """
    ratio = policy - sft
    margin = beta * (ratio[:, 0] - ratio[:, 1])
    right = np.where(margin == 0, 0.5, margin > 0)
    chosen, rejected = policy.mean(axis=0)
    figures = (float(margin.mean()), float(right.mean()), float(chosen), float(rejected))
    if len(policy) < 2:
        return Cell(len(policy), *figures)
    from udasa_eval.stats import mean_interval, wilson

    spread = mean_interval(margin)
    within = (spread.low, spread.high) if len(policy) >= _FEWEST else None
    share = wilson(float(right.sum()), len(right))
    return Cell(len(policy), *figures, within, (share.low, share.high))
