"""How far rounding alone parts two computations of one number.

Each of n products that are added up is rounded, at random as it were: their sum errs by about √n·ε
of its size, and in another order by as much elsewhere. The order is that of a processor's vectors,
of threads and of batches. Sums of sums (a network's layers) err as one sum of all their products.
"""

import math

import torch

SAFETY = 8.0  # above what one sum errs by: of thousands of numbers none may fail by chance


def rounding(summands: int, size: float = 1.0, dtype: torch.dtype = torch.float32) -> float:
    """The absolute tolerance for a number of a size at the end of so many sums and products."""
    return SAFETY * math.sqrt(summands) * torch.finfo(dtype).eps * size


def summands(model: torch.nn.Module, length: int) -> int:
    """How many products a number in a model's output adds up, for a text of so many tokens."""
    matrices = (m.in_features for m in model.modules() if isinstance(m, torch.nn.Linear))
    attended = model.config.num_hidden_layers * length
    return sum(matrices) + attended
