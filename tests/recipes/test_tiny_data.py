"""The rows of the embedded models, on the real corpora: nothing measured on is learnt from."""

import numpy as np
import pytest
from corpora import DATA

from udasa_recipes.tiny import helped, labelled, sources

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no corpora in {DATA}; set UDASA_DATA_DIR to a folder that has them"
)


def texts(rows):
    return {(row.first, row.second) for row in rows}


def test_harm_never_sees_what_it_is_measured_on():
    measured = {row.first for row in labelled.judged_answers(DATA, test=True)}
    dialogues = texts(labelled.dialogues(DATA, test=True))
    for judge in (False, True):
        rows = labelled.harm(DATA, judge=judge)
        assert not measured & {row.first for row in rows}
        # DiaSafety repeats a few rows in its own splits
        assert len(dialogues & texts(rows)) <= 0.02 * len(dialogues)


def test_scorers_and_judges_share_no_row():
    scorer, judge = (texts(labelled.harm(DATA, judge=judge)) for judge in (False, True))
    assert len(scorer) > len(judge) > 1000
    assert not scorer & judge


def test_truth_is_measured_on_unseen_questions_and_scorers_and_judges_share_none():
    for label in ("truth", "info"):
        scorer, judge, unseen = (
            {row.first for row in labelled.answers(DATA, label, part)}
            for part in ("scorers", "judges", "test")
        )
        assert min(len(scorer), len(judge), len(unseen)) > 100
        assert not unseen & (scorer | judge)
        assert not scorer & judge


def test_preferences_measured_on_are_not_learnt():
    pairs = sources.preferences(DATA)
    held = {pair.prompt for pair in pairs if sources.held_out(pair.prompt, 0.2)}
    assert 150 < len(held) < 0.25 * len(pairs)
    assert not held & {pair.prompt for pair in labelled.liked(DATA, np.random.default_rng(0))}


def test_what_helps_is_measured_on_unseen_prompts():
    learnt, unseen = (
        {pair.prompt for pair in helped.helped(DATA, test=test)} for test in (False, True)
    )
    assert min(len(learnt), len(unseen)) > 150
    assert not learnt & unseen


def test_held_out_premises_are_in_no_training_pair():
    train, held = ({r.first for r in sources.entailment(DATA, held=h)} for h in (False, True))
    assert not train & held


def test_only_commercial_sources_are_named():
    assert not {
        "alpaca",
        "alpaca_eval",
        "webgpt_comparisons",
        "dailydialog",
    } & set(sources.LICENCES)
    assert "user-oriented" in sources.LICENCES["self_instruct"]  # its seed tasks are not commercial
