import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from udasa_data.uncertainty.jackknife import jackknife_se
from udasa_data.uncertainty.meaning import (
    cluster_surprise,
    meaning_clusters,
    number_of_clusters,
    semantic_entropy,
    semantic_entropy_rao_blackwell,
)
from udasa_data.uncertainty.semantic import (
    cocoa,
    cosine,
    degree,
    degree_leave_one_out,
    lexical,
    luq,
)
from udasa_data.uncertainty.spectral import (
    eccentricity,
    eigenvalue_laplacian,
    kernel_language_entropy,
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
    clusters = meaning_clusters(entail, np.zeros_like(entail))
    moved = meaning_clusters(permuted, np.zeros_like(permuted))
    same = clusters[:, None] == clusters[None, :]
    assert np.array_equal(moved[:, None] == moved[None, :], same[np.ix_(order, order)])
    assert semantic_entropy(moved) == pytest.approx(semantic_entropy(clusters))


@given(matrices)
def test_bounds(entail):
    u = degree(entail)
    assert ((u >= 0) & (u <= 1)).all()
    k = len(entail)
    far = eccentricity(entail)
    assert ((far >= 0) & (far <= 1)).all()
    assert 0 <= kernel_language_entropy(entail) <= 1
    assert -1e-9 <= eigenvalue_laplacian(entail) <= k + 1e-9
    entropy = semantic_entropy(meaning_clusters(entail, np.zeros_like(entail)))
    assert 0 <= entropy <= math.log(len(entail)) + 1e-12


@given(arrays(np.float64, (2, 4, 4), elements=st.floats(0, 1, width=32)))
def test_batched_equals_single(stacked):
    per_matrix = (degree, degree_leave_one_out, eccentricity, eigenvalue_laplacian)
    for function in (*per_matrix, kernel_language_entropy):
        for one, batched in zip(stacked, function(stacked), strict=True):
            assert function(one) == pytest.approx(batched, abs=1e-9, nan_ok=True)


def test_equal_answers_have_equal_scores():
    entail = np.array([[0, 1, 0.3], [1, 0, 0.3], [0.5, 0.5, 0]])
    u = degree(entail)
    assert u[0] == u[1]


def test_clusters_need_entailment_both_ways_and_chain():
    # 0↔1 and 1↔2 are linked, 3 only entails 0: one meaning {0, 1, 2} and one {3}
    entail = np.zeros((4, 4))
    entail[[0, 1, 1, 2, 3], [1, 0, 2, 1, 0]] = 0.9
    assert meaning_clusters(entail, np.zeros_like(entail)).tolist() == [0, 0, 0, 3]
    # H = −(¾ ln ¾ + ¼ ln ¼)
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert semantic_entropy(np.array([0, 0, 0, 3])) == pytest.approx(expected)


def test_a_long_chain_is_one_cluster():
    k = 16
    entail = np.eye(k, k=1) + np.eye(k, k=-1)
    assert meaning_clusters(entail, np.zeros_like(entail)).tolist() == [0] * k


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


def test_cluster_surprise_by_hand():
    # shares ¾ and ¼ of K = 4: −ln ¾ / ln 4 and −ln ¼ / ln 4 = 1
    found = cluster_surprise(np.array([0, 0, 0, 3]))
    assert found == pytest.approx([*[-math.log(0.75) / math.log(4)] * 3, 1.0])
    assert cluster_surprise(np.zeros(5, dtype=int)) == pytest.approx(np.zeros(5))
    assert number_of_clusters(np.array([[0, 0, 0, 3], [0, 1, 2, 3]])).tolist() == [2, 4]


def test_contradiction_unlinks():
    # p_e = .4 is the likeliest class with p_c = .25 (neutral .35), not with p_c = .45
    entail = np.full((2, 2), 0.4)
    assert meaning_clusters(entail, np.full((2, 2), 0.25)).tolist() == [0, 0]
    assert meaning_clusters(entail, np.full((2, 2), 0.45)).tolist() == [0, 1]
    assert meaning_clusters(np.full((2, 2), np.nan), np.zeros((2, 2))).tolist() == [0, 1]


@given(arrays(np.float64, 6, elements=st.floats(-50, 0)), st.permutations(range(6)))
def test_rao_blackwell_entropy_is_bounded_and_stable(logprobs, order):
    clusters = np.array([0, 0, 2, 2, 2, 5])
    found = semantic_entropy_rao_blackwell(clusters, logprobs)
    assert 0 <= found <= math.log(3) + 1e-12
    order = np.array(order)
    assert semantic_entropy_rao_blackwell(clusters[order], logprobs[order]) == pytest.approx(found)
    assert np.isnan(semantic_entropy_rao_blackwell(clusters, np.append(logprobs[:5], np.nan)))


def test_equal_probabilities_give_the_discrete_entropy():
    clusters = np.array([0, 0, 0, 3])
    found = semantic_entropy_rao_blackwell(clusters, np.full(4, -7.0))
    assert found == pytest.approx(semantic_entropy(clusters))


def test_luq_by_hand():
    # two sentences of answer 0, one of 1, none of 2; K = 3
    entail = np.array([[9.0, 0.6, 0.3], [9.0, 0.0, 0.0], [0.5, 9.0, 0.1]])
    contradict = np.array([[9.0, 0.2, 0.3], [9.0, 0.8, 0.0], [0.5, 9.0, 0.3]])
    # sentence 0: ½(.75 + .5) = .625; sentence 1: ½(0 + .5) = .25; u0 = 1 − ½(.625 + .25)
    # sentence 2: ½(.5 + .25) = .375; u1 = 1 − .375
    found = luq(entail, contradict, np.array([2, 1, 0]))
    assert found == pytest.approx([0.5625, 0.625, np.nan], nan_ok=True)


def test_cosine_by_hand():
    # cos(0,1) = 1, cos(0,2) = cos(1,2) = −1, which counts as 0: u = 1−½, 1−½, 1
    assert cosine(np.array([[1.0, 0], [2, 0], [-1, 0]])) == pytest.approx([0.5, 0.5, 1.0])


def test_cocoa_by_hand():
    # degree .6, mean log-probability ln ½: 1 − exp(.6 · ln ½) = 1 − 2^−.6
    entail = np.array([[9, 0.8, 0.2], [0.6, 9, 0.4], [0.0, 0.2, 9]])
    found = cocoa(entail, np.array([math.log(0.5), 0.0, np.nan]))
    assert found == pytest.approx([1 - 2**-0.6, 0.0, np.nan], nan_ok=True)


def test_lexical_by_hand():
    # "the cat sat" / "the cat ran": LCS 2 of 3 and 3 words, F1 = ⅔; no word of "No." in either
    texts = [["the", "cat", "sat"], ["the", "cat", "ran"], ["no"]]
    assert lexical(texts) == pytest.approx([2 / 3, 2 / 3, 1.0])
    assert lexical([[], []]) == pytest.approx([0.0, 0.0])


def test_a_nan_entry_makes_its_prompt_nan_and_no_other():
    entail = np.full((2, 3, 3), 0.5)
    entail[0, 0, 1] = np.nan
    assert np.isnan(eccentricity(entail)).tolist() == [[True] * 3, [False] * 3]
    for function in (eigenvalue_laplacian, kernel_language_entropy):
        assert np.isnan(function(entail)).tolist() == [True, False]


def test_number_of_meanings_at_its_ends():
    # all alike: one eigenvalue 0 and the rest 1; nothing in common: all 0
    assert eigenvalue_laplacian(np.ones((5, 5))) == pytest.approx(1.0)
    assert eigenvalue_laplacian(np.zeros((5, 5))) == pytest.approx(5.0)
    assert kernel_language_entropy(np.zeros((5, 5))) == pytest.approx(1.0)
