"""Rounds: of the whole recipe, of a stage each, with the first policy's answers rejected."""

import msgspec
import polars as pl
import pytest
import yaml
from small_models import save_ending_policy

from udasa_data.errors import UserError
from udasa_data.runs import open_finished
from udasa_recipes.rounds import Rounds
from udasa_recipes.rounds.running import run_rounds
from udasa_recipes.staged.data import load_split, open_source
from udasa_recipes.staged.ledger import read

WORDS = ["cat", "mat", "moon", "film", "rice", "Paris", "actors", "France"]
STAGES = ["conservative", "moderate", "exploratory"]
RECIPE = """
training: {learning_rate: 1.0e-2, batch: 4, max_length: 200, steps: 3}
device_batch: 4
thresholds: {set_aside: 0.9, truncated: 0.9}
measures: {prompts: 4, samples: 4, max_tokens: 8}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return save_ending_policy(tmp_path_factory.mktemp("policy"))


def rounds_of(policy, small_config, tmp_path, recipe="", **options):
    lines = [f"Tell me of {word} and {other}." for word in WORDS for other in WORDS[:4]]
    (tmp_path / "prompts.txt").write_text("\n".join(lines))
    plain = yaml.safe_load(small_config.read_text())
    plain.pop("policy")
    (tmp_path / "dpo.yaml").write_text(f"policy: {{id: {policy}}}\n{RECIPE}{recipe}")
    prompts = {"prompts": [str(tmp_path / "prompts.txt")], "held_out": 0.2}
    return Rounds(model="tiny", recipe="dpo.yaml", build=plain | prompts, **options)


def pairs_of(place):
    return open_finished(str(place)).pairs


def rows(place, name, split="train"):
    return getattr(load_split(open_source(str(place)), name), split)


def test_two_rounds(policy, small, small_config, tmp_path):
    rounds = run_rounds(
        rounds_of(policy, small_config, tmp_path, max_homogeneous=1.0),
        tmp_path,
        tmp_path / "out",
    )
    assert [done.number for done in rounds] == [1, 2]
    assert rounds[1].policy == rounds[0].trained == str(tmp_path / "out/round-1/policy")
    assert rounds[0].policy == str(policy)
    assert all(done.stopped is None and done.pairs for done in rounds)
    again = run_rounds(
        rounds_of(policy, small_config, tmp_path, max_homogeneous=1.0),
        tmp_path,
        tmp_path / "out",
    )
    assert again == rounds


def test_rounds_stop_when_answers_all_mean_the_same(small, small_config, tmp_path):
    config = rounds_of(small["policy"], small_config, tmp_path)
    cold = {**config.build, "sampling": {"samples": 4, "max_tokens": 12, "temperature": 1e-4}}
    config = msgspec.structs.replace(config, build=cold)  # one answer to each prompt, four times
    rounds = run_rounds(config, tmp_path, tmp_path / "out")
    assert len(rounds) == 1
    assert rounds[0].homogeneous > 0.9  # nearly: two tokens may be equally likely
    assert rounds[0].stopped.endswith("of the prompts are homogeneous, above 50%")
    assert rounds[0].trained is None


def test_what_is_rejected_is_the_first_policys_in_every_round(policy, small_config, tmp_path):
    config = rounds_of(policy, small_config, tmp_path, max_homogeneous=1.0, rejected="first")
    done = run_rounds(config, tmp_path, tmp_path / "out")
    assert [(one.number, one.stopped) for one in done] == [(1, None), (2, None)]
    first, second = (tmp_path / f"out/round-{n}/build/dataset" for n in (1, 2))
    said_first = dict(pairs_of(first).select("prompt_id", "rejected").rows())
    chosen_now = dict(pairs_of(second).select("prompt_id", "chosen").rows())
    trained, record = (
        tmp_path / "out/round-2/anchored",
        read(tmp_path / "out/round-2/policy/stages.json"),
    )
    for number, name in enumerate(STAGES):
        table = rows(trained, name)
        for row in table.to_dicts():
            assert row["rejected"] == said_first[row["prompt_id"]]
            assert row["chosen"] == chosen_now[row["prompt_id"]]
        entry = record.stages[number]
        assert entry.dataset.repo == str(trained)
        assert entry.trained_rows == len(table) - entry.counts.set_aside
        assert entry.steps == 3
    moved = pairs_of(second).join(pairs_of(first), on="prompt_id", suffix="_first")
    assert (moved["rejected"] != moved["rejected_first"]).any()  # own ones would have been others


def test_each_stage_is_trained_on_answers_of_the_policy_before(policy, small_config, tmp_path):
    config = rounds_of(
        policy, small_config, tmp_path, "stages: {exploratory: {reference: sft}}\n",
        max_homogeneous=1.0, trains="stage",
    )  # fmt: skip
    out = tmp_path / "out"
    done = run_rounds(config, tmp_path, out)
    assert [one.stage for one in done] == STAGES
    assert done[2].policy == done[1].trained == str(out / "round-2/policy")
    first = pairs_of(out / "round-1/build/dataset")
    records = [read(out / f"round-{n}/policy/stages.json") for n in (1, 2, 3)]
    assert [[stage.name for stage in record.stages] for record in records] == [[s] for s in STAGES]
    for number, name in ((2, "moderate"), (3, "exploratory")):
        answered = open_finished(str(out / f"round-{number}/build/dataset"))
        of_stage = first.filter(pl.col("stage") == name)["prompt_id"]
        asked = pl.read_parquet(out / f"round-{number}/build/prompts.parquet")["prompt_id"]
        assert sorted(asked) == sorted(of_stage)  # the stage's prompts, and no others
        trained = rows(out / f"round-{number}/restaged", name)
        own = answered.pairs.filter(pl.col("prompt_id").is_in(trained["prompt_id"].to_list()))
        assert sorted(trained["prompt_id"]) == sorted(own["prompt_id"])
        assert dict(trained.select("prompt_id", "chosen").rows()) == dict(
            own.select("prompt_id", "chosen").rows()
        )
        held_out = rows(out / f"round-{number}/restaged", name, "test")
        assert len(trained) + len(held_out) == len(answered.pairs)  # whatever stage they got
        # measured on the first build's held-out pairs of the stages that it does not train
        assert set(records[number - 1].start.cells) >= {"conservative"}
    # the chain is recorded, and the third is held to the very first policy
    chain = [[stage.name for run in r.before for stage in run.stages] for r in records]
    assert chain == [[], STAGES[:1], STAGES[:2]]
    assert records[2].stages[0].reference.wanted == str(policy)
    assert records[2].stages[0].reference.sha256 == records[0].policy.weights_sha256
    assert records[2].stages[0].parent_sha256 == records[1].stages[0].policy_sha256
    card = (out / "round-3/policy/README.md").read_text()
    assert sorted(STAGES, key=lambda name: card.index(f"**{name}**")) == STAGES
    prompts = [
        set(pl.read_parquet(out / f"round-{n}/policy/training_prompts.parquet")["prompt_id"])
        for n in (1, 2, 3)
    ]
    assert prompts[0] < prompts[1] < prompts[2]  # all that the policy was ever trained on
    before = (out / "rounds.json").read_text()
    assert run_rounds(config, tmp_path, out) == done
    assert (out / "rounds.json").read_text() == before


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        ("", {"rounds": 4}, "rounds: 4, but the recipe's order has 3 stages"),
        ("order: [all]\n", {}, "order holds 'all', which is no stage"),
        ("stages: {moderate: {replay: 0.5}}\n", {}, "replay of moderate has nothing"),
        ("optimizer: carry\n", {}, "carry has nothing to carry"),
    ],
)  # fmt: skip
def test_what_a_stage_a_round_cannot_do(policy, small_config, tmp_path, recipe, options, message):
    config = rounds_of(policy, small_config, tmp_path, recipe, trains="stage", **options)
    with pytest.raises(UserError, match=message):
        run_rounds(config, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
