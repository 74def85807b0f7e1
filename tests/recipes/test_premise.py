"""The premise's study: what it asks, what it counts, and the command."""

import json
from collections import Counter

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_recipes.ablation.gold import read_questions
from udasa_recipes.evidence import read_evidence
from udasa_recipes.evidence.premise import answers_of, figures
from udasa_recipes.evidence.questions import (
    MOST,
    QUESTIONS,
    Asked,
    contrasts,
    questions,
    refusable,
    write_prompts,
)
from udasa_recipes.evidence.running import premise
from udasa_recipes.evidence.tables import as_markdown, as_text

ASKED = [
    Asked("Who?", QUESTIONS, "truthfulness", ("Ann", "Anna")),
    Asked("Where?", QUESTIONS, "truthfulness", ("Oslo",)),
    Asked("How?", "safe", "harmlessness"),
]
ANSWERS = {  # prompt: (text, uncertainty, refuses)
    "Who?": [("It was Ann.", 0.1, False), ("Bob.", 0.9, False), ("Anne.", 0.5, False)],
    "Where?": [("Rome", 0.2, False), ("In Oslo", 0.3, False), ("Paris", 0.4, False)],
    "How?": [("No.", 0.1, True), ("So.", 0.2, False), ("Thus.", 0.3, False)],
}


@pytest.fixture
def run(tmp_path):
    """A finished build of known answers, as far as the study reads it."""
    rows = [
        {
            "prompt_id": question,
            "sample_id": n,
            "prompt": [{"role": "user", "content": question}],
            "text": text,
            "uncertainty": u,
            **dict.fromkeys(("u_semantic", "u_factual", "u_value"), u),
            "mean_logprob": -u,
            "sum_logprob": -u,
            "n_tokens": 3,
            "cluster_id": n,
            "refusal": refuses,
            "evasive": False,
            "homogeneous": False,
            "finish_reason": "stop",
        }
        for question, answers in ANSWERS.items()
        for n, (text, u, refuses) in enumerate(answers)
    ]
    folder = tmp_path / "run/dataset/data/samples"
    folder.mkdir(parents=True)
    pl.DataFrame(rows).with_columns(pl.col("sample_id").cast(pl.Int32)).write_parquet(
        folder / "train-00000.parquet"
    )
    pairs = [
        {"prompt_id": "Who?", "chosen_id": 0, "rejected_id": 1, "stage": "conservative"},
        {"prompt_id": "How?", "chosen_id": 0, "rejected_id": 2, "stage": "exploratory"},
    ]
    ids = pl.col("chosen_id", "rejected_id").cast(pl.Int32)
    with_p = pl.DataFrame(pairs).with_columns(ids, p_chosen_better=pl.lit(0.8))
    with_p.write_parquet(tmp_path / "run/pairs.parquet")
    return tmp_path / "run"


def by_name(found):
    return {(f.kind, f.measure, f.by): f for f in found}


def test_an_answer_is_right_where_a_gold_text_stands_in_it(run):
    table = answers_of(run, ASKED)
    known = dict(table.select("text", "right").iter_rows())
    assert known["It was Ann."] == known["In Oslo"] == 1.0
    assert known["Bob."] == known["Anne."] == known["Rome"] == 0.0  # whole words
    assert known["No."] != known["No."]  # NaN: no question


def test_figures_count_what_they_say(run):
    found = by_name(figures("p", run, ASKED))
    # of "Who?" the lowest is right and the highest wrong; of "Where?" both are wrong
    lowest = found[QUESTIONS, "lowest is right", "as paired"]
    assert (lowest.value, lowest.n) == (0.5, 2)
    decided = found[QUESTIONS, "decided, right", "as paired"]
    assert (decided.value, decided.n) == (1.0, 1)
    # of six answers two are right
    assert found[QUESTIONS, "right", "all"].value == pytest.approx(1 / 3)
    # right ones (.1, .3) are below 4 and 3 of the four wrong ones (.2, .4, .5, .9): 7 of 8
    assert found[QUESTIONS, "AUROC", "as paired"].value == pytest.approx(7 / 8)
    # the pair of the question is decided, and right; that of the safe prompt chose the refusal
    assert found[QUESTIONS, "pairs, decided, right", "conservative"].n == 1
    assert found[QUESTIONS, "pairs, decided, right", "exploratory"].n == 0
    assert found["safe", "refusing", "chosen"].value == 1.0
    assert found["safe", "refusing", "all"].value == pytest.approx(1 / 3)
    assert found[QUESTIONS, "pairs, said P(chosen better)", "all"].value == pytest.approx(0.8)


def test_tables_show_every_policy(run):
    found = figures("p", run, ASKED)
    assert "p: pairs as they ship, by stage" in as_text(found)
    assert "| as paired |" in as_markdown(found)


def test_prompts_are_written_as_a_build_reads_them(tmp_path):
    write_prompts([*ASKED, Asked("This film", "reviews", "sentiment")], tmp_path / "p.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert rows[0] == {"prompt": "Who?", "axis": "truthfulness", "mode": "chat"}
    assert rows[3]["mode"] == "completion"


def test_arms_are_measured_on_other_prompts_than_they_are_trained_on(real_data):
    trained = contrasts(real_data, 500) + questions(real_data, MOST)
    assert Counter(a.kind for a in trained[:-MOST]) == {"safe": 105, "unsafe": 76}
    assert not {a.text for a in trained} & {a.text for a in refusable(real_data)}


def test_an_unknown_policy(tmp_path):
    path = tmp_path / "evidence.yaml"
    path.write_text("policies: {toy: {model: tiny}}\nsampling: {samples: 4, max_tokens: 4}\n")
    with pytest.raises(UserError, match=r"no such policy.*toy"):
        premise(read_evidence(path), tmp_path, tmp_path / "out", ["tot"])
    assert not (tmp_path / "out").exists()


def test_a_toy_goes_the_whole_way_and_is_measured_once(tmp_path, real_data):
    path = tmp_path / "evidence.yaml"
    path.write_text(
        "policies: {toy: {model: tiny, questions: 8, safety: 4, contrasts: 3, reviews: 2}}\n"
        "sampling: {samples: 4, max_tokens: 8}\nsuffix: ' Answer in a few words.'\n"
    )
    config = read_evidence(path)
    found = premise(config, real_data, tmp_path / "out")
    assert {figure.kind for figure in found} == {QUESTIONS, "safe", "unsafe", "reviews"}
    assert by_name(found)[QUESTIONS, "right", "all"].n <= 32
    held_out = read_questions(tmp_path / "out/gold.jsonl")
    assert len(held_out) == 500
    asked = (tmp_path / "out/toy.jsonl").read_text()
    assert not any(question.prompt in asked for question in held_out)
    kinds = Counter(q.kind for q in read_questions(tmp_path / "out/refusals.jsonl"))
    assert kinds == {"safe": 57, "unsafe": 103, QUESTIONS: 160}
    strict = json.loads((tmp_path / "out/figures.json").read_text(), parse_constant=pytest.fail)
    assert len(strict) == len(found)
    again = premise(config, real_data, tmp_path / "out", ["toy"])
    assert str(again) == str(found)
