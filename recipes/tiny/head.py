"""The last layer of a trained classifier, set right on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from .encoder import encode
from .sources import Labelled

CERTAIN: Final = 0.3  # weight of rows beyond doubt; the sureness of hard ones suffers with more


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
    weights = ((rows, 1.0), (certain, CERTAIN))
    share = torch.cat([torch.full((len(part),), weight / len(part)) for part, weight in weights])
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
