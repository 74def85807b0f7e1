import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from udasa_data.uncertainty.semantic import (
    degree,
    degree_leave_one_out,
    jackknife_se,
    meaning_clusters,
    semantic_entropy,
)

matrices = st.integers(3, 9).flatmap(
    lambda k: arrays(np.float64, (k, k), elements=st.floats(0, 1, width=32))
)


def test_degree_by_hand():
    # mutual: (0,1) ½(.8+.6)=.7, (0,2) ½(.2+.0)=.1, (1,2) ½(.4+.2)=.3
    # u0 = 1−½(.7+.1)=.6; u1 = 1−½(.7+.3)=.5; u2 = 1−½(.1+.3)=.8
    entail = np.array([[9, 0.8, 0.2], [0.6, 9, 0.4], [0.0, 0.2, 9]])
    assert degree(entail) == pytest.approx([0.6, 0.5, 0.8])


def test_degree_spans_the_unit_interval_for_every_k():
    for k in (2, 3, 8):
        assert degree(np.ones((k, k))) == pytest.approx(np.zeros(k))
        assert degree(np.zeros((k, k))) == pytest.approx(np.ones(k))


def test_leave_one_out_by_hand():
    entail = np.array([[9, 0.8, 0.2], [0.6, 9, 0.4], [0.0, 0.2, 9]])
    # answer 0 without 1 keeps only (0,2): 1−.1=.9; without 2 only (0,1): 1−.7=.3
    expected = [[np.nan, 0.9, 0.3], [0.7, np.nan, 0.3], [0.7, 0.9, np.nan]]
    assert degree_leave_one_out(entail) == pytest.approx(np.array(expected), nan_ok=True)


@given(matrices)
def test_leave_one_out_is_degree_of_the_smaller_matrix(entail):
    without = degree_leave_one_out(entail)
    k = len(entail)
    for left_out in range(k):
        rest = [n for n in range(k) if n != left_out]
        smaller = degree(entail[np.ix_(rest, rest)])
        assert without[rest, left_out] == pytest.approx(smaller, abs=1e-12)


@given(matrices, st.randoms(use_true_random=False))
def test_permuting_the_samples_permutes_the_scores(entail, random):
    order = list(range(len(entail)))
    random.shuffle(order)
    permuted = entail[np.ix_(order, order)]
    assert degree(permuted) == pytest.approx(degree(entail)[order], abs=1e-12)
    clusters = meaning_clusters(entail)
    moved = meaning_clusters(permuted)
    same = clusters[:, None] == clusters[None, :]
    assert np.array_equal(moved[:, None] == moved[None, :], same[np.ix_(order, order)])
    assert semantic_entropy(moved) == pytest.approx(semantic_entropy(clusters))


@given(matrices)
def test_bounds(entail):
    u = degree(entail)
    assert ((u >= 0) & (u <= 1)).all()
    entropy = semantic_entropy(meaning_clusters(entail))
    assert 0 <= entropy <= math.log(len(entail)) + 1e-12


@given(arrays(np.float64, (2, 4, 4), elements=st.floats(0, 1, width=32)))
def test_batched_equals_single(stacked):
    for function in (degree, degree_leave_one_out, meaning_clusters):
        for one, batched in zip(stacked, function(stacked), strict=True):
            assert np.array_equal(function(one), batched, equal_nan=True)


def test_equal_answers_have_equal_scores():
    entail = np.array([[0, 1, 0.3], [1, 0, 0.3], [0.5, 0.5, 0]])
    u = degree(entail)
    assert u[0] == u[1]


def test_clusters_need_entailment_both_ways_and_chain():
    # 0↔1 and 1↔2 are linked, 3 only entails 0: one meaning {0, 1, 2} and one {3}
    entail = np.zeros((4, 4))
    entail[[0, 1, 1, 2, 3], [1, 0, 2, 1, 0]] = 0.9
    assert meaning_clusters(entail).tolist() == [0, 0, 0, 3]
    # H = −(¾ ln ¾ + ¼ ln ¼)
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert semantic_entropy(np.array([0, 0, 0, 3])) == pytest.approx(expected)


def test_a_long_chain_is_one_cluster():
    k = 16
    entail = np.eye(k, k=1) + np.eye(k, k=-1)
    assert meaning_clusters(entail).tolist() == [0] * k


def test_entropy_ends():
    assert semantic_entropy(np.zeros(5, dtype=int)) == 0.0
    assert semantic_entropy(np.arange(5)) == pytest.approx(math.log(5))


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.array([1.0, 2.0, 4.0, 7.0])
    replicates = (values.sum() - values) / 3
    # the jackknife of a mean is s/√n: s² = Σ(x−3.5)²/3 = (6.25+2.25+.25+12.25)/3 = 7
    assert jackknife_se(replicates) == pytest.approx(math.sqrt(7 / 4))


def test_jackknife_leaves_nan_out_and_needs_two():
    assert jackknife_se(np.array([np.nan, 0.2, 0.4])) == pytest.approx(
        math.sqrt(0.5 * (0.01 + 0.01))
    )
    assert np.isnan(jackknife_se(np.array([np.nan, 0.2])))
