import json
import subprocess
import sys
from importlib.resources import files

import forked
import pytest

from udasa_data.errors import UserError
from udasa_data.schema import Axis
from udasa_eval.results.metrics import METRICS
from udasa_eval.tasks.building import (
    SUITES,
    build_task,
    notes_of,
    plan_suite,
    requests_of,
)
from udasa_eval.tasks.documents import read_documents
from udasa_eval.tasks.readers import READERS
from udasa_eval.tasks.sources import datasets_known
from udasa_eval.tasks.suites_file import suite_names

# `published` is for validation, `gated` for who has accepted terms: neither has all axes
WHOLE = [suite for suite in suite_names() if suite not in {"published", "gated"}]
PLANS = {plan.name: plan for suite in suite_names() for plan in plan_suite(suite, list(Axis))}
NAMES = list(PLANS)
OURS = sorted(path for path in SUITES.rglob("*.yaml") if path.parent != SUITES)


def prompts(package):
    text = files(package).joinpath("tiny", "prompts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_lm_eval_finds_every_file_of_ours():
    # it skips what it cannot parse without a word: each file must be a task of a suite
    found = {name for name in NAMES if name.startswith("udasa_")}
    assert found == {f"udasa_{path.stem}" for path in OURS}


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_each_task_says_all_that_a_run_needs(name):
    notes = notes_of(name)
    assert notes.dataset in datasets_known()
    assert notes.reader in READERS
    assert notes.headline in METRICS
    if name.startswith("udasa_"):
        assert (SUITES / notes.axis / f"{name.removeprefix('udasa_')}.yaml").is_file()


def test_every_suite_covers_the_four_axes_and_over_refusal_never_stands_alone():
    for suite in WHOLE:
        plans = plan_suite(suite, list(Axis))
        assert {plan.notes.axis for plan in plans} == set(Axis)
        assert {"compliance", "over_refusal"} <= {plan.notes.scoring for plan in plans}


def test_tasks_of_a_suite_by_name_and_a_limit_that_only_lowers():
    plans = plan_suite("quick", list(Axis), ["truthfulqa_mc1", "xstest_safe", "udasa_hhh"], 150)
    found = [(plan.name, plan.limit) for plan in plans]
    # in the suite's order; its own limits are 100, none and 200
    assert found == [("udasa_xstest_safe", 100), ("udasa_hhh", 150), ("truthfulqa_mc1", 150)]
    with pytest.raises(UserError, match=r"no task 'xstest_sav'.*did you mean 'udasa_xstest_safe'"):
        plan_suite("quick", list(Axis), ["xstest_sav"])
    with pytest.raises(UserError, match="no task 'imdb' on these axes"):
        plan_suite("quick", [Axis.HARMLESSNESS], ["imdb"])


def test_an_unknown_suite_task_or_empty_axis_is_reported():
    with pytest.raises(UserError, match=r"no suite 'quik'.*did you mean 'quick'"):
        plan_suite("quik", list(Axis))
    with pytest.raises(UserError, match="no task 'udasa_nothing'"):
        notes_of("udasa_nothing")


def test_embedded_prompts_are_our_own_and_none_of_those_that_a_build_takes():
    ours = prompts("udasa_eval")
    counts = {part: sum(row["part"] == part for row in ours) for part in {r["part"] for r in ours}}
    expected = {"harmful": 14, "harmless": 14, "helpful": 24, "truthful": 24, "sentiment": 24}
    assert counts == expected

    def fold(text):
        return "".join(c for c in text.casefold() if c.isalnum())

    evaluated = [fold(row["prompt"]) for row in ours]
    built = {fold(row["prompt"]) for row in prompts("udasa_data")}
    assert len(set(evaluated)) == len(evaluated)
    assert not built & set(evaluated)


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_each_task_builds_its_requests_from_the_stored_data(name, real_data):
    plan = PLANS[name]
    notes = plan.notes
    if not (real_data / datasets_known()[notes.dataset].file).is_file():
        pytest.skip("not among the stored data")
    read = read_documents(notes.dataset, notes.reader, data_dir=real_data, limit=5, commits={})
    built = build_task(plan, read.documents, 0)

    def template(messages, add_generation_prompt=True):
        return f"<{messages[-1]['content']}>"

    requests = requests_of(built, template, "Be brief.")
    assert len(read.documents) == 5
    assert {request.doc_id for request in requests} == set(range(5))
    asked = requests[0].args[0]
    assert asked.startswith("<") == (notes.template == "chat")
    # the document of a request is the one with its number
    text = read.documents[0].get("prompt") or read.documents[0]["question"]
    assert text in asked
    # a missing list of stop texts would cut an answer at its first blank line
    assert notes.template == "loglikelihood" or requests[0].args[1]["until"] == []


def test_a_fingerprint_is_the_same_in_another_process(tmp_path):
    program = (
        "from udasa_data.schema import Axis\n"
        "from udasa_eval.tasks.documents import read_documents\n"
        "from udasa_eval.tasks.building import build_task, plan_suite\n"
        "for plan in plan_suite('tiny', list(Axis)):\n"
        "    read = read_documents('tiny', plan.notes.reader, data_dir=None, limit=3, commits={})\n"
        "    print(build_task(plan, read.documents, 0).fingerprint)\n"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(set(runs[0].stdout.split())) == 6


@pytest.mark.slow
def test_plain_lm_eval_runs_our_files(small, tmp_path):
    tasks = "udasa_tiny_harmless,udasa_tiny_truthful_two_choice"
    done = forked.run(
        *("-m", "lm_eval", "run", "--model", "hf"),
        *("--model_args", f"pretrained={small['policy']}", "--device", "cpu"),
        *("--include_path", SUITES, "--tasks", tasks, "--limit", "2"),
        *("--apply_chat_template", "--output_path", tmp_path / "out.json"),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(next(tmp_path.rglob("*.json")).read_text())["results"]
    assert results["udasa_tiny_harmless"]["refusal,none"] in {0.0, 0.5, 1.0}
    assert results["udasa_tiny_truthful_two_choice"]["acc,none"] in {0.0, 0.5, 1.0}
