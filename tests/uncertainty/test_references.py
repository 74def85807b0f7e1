"""Parity with lm-polygraph 0.7.0 where it is right; the right values, by hand, where it is not.

``golden/lm_polygraph.json`` is written by ``make_golden.py``.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from udasa_data.uncertainty import meaning, semantic, spectral

GOLDEN = json.loads((Path(__file__).parent / "golden" / "lm_polygraph.json").read_text())
EXACT = {"rel": 1e-6, "abs": 1e-6}


@pytest.fixture(params=range(len(GOLDEN["cases"])), ids=lambda n: f"case{n}")
def case(request):
    found = GOLDEN["cases"][request.param]
    return {name: np.array(value) for name, value in found.items()}


def test_degree(case):
    # theirs leaves the diagonal in and divides by K²: mean u · (K−1)/K
    k = len(case["entail"])
    ours = semantic.degree(case["entail"]).mean() * (k - 1) / k
    assert ours == pytest.approx(case["DegMat"], **EXACT)


def test_eigenvalue_laplacian(case):
    ours = spectral.eigenvalue_laplacian(case["entail"])
    assert ours == pytest.approx(case["EigValLaplacian"], **EXACT)


def test_kernel_language_entropy(case):
    ours = spectral.kernel_language_entropy(case["entail"], case["contradict"])
    assert ours == pytest.approx(case["KernelLanguageEntropy"], **EXACT)


def test_luq_of_single_sentences(case):
    # their matrix [i, j] asks whether i sides with j; ours [s, j] whether j sides with s
    k = len(case["entail"])
    ours = semantic.luq(case["entail"].T, case["contradict"].T, np.ones(k, dtype=int))
    assert ours.mean() == pytest.approx(case["LUQ"], **EXACT)


def test_discrete_semantic_entropy(case):
    clusters = case["clusters"].astype(int)
    ours = meaning.semantic_entropy(clusters)
    assert ours == pytest.approx(case["SemanticEntropyEmpirical"], **EXACT)


def test_cocoa_is_theirs_on_the_unit_scale(case):
    ours = semantic.cocoa(case["entail"], case["logprobs"])
    assert -np.log1p(-ours) == pytest.approx(case["CocoaPPL"], **EXACT)


def test_eccentricity_is_one_number_for_each_answer():
    """Theirs takes norms of eigenvectors (columns) where the paper takes those of answers (rows).

    Two groups {0, 1} and {2}, blocks of ones: L has eigenvalue 0 twice, with eigenvectors
    (1/√2, 1/√2, 0) and (0, 0, 1); mean row (√2/3, 1/3).
    """
    entail = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    near = math.hypot(1 / math.sqrt(2) - math.sqrt(2) / 3, 1 / 3)
    far = math.hypot(math.sqrt(2) / 3, 2 / 3)
    assert spectral.eccentricity(entail) == pytest.approx([near, near, far])
    assert spectral.eccentricity(np.ones((4, 4))) == pytest.approx(np.zeros(4), abs=1e-7)


def test_rao_blackwell_entropy_sums_over_meanings_not_answers():
    """Their "direct" form adds −p(C) ln p(C) once for each answer of C.

    p = (½, ¼, ¼), meanings {0, 1} and {2}: p(C) = ¾, ¼; H = −(¾ ln ¾ + ¼ ln ¼) = 0.5623.
    """
    logprobs = np.log([0.5, 0.25, 0.25]) - 40.0  # any common factor drops out
    found = meaning.semantic_entropy_rao_blackwell(np.array([0, 0, 2]), logprobs)
    assert found == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_entropy_of_answers_too_unlikely_for_exp():
    found = meaning.semantic_entropy_rao_blackwell(np.array([0, 1]), np.array([-2000.0, -2000.0]))
    assert found == pytest.approx(math.log(2))
    one_sided = meaning.semantic_entropy_rao_blackwell(np.array([0, 1]), np.array([-np.inf, -1.0]))
    assert one_sided == pytest.approx(0.0)


def test_clusters_need_both_directions():
    """UQLM links by one direction: "a red car" entails "a car", which does not entail it back."""
    entail = np.array([[1.0, 0.9, 0.0], [0.1, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert meaning.meaning_clusters(entail, np.zeros((3, 3))).tolist() == [0, 1, 2]


def test_clusters_do_not_depend_on_the_order():
    """Greedy assignment compares with a cluster's first answer: 0–1 and 1–2 alike, 0–2 not.

    In the order 0, 1, 2 it finds {0, 1}, {2}; in the order 1, 0, 2 one cluster. Ours: one, always.
    """
    entail = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.9], [0.1, 0.9, 1.0]])
    for order in ([0, 1, 2], [1, 0, 2], [2, 0, 1]):
        found = meaning.meaning_clusters(entail[np.ix_(order, order)], np.zeros((3, 3)))
        assert found.tolist() == [0, 0, 0]


def test_the_heat_kernel_is_a_matrix_exponential():
    """The exponential of the entries (TruthTorchLM) would leave equal answers apart.

    All alike: W = 2 off the diagonal, n = 2, L = [[2, −2], [−2, 2]], eigenvalues 0 and 4;
    K = ½[[1+e, 1−e], [1−e, 1+e]] with e = exp(−4t), whose unit-diagonal form over 2 has
    eigenvalues 1/(1+e) and e/(1+e).
    """
    e = math.exp(-4 * 0.3)
    p = np.array([1 / (1 + e), e / (1 + e)])
    expected = -(p * np.log(p)).sum() / math.log(2)
    assert spectral.kernel_language_entropy(np.ones((2, 2))) == pytest.approx(expected)
