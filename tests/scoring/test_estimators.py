import numpy as np
import pytest

from udasa_data.scoring.estimators import ESTIMATORS, Evidence, estimate
from udasa_data.uncertainty import semantic

RNG = np.random.default_rng(1)
P = RNG.dirichlet([0.5, 0.5, 0.5], size=(5, 5))
COUNTS = [1, 3, 2, 1, 3]  # sentences of each answer
SENTENCES = RNG.dirichlet([0.5, 0.5, 0.5], size=(5, 3, 5))  # answer, sentence, other answer
for i, count in enumerate(COUNTS):
    SENTENCES[i, count:] = np.nan
    SENTENCES[i, :, i] = np.nan
EVIDENCE = Evidence(
    P[..., 0],
    P[..., 1],
    SENTENCES[..., 0],
    SENTENCES[..., 1],
    RNG.uniform(-3, 0, 5),
    ["a cat sat", "a cat ran", "the dog sat", "no", "a cat sat down"],
    RNG.normal(size=(5, 7)),
)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_replicates_are_the_estimates_of_the_other_answers(name):
    u, without = estimate(name, EVIDENCE)
    assert ((u >= 0) & (u <= 1)).all()
    assert np.isnan(np.diagonal(without)).all()
    for left_out in range(5):
        rest = [n for n in range(5) if n != left_out]
        expected = ESTIMATORS[name](EVIDENCE.without(left_out))
        assert without[rest, left_out] == pytest.approx(expected, abs=1e-9)


def test_the_default_is_the_degree():
    assert np.array_equal(estimate("degree", EVIDENCE)[0], semantic.degree(EVIDENCE.entail))


def test_luq_reads_each_answers_own_sentences():
    # answer 0 has one sentence: 1 − mean over the four others of p_e / (p_e + p_c)
    e, c = EVIDENCE.sentence_entail[0, 0, 1:], EVIDENCE.sentence_contradict[0, 0, 1:]
    assert estimate("luq", EVIDENCE)[0][0] == pytest.approx(1 - (e / (e + c)).mean())


def test_unknown_log_probabilities_leave_cocoa_unscored():
    unknown = EVIDENCE._replace(mean_logprobs=np.full(5, np.nan))
    assert np.isnan(estimate("cocoa", unknown)[0]).all()
