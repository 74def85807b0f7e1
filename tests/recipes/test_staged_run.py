"""Whole runs on a small policy: references, resumption to the bit, adapters, the final folder."""

import hashlib
import json
import os
import signal
import time
from pathlib import Path

import forked
import msgspec
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from small_dataset import save_dataset
from small_models import save_policy

from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_data.storage.model_files import Located, locate
from udasa_eval.results import origins_of
from udasa_recipes.staged.config import read_recipe
from udasa_recipes.staged.measures import answer_logps, load_model
from udasa_recipes.staged.references import weights_sha256
from udasa_recipes.staged.report import matrix
from udasa_recipes.staged.run import StagedRun

ROOT = Path(__file__).parents[2]
RECIPE = """
policy: {{id: {policy}}}
training: {{learning_rate: 1.0e-2, steps: 4, batch: 4, max_length: 200}}
device_batch: 2
save_every: 1
measures: {{prompts: {prompts}, samples: 4, max_tokens: 8}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, policy):
    return save_dataset(tmp_path_factory.mktemp("dataset"), policy=origin(policy))


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp("sft") / "policy")


def origin(policy):
    template = hashlib.sha256((policy / "chat_template.jinja").read_bytes()).hexdigest()
    fingerprint = locate(ModelRef(id=str(policy))).fingerprint
    return {"id": "sft", "fingerprint": fingerprint, "chat_template_sha256": template}


def recipe_file(folder, policy, more="", prompts=0):
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(policy=policy, prompts=prompts) + more)
    return path


def trained(tmp_path, policy, place, more="", prompts=0, name="out"):
    recipe = read_recipe(recipe_file(tmp_path, policy, more, prompts))
    run = StagedRun(recipe, str(place), tmp_path / name, cache=tmp_path / "cache")
    return run.train_and_save(), run


def sha256_of(folder):
    return weights_sha256(load_model((str(folder), {}), torch.float32))


def test_each_stage_is_held_to_the_one_before(tmp_path, policy, place):
    record, run = trained(tmp_path, policy, place, prompts=4)
    assert [one.name for one in record.stages] == ["conservative", "moderate", "exploratory"]
    assert record.policy.weights_sha256 == sha256_of(policy)
    parents = [sha256_of(policy), *(sha256_of(run.policy_at(n)[0]) for n in (1, 2))]
    assert [one.parent_sha256 for one in record.stages] == parents
    assert [one.reference.sha256 for one in record.stages] == parents
    assert len(set(parents)) == 3  # training moved the weights
    for one in record.stages:
        assert one.first_step["loss"] == pytest.approx(0.6931, abs=1e-3)  # ln 2
        assert one.steps == 4
        assert one.counts.rows == one.trained_rows == 12
        assert set(one.measures.cells) == {"conservative", "moderate", "exploratory"}
        assert one.measures.cells["moderate"].n == 4
        assert one.measures.fresh.kl > 0
        assert 0 < one.measures.fresh.distinct <= 1
        assert 0 <= one.measures.fresh.refuses <= 1
    assert record.start.fresh.kl == 0
    assert record.start.cells["moderate"].margin == 0
    assert "3 exploratory" in matrix(record)
    assert record.notes == []


def test_the_last_stage_alone_is_measured_where_that_is_asked(tmp_path, policy, place):
    full, _ = trained(tmp_path, policy, place, name="full")
    told = read_recipe(recipe_file(tmp_path, policy))
    fewer = msgspec.structs.replace(told.measures, stages="last", kept=False)
    recipe = msgspec.structs.replace(told, measures=fewer)
    run = StagedRun(recipe, str(place), tmp_path / "last", cache=tmp_path / "cache")
    record = run.train_and_save()
    assert [len(one.measures.cells) for one in record.stages] == [0, 0, 3]
    assert record.stages[2].measures.cells == full.stages[2].measures.cells
    assert record.stages[2].measures.kept is None
    assert [one.policy_sha256 for one in record.stages] == [
        one.policy_sha256 for one in full.stages
    ]
    assert "–" in next(line for line in matrix(record).splitlines() if "2 moderate" in line)


def test_answers_weigh_what_they_weigh_among_the_logits_of_all_tokens(policy):
    model = load_model((str(policy), {}), torch.float32)
    rows = [([5, 6, 7, 8], [9, 10]), ([5], [6, 7, 8, 9, 10]), ([], [11, 12, 13])]
    for (prompt, answer), found in zip(rows, answer_logps(model, rows, pad=0), strict=True):
        ids = torch.tensor([[*prompt, *answer]])
        logp = torch.log_softmax(model(input_ids=ids).logits[0, :-1].float(), -1)
        of_token = logp.gather(1, ids[0, 1:, None])[:, 0]
        expected = of_token[max(len(prompt), 1) - 1 :].sum().item()
        assert found == pytest.approx(expected, abs=1e-4)


def test_the_final_folder_is_clean_and_loads(tmp_path, policy, place):
    from transformers import AutoModelForCausalLM

    record, run = trained(tmp_path, policy, place)
    out = run.out
    assert sha256_of(out) == record.stages[-1].policy_sha256
    AutoModelForCausalLM.from_pretrained(out)
    assert not [p for p in out.rglob("*") if p.suffix in {".bin", ".pt", ".pth"} or p.name == "ref"]
    told = json.loads((out / "stages.json").read_text())
    assert told["training_data"][0]["policy"]["id"] == "sft"
    assert told["finished"] is True
    prompts = pl.read_parquet(out / "training_prompts.parquet")
    assert prompts.columns == ["prompt_id", "text_sha256"]
    assert len(prompts) == 36  # 3 stages of 12
    card = (out / "README.md").read_text()
    assert "**moderate**: 4 steps on 12 pairs" in card
    assert str(place) in card
    before = (out / "stages.json").stat().st_mtime_ns
    again, _ = trained(tmp_path, policy, place)  # nothing is trained again
    assert msgspec.json.encode(again.stages) == msgspec.json.encode(record.stages)
    assert (out / "stages.json").stat().st_mtime_ns >= before


def test_another_recipe_is_refused(tmp_path, policy, place):
    trained(tmp_path, policy, place, "order: [moderate]\n")
    with pytest.raises(UserError, match="differs in: order"):
        trained(tmp_path, policy, place, "order: [exploratory]\n")


def test_other_weights_than_recorded_are_not_taken_for_the_reference(tmp_path, policy, place):
    more = "order: [conservative, moderate]\nstop: {max_kl: 1.0e-9}\n"
    with pytest.raises(UserError, match="aborted after stage 'conservative': KL"):
        trained(tmp_path, policy, place, more, prompts=3)
    told = json.loads((tmp_path / "out" / "stages.json").read_text())
    assert told["aborted"].startswith("after conservative: KL")
    assert [one["name"] for one in told["stages"]] == ["conservative"]
    recipe = read_recipe(recipe_file(tmp_path, policy, more, 3))
    save_policy(tmp_path / "out/stages/1-conservative/policy", seed=9)  # behind our back
    run = StagedRun(recipe, str(place), tmp_path / "out", cache=tmp_path / "cache")
    run._open()
    with pytest.raises(UserError, match="but the trainer holds"):
        run._stage(2)


def test_a_stage_whose_policy_is_damaged_is_trained_again(tmp_path, policy, place):
    more = "order: [conservative, moderate]\n"
    record, run = trained(tmp_path, policy, place, more, name="whole")
    _, half = trained(tmp_path, policy, place, more)
    damaged = half.out / "stages/1-conservative/policy/generation_config.json"
    whole = damaged.read_bytes()
    damaged.write_text("{}")
    half.ledger.record.stages.pop()  # as if it had been killed in the second stage
    half.ledger.record.finished = False
    half.ledger.save()
    again, _ = trained(tmp_path, policy, place, more)
    assert damaged.read_bytes() == whole
    assert again.stages[1].policy_sha256 == record.stages[1].policy_sha256
    assert run.out != half.out


def test_a_link_where_the_trainer_writes_is_refused(tmp_path, policy, place):
    trained(tmp_path, policy, place, "order: [moderate]\n")
    checkpoint = tmp_path / "out/stages/1-moderate/checkpoints/checkpoint-1"
    checkpoint.mkdir(parents=True)
    (tmp_path / "mine").write_text("mine")
    (checkpoint / "tokenizer.json").symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match="leads through a link"):
        trained(tmp_path, policy, place, "order: [moderate]\n")
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_spoilt_reference_cache_stops_at_the_first_step(tmp_path, policy, place):
    from datasets import Dataset

    trained(tmp_path, policy, place, "order: [moderate]\n")
    files = list((tmp_path / "cache").rglob("cache-*.arrow"))
    spoilt = [f for f in files if "ref_chosen_logps" in Dataset.from_file(str(f)).column_names]
    assert len(spoilt) == 1
    rows = Dataset.from_file(str(spoilt[0]))
    off = rows.map(
        lambda row: {"ref_chosen_logps": row["ref_chosen_logps"] + 3.0},
        cache_file_name=str(tmp_path / "off.arrow"),
    )
    assert len(off) == len(rows)
    (tmp_path / "off.arrow").replace(spoilt[0])
    with pytest.raises(UserError, match="the reference is not the policy"):
        trained(tmp_path, policy, place, "order: [moderate]\n", name="second")


def test_references_are_computed_once(tmp_path, policy, place):
    more = "order: [moderate]\n"
    first, _ = trained(tmp_path, policy, place, more)
    files = {f: f.stat().st_mtime_ns for f in (tmp_path / "cache").rglob("*.arrow")}
    second, _ = trained(tmp_path, policy, place, more, name="second")
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "cache").rglob("*.arrow")} == files
    assert first.stages[0].policy_sha256 == second.stages[0].policy_sha256  # and it is repeatable


def test_sft_as_reference_replay_and_losses(tmp_path, policy, place):
    more = (
        "order: [exploratory, conservative]\n"
        "stages: {conservative: {reference: sft, replay: 0.25, loss: [sigmoid, sft], "
        "loss_weights: [1, 0.1]}}\n"
    )
    record, _ = trained(tmp_path, policy, place, more)
    second = record.stages[1]
    assert second.reference.sha256 == record.policy.weights_sha256
    assert second.parent_sha256 != second.reference.sha256
    assert (second.replayed, second.trained_rows) == (3, 15)  # a quarter of 12
    assert abs(second.first_step["rewards/margins"]) > 1e-4  # it begins away from SFT


@pytest.mark.parametrize(
    "options", ["{curriculum: order, pacing: 0.2}", "{curriculum: weight, label_smoothing: by_p}"]
)
def test_pairs_go_by_how_sure_they_are(tmp_path, policy, place, options):
    more = f"order: [moderate]\nstages: {{moderate: {options}}}\n"
    plain, _ = trained(tmp_path, policy, place, "order: [moderate]\n", name="plain")
    record, _ = trained(tmp_path, policy, place, more)
    first = record.stages[0].first_step
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)  # ln 2, whatever ε and the weights
    assert first["rms"] <= 1e-3
    assert record.stages[0].policy_sha256 != plain.stages[0].policy_sha256


def test_p_is_needed_where_it_is_read(tmp_path, policy):
    without = save_dataset(tmp_path / "d", change=lambda table, *_: table.drop("p_chosen_better"))
    more = "order: [moderate]\nstages: {moderate: {curriculum: order}}\n"
    with pytest.raises(UserError, match="moderate: no pair has a p_chosen_better"):
        trained(tmp_path, policy, without, more)


@pytest.mark.parametrize("precompute", ["true", "false"])
def test_a_folder_as_reference(tmp_path, policy, place, precompute):
    other = save_policy(tmp_path / "other", seed=5)
    more = (
        f"order: [moderate]\nprecompute: {precompute}\n"
        f"stages: {{moderate: {{reference: {other}}}}}\n"
    )
    record, _ = trained(tmp_path, policy, place, more)
    assert record.stages[0].reference.sha256 == sha256_of(other)


def test_without_precomputing_the_result_is_the_same(tmp_path, policy, place):
    more = "order: [conservative, moderate]\n"
    ahead, run = trained(tmp_path, policy, place, more)
    along, other = trained(tmp_path, policy, place, more + "precompute: false\n", name="along")
    assert along.stages[0].reference == ahead.stages[0].reference
    ours, theirs = (load_file(one.out / "model.safetensors") for one in (run, other))
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name], rtol=0, atol=2e-3)


@pytest.mark.parametrize("adapter", ["continue", "merge_new"])
def test_adapters(tmp_path, policy, place, adapter):
    more = f"order: [conservative, moderate]\nlora: {{adapter: {adapter}, rank: 4, alpha: 8}}\n"
    record, run = trained(tmp_path, policy, place, more)
    first, second = record.stages
    assert second.first_step["loss"] == pytest.approx(0.6931, abs=1e-3)
    if adapter == "merge_new":
        assert second.reference.sha256 == first.policy_sha256
    else:  # the SFT weights under the first stage's adapter
        assert second.reference.sha256 not in {first.policy_sha256, record.policy.weights_sha256}
    assert first.policy_sha256 != second.policy_sha256
    assert not (run.out / "adapter_config.json").exists()
    assert not list(run.out.rglob("ref"))
    assert sha256_of(run.out) == second.policy_sha256


def test_the_optimizer_is_carried(tmp_path, policy, place):
    more = "order: [conservative, moderate]\n"
    fresh, _ = trained(tmp_path, policy, place, more)
    carried, run = trained(tmp_path, policy, place, more + "optimizer: carry\n", name="carried")
    assert carried.stages[0].policy_sha256 == fresh.stages[0].policy_sha256
    assert carried.stages[1].policy_sha256 != fresh.stages[1].policy_sha256
    state = load_file(run.folder(2) / "optimizer.safetensors")
    steps = {key: value.item() for key, value in state.items() if key.endswith(".step")}
    assert steps["model.norm.weight.step"] == 8  # 4 of each stage
    assert len(steps) == len(state) // 3


def test_early_stopping(tmp_path, policy, place):
    more = (
        "order: [moderate]\nstop: {patience: 1, every: 1}\n"
        "stages: {moderate: {learning_rate: 1.0, steps: 12}}\n"  # so fast that it gets worse
    )
    record, _ = trained(tmp_path, policy, place, more)
    assert record.stages[0].stopped_early
    assert record.stages[0].steps < 12


def test_a_dataset_of_another_model_is_told(tmp_path, policy):
    place = save_dataset(tmp_path / "d", policy=origin(policy) | {"fingerprint": "sha256:other"})
    record, _ = trained(tmp_path, policy, place, "order: [moderate]\n")
    assert "off-policy" in record.notes[0]


def test_the_template_is_given_in_training_what_it_was_in_the_build(tmp_path, policy):
    place = save_dataset(tmp_path / "d", policy=origin(policy))
    manifest = json.loads((place / "manifest.json").read_text())
    asked = {"enable_thinking": False}
    manifest["config"] = {"sampling": {"chat_template_kwargs": asked, "reasoning": "auto"}}
    (place / "manifest.json").write_text(json.dumps(manifest))
    record, _ = trained(tmp_path, policy, place, "order: [moderate]\n", prompts=2)
    assert record.training_data[0]["chat_template_kwargs"] == asked
    found = origins_of(Located(str(tmp_path / "out"), None, "", "p"))
    assert found.template_options == asked


def test_a_dataset_under_another_template_is_refused(tmp_path, policy):
    place = save_dataset(tmp_path / "d", policy=origin(policy) | {"chat_template_sha256": "0"})
    with pytest.raises(UserError, match="another chat template"):
        trained(tmp_path, policy, place)
    assert not (tmp_path / "out").exists()


def start(config, place, out, cache):
    return forked.Process(
        *(ROOT / "recipes/staged_dpo.py", "--config", config, "--data", place, "--out", out),
        env={**os.environ, "UDASA_CACHE": str(cache), "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("lora", ["", "lora: {rank: 4}\n"])
def test_killed_in_the_middle_of_a_stage_it_ends_with_the_same_bits(tmp_path, policy, place, lora):
    more = "order: [conservative, moderate]\nstages: {moderate: {steps: 40}}\n" + lora
    whole, run = trained(tmp_path, policy, place, more)
    config, out = recipe_file(tmp_path, policy, more), tmp_path / "killed"
    process = start(config, place, out, tmp_path / "other-cache")
    checkpoint = out / "stages/2-moderate/checkpoints/checkpoint-7/complete"
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    recorded = json.loads((out / "stages.json").read_text())
    assert recorded["stages"][1]["measures"] is None  # it was in the middle of the second stage
    torn = out / "stages/2-moderate/checkpoints/checkpoint-99"
    torn.mkdir()  # a checkpoint that was being written when the power went
    again = start(config, place, out, tmp_path / "other-cache")
    told = "".join(again.communicate())
    assert again.returncode == 0, told
    assert "moderate: step 1/40" not in told  # it went on
    resumed = json.loads((out / "stages.json").read_text())
    assert resumed["stages"][1]["policy_sha256"] == whole.stages[1].policy_sha256
    assert resumed["stages"][1]["reference"]["sha256"] == whole.stages[1].reference.sha256
    ours, theirs = (load_file(f / "model.safetensors") for f in (out, run.out))
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())


def test_the_program_says_one_line_for_a_mistake(tmp_path, policy):
    process = start(recipe_file(tmp_path, policy), tmp_path / "nothing", tmp_path / "o", tmp_path)
    told = "".join(process.communicate())
    assert process.returncode == 1
    assert told.strip().splitlines() == [
        f"error: dataset '{tmp_path}/nothing': no such folder; a build writes one to RUN/dataset"
    ]
