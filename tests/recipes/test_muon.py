import numpy as np
import torch
from rounding import rounding

from udasa_recipes.tiny.muon import Muon, orthogonalised


def test_singular_values_end_near_one():
    matrix = torch.from_numpy(np.random.default_rng(0).normal(size=(24, 60))).float()
    for shape in (matrix, matrix.T):
        values = torch.linalg.svdvals(orthogonalised(shape))
        assert values.min() > 0.6
        assert values.max() < 1.3


def test_steps_are_those_of_torchs_own_but_for_its_bfloat16():
    draws = np.random.default_rng(1)
    start = torch.from_numpy(draws.normal(size=(40, 16))).float()
    weights = [torch.nn.Parameter(start.clone()) for _ in range(2)]
    ours = Muon([weights[0]], lr=0.02, momentum=0.95, weight_decay=0.01)
    theirs = torch.optim.Muon([weights[1]], lr=0.02, momentum=0.95, weight_decay=0.01)
    for _ in range(3):
        gradient = torch.from_numpy(draws.normal(size=(40, 16))).float()
        for weight, mover in zip(weights, (ours, theirs), strict=True):
            weight.grad = gradient.clone()
            mover.step()
    # three steps of .02 in each direction; bfloat16 keeps three digits of each
    assert (weights[0] - weights[1]).abs().max() < 1e-3
    assert (weights[0] - start).norm() > 0.05


def test_matrices_of_one_shape_move_as_each_would_alone():
    draws = torch.Generator().manual_seed(2)
    both = torch.randn(2, 30, 12, generator=draws)
    alone = torch.stack([orthogonalised(matrix) for matrix in both])
    # five iterations of three products each; the singular values are near 1
    allowed = rounding(5 * (30 + 12 + 12))
    assert torch.allclose(orthogonalised(both), alone, rtol=0, atol=allowed)
