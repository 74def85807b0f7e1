"""What judges are asked: calls, characters, readings."""

from udasa_eval.judging.kinds import PairJudge, QuestionJudge, RubricJudge
from udasa_eval.judging.loads import load_of

ASKED = [10, 20]  # characters of the prompts behind two answers
BASELINES = [5, 7]


def test_one_answer_is_asked_about_once():
    judge = QuestionJudge(id="x", prompt="{prompt}{answer}", yes=("y",), no=("n",))
    # two prompts of the judge's 16 characters, and 30 of what was asked
    assert load_of(judge, ASKED, []) == (2, 2 * 16 + 30, 1)


def test_two_answers_are_shown_in_both_orders():
    judge = PairJudge(id="x", prompt="{prompt}{first}{second}", first=("A",), second=("B",))
    assert load_of(judge, ASKED, BASELINES) == (4, 2 * (2 * 23 + 30 + 12), 2)


def test_a_rubric_that_prefers_rates_either_answer_once():
    judge = RubricJudge(id="x", prompt="{prompt}{answer}", verdict="([0-9]+)", scale=(1, 5))
    assert load_of(judge, ASKED, BASELINES) == (4, 2 * (2 * 16 + 30) + 12, 1)
