"""P(chosen better) within a stage: the order, the weights and the smoothing, by hand."""

import math

import pytest
import torch
from torch.nn.functional import logsigmoid

from udasa_recipes.staged.curriculum import SurestFirst, loss_by_p
from udasa_recipes.staged.stage_options import StageOptions

RATIOS = torch.tensor([[2.0, 0.0], [0.0, 1.0]])  # chosen, rejected: h = β·(2, −1)


def test_a_pair_is_smoothed_by_its_own_doubt():
    # β = 1, p = (1, .75): ε = (0, .25); −ln σ(2) = .126928, −ln σ(−1) = 1.313262,
    # −ln σ(1) = .313262:
    # (.126928 + .75·1.313262 + .25·.313262) / 2 = .595095
    options = StageOptions(beta=1.0, label_smoothing="by_p")
    found = loss_by_p(RATIOS, torch.tensor([1.0, 0.75]), options)
    assert float(found) == pytest.approx(0.595095, abs=1e-6)


def test_a_pair_weighs_what_its_label_is_worth():
    # w = 2p − 1 = (.8, .2): (.8·.126928 + .2·1.313262) / 1
    options = StageOptions(beta=1.0, curriculum="weight")
    found = loss_by_p(RATIOS, torch.tensor([0.9, 0.6]), options)
    assert float(found) == pytest.approx(0.364195, abs=1e-6)
    # a pair that is likelier wrong than right weighs nothing
    only = loss_by_p(RATIOS, torch.tensor([0.9, 0.3]), options)
    assert float(only) == pytest.approx(0.126928, abs=1e-6)


def test_of_pairs_of_unknown_p_it_is_plain_dpo():
    options = StageOptions(beta=0.1, label_smoothing="by_p", curriculum="weight")
    found = loss_by_p(RATIOS, torch.full((2,), math.nan), options)
    assert float(found) == pytest.approx(float(-logsigmoid(torch.tensor([0.2, -0.1])).mean()))


def test_the_order_is_by_p_at_a_pace():
    p = torch.tensor([0.6, math.nan, 0.9, 0.7])
    assert list(SurestFirst(p, 0.0, seed=0)) == [2, 3, 0, 1]
    many = torch.rand(400, generator=torch.Generator().manual_seed(0))
    sampler = SurestFirst(many, 0.5, seed=3)
    assert len(sampler) == 400
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(400))
    assert first != second  # each epoch draws anew
    sampler.set_epoch(0)
    assert list(sampler) == first  # as a resumed one
    rank = torch.argsort(torch.argsort(many, descending=True))[first]
    assert int(rank[:40].max()) < 200 + 20  # of the surer half, and what the pace lets in
    assert float(rank[:200].float().mean()) < float(rank[200:].float().mean())
