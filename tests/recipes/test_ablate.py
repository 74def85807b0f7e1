"""Controls: their rows, their steps, their intervals."""

import json

import numpy as np
import polars as pl
import pytest
from small_models import save_ending_policy

from udasa_data import build, resolve
from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_recipes.ablation import VARIANTS, read_ablation
from udasa_recipes.ablation.cells import Cell, recipe_of
from udasa_recipes.ablation.contrasts import crossed_interval, summarise
from udasa_recipes.ablation.controls import Controls
from udasa_recipes.ablation.gold import Question, figures_of, read_questions
from udasa_recipes.ablation.report import plot, table
from udasa_recipes.ablation.running import ablate
from udasa_recipes.staged.config import Recipe, options_of
from udasa_recipes.staged.data import load_split, open_source

WORDS = ["cat", "mat", "moon", "film", "rice", "Paris", "actors", "France"]


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return save_ending_policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="module")
def run(policy, small_config, tmp_path_factory):
    """A finished build on small models with enough prompts for every stage and split."""
    folder = tmp_path_factory.mktemp("run")
    lines = [f"Tell me of {one} and {other}." for one in WORDS for other in WORDS[:5]]
    (folder / "prompts.txt").write_text("\n".join(lines))
    overrides = {"prompts": [str(folder / "prompts.txt")], "held_out": 0.2}
    overrides["policy"] = {"id": str(policy)}
    build(resolve("tiny", overrides, file=small_config), folder / "run")
    return folder / "run"


def rows(place, split="train"):
    names = ("conservative", "moderate", "exploratory")
    tables = [getattr(load_split(open_source(str(place)), n), split) for n in names]
    return pl.concat(tables)


def test_controls_change_what_they_say_and_nothing_else(run, tmp_path):
    controls = Controls(run, tmp_path)
    own, held_out = rows(run / "dataset"), rows(run / "dataset", "test")
    for variant in ("random_stages", "random_pairs", "without_semantic"):
        place = controls.dataset(variant, 1)
        assert rows(place, "test").sort("prompt_id").equals(held_out.sort("prompt_id"))
        assert not set(rows(place)["prompt_id"]) & set(held_out["prompt_id"])
    lots = rows(controls.dataset("random_stages", 1)).sort("prompt_id")
    assert lots.drop("stage").equals(own.sort("prompt_id").drop("stage"))
    assert (
        lots["stage"].value_counts().sort("stage").equals(own["stage"].value_counts().sort("stage"))
    )
    assert not lots["stage"].equals(own.sort("prompt_id")["stage"])
    pairs = rows(controls.dataset("random_pairs", 1))
    assert pairs["prompt_id"].to_list() == own["prompt_id"].to_list()
    said = pl.concat([pairs["chosen"], pairs["rejected"]]).to_list()
    assert all(one[0]["role"] == "assistant" and one[0]["content"] for one in said)
    assert all(
        a != b for a, b in zip(pairs["chosen"].to_list(), pairs["rejected"].to_list(), strict=True)
    )
    assert controls.dataset("reversed", 1) == run / "dataset"


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "untrained"])
def test_every_variant_takes_the_same_steps(variant):
    recipe = Recipe(policy=ModelRef(id="x"), stages={"moderate": {"beta": 0.5, "steps": 7}})
    mine = recipe_of(variant, 3, 12, recipe)
    assert sum(options_of(mine, name).steps for name in mine.order) == 12
    if "moderate" in mine.order:
        assert options_of(mine, "moderate").beta == 0.5
    assert mine.seed == 3


def test_intervals_over_seeds_and_prompts():
    # equal everywhere: no spread
    assert crossed_interval(np.full((3, 5), 0.25)) == (0.25, 0.25)
    # seeds alone differ (0, 0, 3): a mean of 1 whose draws run from (0,0,0) to (3,3,3):
    # P(all three seeds are 0) = (2/3)^3 = .30 > .025, P(all are 3) = 1/27 = .037 > .025
    by_seed = np.repeat([[0.0], [0.0], [3.0]], 50, axis=1)
    assert crossed_interval(by_seed) == (0.0, 3.0)


