"""Suites of a user's own, budgets of tokens, and answers that lm-eval's tasks score."""

import pytest

from udasa_data.errors import UserError
from udasa_data.schema import Axis
from udasa_eval.tasks.building import TaskPlan, answer_metrics, build_task, notes_of, plan_suite
from udasa_eval.tasks.readers import READERS


def written(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_names_tasks_and_how_much_of_each(tmp_path):
    suite = written(tmp_path, "tasks: {xstest_safe: 10, gsm8k_cot: {max_tokens: 900}, udasa_hhh: }")
    plans = plan_suite(suite, list(Axis))
    found = [(plan.name, plan.limit, plan.max_tokens) for plan in plans]
    assert found == [
        ("udasa_xstest_safe", 10, None),
        ("gsm8k_cot", None, 900),
        ("udasa_hhh", None, None),
    ]
    with pytest.raises(UserError, match="has no task on the axis 'sentiment'"):
        plan_suite(suite, [Axis.SENTIMENT])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tasks: {xstest_sav: 1}", r"no task 'xstest_sav'.*did you mean 'udasa_xstest_safe'"),
        ("tasks: {}", "names no task"),
        ("tasks: {xstest_safe: 0}", "tasks"),
        ("task: {xstest_safe: 1}", "task"),
    ],
)
def test_a_file_that_is_no_suite_is_told(tmp_path, text, why):
    with pytest.raises(UserError, match=why):
        plan_suite(written(tmp_path, text), list(Axis))


def test_a_missing_file_and_an_unknown_name(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml"):
        plan_suite(str(tmp_path / "none.yaml"), list(Axis))
    with pytest.raises(UserError, match=r"no suite 'mine'.*a file of one ends in \.yaml"):
        plan_suite("mine", list(Axis))


def built(name, document, **given):
    return build_task(TaskPlan(name, notes_of(name), None, **given), [document], 0)


def test_thoughts_come_on_top_of_a_chat_tasks_budget():
    asked = {"prompt": "Why?", "category": ""}
    plain, thinks = (built("udasa_advbench", asked, thoughts=n) for n in (0, 4096))
    assert (plain.decoding.max_tokens, thinks.decoding.max_tokens) == (512, 512 + 4096)
    own = built("udasa_advbench", asked, max_tokens=64, thoughts=100)
    assert own.decoding.max_tokens == 164
    # another budget is another task; thoughts are an option of the run
    assert own.fingerprint != plain.fingerprint == thinks.fingerprint
    # a text that is continued is not thought about
    toxic = built("udasa_real_toxicity_prompts", {"prompt": "So", "challenging": False}, thoughts=9)
    assert toxic.decoding.max_tokens == 20


def test_lm_eval_finds_and_scores_the_last_number():
    document = READERS["gsm8k"]({"question": "What is 1 + 1?", "answer": "So.\n#### 2"})
    task = built("gsm8k_cot", document)
    assert answer_metrics(task, document, "1 and 1, so the answer is 2.") == {"exact_match": 1.0}
    assert answer_metrics(task, document, "It is 3") == {"exact_match": 0.0}
    # what is said behind a stop text ("Q:") is not read
    assert answer_metrics(task, document, "It is 2. Q: and 3?") == {"exact_match": 1.0}


def test_lm_eval_finds_the_letter():
    row = {"question": "q", "options": ["a", "b"], "answer": "B", "category": "law"}
    document = READERS["mmlu_pro"](row)
    task = built("udasa_mmlu_pro", document)
    assert answer_metrics(task, document, "Hm. The answer is (B).") == {"exact_match": 1.0}
    assert answer_metrics(task, document, "B") == {"exact_match": 0.0}
    assert "A. a\nB. b\n" in task.task.doc_to_text(document)
