"""The linear reward of the embedded models: fitted on pairs, the better answer has the lower P."""

import numpy as np

from udasa_data.scorers.wording import help_features
from udasa_recipes.tiny.linear import Ranked, ranking


def features(text):
    return help_features("What is it?", text)


def test_what_marks_the_better_answers_lowers_p_of_the_worse_class():
    rng = np.random.default_rng(0)
    words = np.array(["red", "green", "blue", "small", "large", "old", "new"])
    pairs = []
    for n in range(60):
        plain = " ".join(rng.choice(words, 6))
        pairs.append(Ranked(features(f"{plain} thanks"), features(f"{plain} sorry"), f"asked {n}"))
    model = ranking(pairs, 10.0)
    p = model.probabilities([features(f"red small {w}") for w in ("thanks", "blue", "sorry")])
    assert p[0, 1] < p[1, 1] < p[2, 1]
    seen = model.probabilities([side for pair in pairs for side in (pair.better, pair.worse)])
    log_odds = np.log(seen[:, 1] / seen[:, 0])
    assert abs(log_odds.mean()) < 1e-9  # centred on the answers learnt from


def test_a_prompt_with_many_pairs_does_not_drown_the_others():
    once = [Ranked(features("yes please"), features("no never"), f"asked {n}") for n in range(8)]
    often = [Ranked(features("no never"), features("yes please"), "asked often")] * 32
    model = ranking([*once, *often], 10.0)
    p = model.probabilities([features("yes please"), features("no never")])[:, 1]
    assert p[0] < p[1]