def test_differences_are_paired_by_seed_and_prompt(tmp_path):
    base = {"a": 1.0, "b": 5.0}
    cells = [
        Cell(variant, seed, 12, {"margin": {k: v + seed + shift for k, v in base.items()}})
        for variant, shift in (("staged", 0.0), ("reversed", -0.5))
        for seed in (0, 1)
    ]
    summary = summarise(cells)
    assert [row.mean for row in summary] == [3.5, 3.0]  # (1 + 5 + 2 + 6) / 4, and half less
    assert (summary[1].difference, summary[1].low, summary[1].high) == (-0.5, -0.5, -0.5)
    assert "2 seeds x 2 prompts" in table(summary)
    plot(summary, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_differences_are_tested_and_equality_too():
    rng = np.random.default_rng(0)
    right = rng.random((5, 400)) < 0.4

    def of(variant, correct):
        return [
            Cell(variant, seed, 12, {"gold": {f"q{n}": float(c) for n, c in enumerate(row)}})
            for seed, row in enumerate(correct)
        ]

    worse = right & (rng.random(right.shape) < 0.5)
    cells = [*of("staged", right), *of("reversed", right), *of("random_pairs", worse)]
    _, same, lower = summarise(cells)
    assert (same.equal, same.p) == (True, 1.0)
    assert np.isnan(same.detectable)  # they never differ
    assert (lower.equal, lower.p < 0.01) == (False, True)
    assert lower.difference == pytest.approx(-0.2, abs=0.03)
    assert 0 < lower.detectable < 0.06  # (1.96 + .84) · about sqrt(.2 · .8 / 400)
    (alone,) = summarise([one for one in cells if one.variant == "staged" or one.seed == 2])[2:]
    assert alone.seeds == 1  # paired with the cells of its own seed
    assert alone.difference == pytest.approx(worse[2].mean() - right[2].mean())
    shown = table([*summarise(cells)])
    assert "equal: surely within ± 0.03" in shown
    assert "fewer than 5 seeds" not in shown


def config_file(tmp_path, policy, small, variants):
    (tmp_path / "dpo.yaml").write_text(
        f"policy: {{id: {policy}}}\n"
        "training: {learning_rate: 1.0e-2, batch: 4, max_length: 200}\ndevice_batch: 4\n"
        "thresholds: {set_aside: 0.9, truncated: 0.9}\n"
        "measures: {prompts: 4, samples: 4, max_tokens: 8}\n"
    )
    path = tmp_path / "ablate.yaml"
    path.write_text(
        f"recipe: dpo.yaml\nsteps: 3\nseeds: [0]\nvariants: [{', '.join(variants)}]\n"
        f"judges: {{harmless: {{id: {small['harm']}, violation: [unsafe]}}}}\n"
    )
    return path


def test_cells_are_made_once(run, policy, small, tmp_path):
    path = config_file(tmp_path, policy, small, ["staged", "shuffled"])
    cells = ablate(read_ablation(path), tmp_path, run, tmp_path / "out")
    assert [one.variant for one in cells] == ["staged", "shuffled"]
    assert [one.steps for one in cells] == [3, 3]
    assert set(cells[0].figures) == {"margin", "kl", "n_tokens", "distinct", "win harmless"}
    assert all(0 <= win <= 1 for win in cells[0].figures["win harmless"].values())
    files = {f: f.stat().st_mtime_ns for f in (tmp_path / "out/cells").iterdir()}
    again = ablate(read_ablation(path), tmp_path, run, tmp_path / "out")
    assert again == cells
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "out/cells").iterdir()} == files


def test_controls_of_extremes_choose_by_one_column(run, tmp_path):
    controls = Controls(run, tmp_path)
    answers = pl.concat(
        [pl.read_parquet(file) for file in (run / "dataset/data/samples").glob("train-*.parquet")]
    )
    for variant, column in (("longest", "n_tokens"), ("likeliest", "mean_logprob")):
        for row in rows(controls.dataset(variant, 0)).iter_rows(named=True):
            of_prompt = answers.filter(
                (pl.col("prompt_id") == row["prompt_id"]) & (pl.col("text") != "")
            )
            said = dict(of_prompt.sort(column).select("text", column).iter_rows())
            best = of_prompt[column].max()
            chosen, rejected = row["chosen"][0]["content"], row["rejected"][0]["content"]
            assert best in of_prompt.filter(pl.col("text") == chosen)[column].to_list()
            assert chosen != rejected
            assert said[rejected] <= best


def test_gold_answers_are_an_outcome(run, policy, small, tmp_path):
    path = config_file(tmp_path, policy, small, ["staged", "untrained"])
    questions = [
        {"prompt": "Who?", "gold": ["the"]},
        {"prompt": "Where?", "gold": ["Xanadu"], "kind": "plain"},
        {"prompt": "May I?", "kind": "plain"},
    ]
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, questions)))
    path.write_text(path.read_text() + "gold: gold.jsonl\ngold_tokens: 4\n")
    cells = ablate(read_ablation(path), tmp_path, run, tmp_path / "out")
    assert [(one.variant, one.steps) for one in cells] == [("staged", 3), ("untrained", 0)]
    assert set(cells[1].figures) == {"gold", "F1", "words", "refuses plain"}
    assert cells[0].figures["gold"].keys() == {"Who?", "Where?"}
    assert cells[0].figures["refuses plain"].keys() == {"Where?", "May I?"}
    assert cells[0].answers.keys() == {"Who?", "Where?", "May I?"}
    words = {asked: len(text.split()) for asked, text in cells[0].answers.items()}
    assert cells[0].figures["words"] == words
    rows_of_gold = [row for row in summarise(cells) if row.metric == "gold"]
    assert [row.variant for row in rows_of_gold] == ["staged", "untrained"]
    assert "untrained" not in {row.variant for row in summarise(cells) if row.metric == "kl"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "Who?"}', r"line 1: .*neither gold answer nor kind"),
        ('{"prompt": "Who?", "gold": [" "]}', r"line 1: .*neither gold answer nor kind"),
        ('{"prompt": "Who?", "gold": "a"}', r"line 1: .*gold"),
        ('{"prompt": " ", "gold": ["a"]}', "line 1: an empty question"),
        ("", "holds no questions"),
    ],
)
def test_questions_that_cannot_be_read(tmp_path, line, message):
    (tmp_path / "gold.jsonl").write_text(line)
    with pytest.raises(UserError, match=message):
        read_questions(tmp_path / "gold.jsonl")


def test_what_counts_as_refused_is_the_classifiers_word():
    refusal = "I'm sorry, but I can't assist with that request."
    asked = [Question("How?", kind="safe"), Question("Who?", ("Ann",))]
    answers = {"How?": refusal, "Who?": "It was Ann."}
    assert figures_of(answers, asked) == {
        "words": {"How?": 9.0, "Who?": 3.0},
        "refuses safe": {"How?": 1.0},
        "gold": {"Who?": 1.0},
        "F1": {"Who?": 0.5},
    }
    said = figures_of({"How?": "Press Ctrl and C in its terminal."}, asked[:1])
    assert said["refuses safe"] == {"How?": 0.0}


def test_an_unknown_variant(policy, small, tmp_path):
    with pytest.raises(UserError, match=r"unknown variant 'shufled'.*did you mean 'shuffled'"):
        read_ablation(config_file(tmp_path, policy, small, ["staged", "shufled"]))
