"""The main job on small models with random weights: plumbing, resumption, refusals."""

import hashlib
import json
import shutil

import msgspec
import polars as pl
import pytest
from small_models import TEMPLATE, save_policy

from udasa_data import build, resolve
from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_data.pipeline.building import preview
from udasa_data.prompts.splits import split_of
from udasa_data.publish.dataset import Tables, write_dataset
from udasa_data.runs.dataset_manifest import read_manifest
from udasa_data.runs.pair_views import read_pairs
from udasa_data.schema import PAIRS, Stage, Why
from udasa_data.storage.model_files import locate

PROMPTS = [
    *({"prompt": f"Say something about {thing}.", "axis": "helpfulness"} for thing in "abcdefgh"),
    *({"prompt": f"Is {thing} harmful?", "axis": "harmlessness"} for thing in "ijkl"),
    *(
        {
            "prompt": f"What is {t}?",
            "axis": "truthfulness",
            "context": f"{t} is a letter. It is old.",
        }
        for t in "mnop"
    ),
    *({"prompt": f"The film about {t}", "axis": "sentiment", "mode": "completion"} for t in "qrst"),
    {"prompt": "far too long " * 60},
]


@pytest.fixture(scope="module")
def prompts_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in PROMPTS))
    return path


@pytest.fixture(scope="module")
def config(small_config, prompts_file):
    return resolve("tiny", {"prompts": [str(prompts_file)]}, file=small_config)


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    return build(config, out)


def table(out, name):
    return pl.read_parquet(out / f"{name}.parquet")


def test_every_prompt_is_in_a_pair_or_dropped_with_a_reason(run):
    prompts = set(table(run.out, "prompts")["prompt_id"])
    dropped = table(run.out, "dropped")
    ended = dropped.filter(pl.col("what").is_in(["prompt", "pair"]))["prompt_id"]
    pairs = set(table(run.out, "pairs")["prompt_id"])
    assert pairs | set(ended) == prompts
    assert not pairs & set(ended)
    assert set(dropped["why"]) <= set(Why)
    assert dropped.filter(pl.col("why") == "too_long")["value"].to_list() > [200]


def test_counts_agree_everywhere(run):
    manifest = json.loads((run.out / "manifest.json").read_text())
    counts, pairs = manifest["counts"], table(run.out, "pairs")
    assert counts["prompts"] == len(table(run.out, "prompts")) == len(PROMPTS)
    assert counts["pairs"] == len(pairs) == sum(s["pairs"] for s in counts["stages"].values())
    listed = sum(n for reasons in counts["dropped"].values() for n in reasons.values())
    assert listed == len(table(run.out, "dropped"))
    samples = pl.read_parquet(run.folder / "data/samples/*.parquet")
    aside = sum(counts["dropped"].get("prompt", {}).values())  # too long, too few that say a word
    assert counts["samples"] == len(samples) == 4 * (len(PROMPTS) - aside)


def test_confounds_are_in_the_manifest_and_on_the_card(run):
    told = json.loads((run.out / "manifest.json").read_text())["confounds"]
    pairs = table(run.out, "pairs")
    lengths = table_of_samples(run).select("prompt_id", "sample_id", "n_tokens")
    chosen = pairs.join(
        lengths, left_on=["prompt_id", "chosen_id"], right_on=["prompt_id", "sample_id"]
    )
    assert told["mean_length_chosen"] == pytest.approx(chosen["n_tokens"].mean())
    assert -1 <= told["with_length"]["semantic"] <= 1
    card = (run.folder / "README.md").read_text()
    assert "| semantic ~ length | " in card
    assert "| chosen is longer | " in card


def table_of_samples(run):
    return pl.read_parquet(run.folder / "data/samples/*.parquet")


def test_stages_are_not_empty_and_their_texts_differ(run):
    pairs = table(run.out, "pairs")
    assert dict(pairs.schema) == dict(PAIRS)
    assert set(pairs["stage"]) == set(Stage)
    assert (pairs["delta_u"] > 0).all()
    assert not any(c == r for c, r in pairs.select("chosen", "rejected").iter_rows())


def test_scores_are_in_bounds_and_apply_where_they_should(run):
    samples = pl.read_parquet(run.folder / "data/samples/*.parquet")
    for column in ("u_semantic", "u_factual", "u_value", "c_semantic", "uncertainty"):
        finite = samples[column].filter(samples[column].is_finite())
        assert finite.is_between(0, 1).all(), column
    reviews = samples.filter(pl.col("axis") == "sentiment")
    assert reviews["u_factual"].is_nan().all()
    assert samples.filter(pl.col("text") != "")["u_semantic"].is_finite().all()
    assert (samples["sum_logprob"] < 0).all()


def test_the_dataset_loads_and_every_config_has_its_rows(run):
    datasets = pytest.importorskip("datasets")
    pairs = table(run.out, "pairs")
    total = 0
    for stage in Stage:
        loaded = datasets.load_dataset(str(run.folder), stage.value)
        of_stage = pairs.filter(pl.col("stage") == stage.value)
        held_out = [split_of(one, 0.2) for one in of_stage["prompt_id"]]
        assert loaded.num_rows == {split: held_out.count(split) for split in set(held_out)}
        one = loaded[held_out[0]][0]
        assert [set(turn) for turn in one["chosen"]] == [{"role", "content"}]
        total += len(of_stage)
    whole = datasets.load_dataset(str(run.folder), "all")
    assert sum(whole.num_rows.values()) == total
    dropped = datasets.load_dataset(str(run.folder), "dropped")
    assert sum(dropped.num_rows.values()) == len(table(run.out, "dropped"))


def test_a_prompt_is_in_the_same_split_everywhere(run):
    splits = {}
    for path in run.folder.glob("data/*/*.parquet"):
        for prompt_id in pl.read_parquet(path)["prompt_id"].drop_nulls():
            splits.setdefault(prompt_id, set()).add(path.name.split("-")[0])
    assert splits == {one: {split_of(one, 0.2)} for one in table(run.out, "prompts")["prompt_id"]}
    assert set().union(*splits.values()) == {"train", "test"}


def test_the_dataset_s_manifest_tells_what_it_is_made_of(run, config, small):
    manifest = read_manifest(run.folder)
    assert manifest.config == config
    assert manifest.held_out == 0.2
    roles = {"nli", "value", "sentiment", "prompt_harm"}
    assert {record.role for record in manifest.scorers} == roles
    harm = next(record for record in manifest.scorers if record.id == str(small["harm"]))
    assert harm.fingerprint == locate(ModelRef(id=str(small["harm"]))).fingerprint
    assert manifest.policy.chat_template_sha256 == hashlib.sha256(TEMPLATE.encode()).hexdigest()
    assert (manifest.stages.low, manifest.stages.high) == manifest.counts.thresholds
    found = {p.relative_to(run.folder).as_posix() for p in run.folder.rglob("*.parquet")}
    assert found == set(manifest.files)
    for path, record in manifest.files.items():
        content = (run.folder / path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record.sha256
        assert record.sha256[:12] in path
        assert len(pl.read_parquet(run.folder / path)) == record.rows
        assert path.startswith(f"data/{record.config}/{record.split}-")


def test_a_config_without_held_out_rows_has_no_test_split(
    run, small_config, prompts_file, tmp_path
):
    datasets = pytest.importorskip("datasets")
    shutil.copytree(run.out, tmp_path / "run")
    options = {"prompts": [str(prompts_file)], "held_out": 0.0}
    made = build(resolve("tiny", options, file=small_config), tmp_path / "run")
    assert not list(made.folder.rglob("test-*"))
    assert list(datasets.load_dataset(str(made.folder), "moderate")) == ["train"]
    n = len(table(made.out, "pairs").filter(pl.col("stage") == "moderate"))
    assert f"| moderate | {n} | no such split |" in (made.folder / "README.md").read_text()


def test_large_tables_are_written_in_shards(run, tmp_path):
    tables = Tables(
        table(run.out, "pairs"), table_of_samples(run), table(run.out, "dropped").clear()
    )
    (tmp_path / "out").mkdir()
    limit = tables.samples.estimated_size() // 4 + 1  # four files, whatever the size
    manifest = msgspec.structs.replace(read_manifest(run.folder), held_out=0.0)
    write_dataset(tmp_path / "out", tables, manifest, shard_bytes=limit)
    paths = sorted((tmp_path / "out/data/samples").iterdir())
    assert [path.name.split("-")[1] for path in paths] == ["00000", "00001", "00002", "00003"]
    assert pl.concat(map(pl.read_parquet, paths)).equals(tables.samples, null_equal=True)


def test_same_seed_same_pairs_and_the_same_call_does_nothing(run, config, tmp_path):
    again = build(config, tmp_path / "again")
    assert table(again.out, "pairs").equals(table(run.out, "pairs"), null_equal=True)
    before = (again.out / "manifest.json").stat().st_mtime_ns
    third = build(config, tmp_path / "again")
    assert third.reused
    assert (again.out / "manifest.json").stat().st_mtime_ns == before


def test_another_seed_makes_other_answers(run, small_config, prompts_file, tmp_path):
    other = resolve(
        "tiny", {"prompts": [str(prompts_file)], "seed": 1, "limit": 4}, file=small_config
    )
    made = build(other, tmp_path / "seed")
    texts = pl.read_parquet(made.folder / "data/samples/*.parquet")["text"]
    assert not set(texts) & set(pl.read_parquet(run.folder / "data/samples/*.parquet")["text"]) - {
        ""
    }


def test_a_pairing_option_remakes_pairs_alone(run, small_config, prompts_file, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(run.out, out)
    shards = {p: p.stat().st_mtime_ns for p in out.glob("s*/*.parquet")}
    options = {"prompts": [str(prompts_file)], "pairing": {"rejected": "median"}}
    made = build(resolve("tiny", options, file=small_config), out)
    assert not made.reused
    assert {p: p.stat().st_mtime_ns for p in out.glob("s*/*.parquet")} == shards
    assert not table(out, "pairs").equals(table(run.out, "pairs"), null_equal=True)


def test_a_calibration_file_is_applied_as_it_is(run, small_config, prompts_file, tmp_path):
    """Halved mid-ranks halve every calibrated value, and so every gap."""
    curves = json.loads((run.out / "calibration.json").read_text())
    for by_axis in curves.values():
        for curve in by_axis.values():
            curve["ranks"] = [rank / 2 for rank in curve["ranks"]]
    halved = tmp_path / "calibration.json"
    halved.write_text(json.dumps(curves))
    shutil.copytree(run.out, tmp_path / "run")
    options = {"prompts": [str(prompts_file)], "calibration": {"curves": str(halved)}}
    build(resolve("tiny", options, file=small_config), tmp_path / "run")
    before, after = (
        pl.read_parquet(out / "dataset" / "data/samples/*.parquet")
        for out in (run.out, tmp_path / "run")
    )
    finite = before["uncertainty"].is_finite()
    expected = before["uncertainty"].filter(finite).to_numpy() / 2
    assert after["uncertainty"].filter(finite).to_numpy() == pytest.approx(expected)
    halved.unlink()
    with pytest.raises(UserError, match=r"calibration\.json: cannot be read"):
        build(resolve("tiny", options, file=small_config), tmp_path / "run")


def test_a_scoring_option_scores_again_without_sampling_again(
    run, small_config, prompts_file, tmp_path
):
    out = tmp_path / "copy"
    shutil.copytree(run.out, out)
    samples = {p.name for p in out.glob("samples/*")}
    scores = {p.name for p in out.glob("scores/*")}
    options = {"prompts": [str(prompts_file)], "scoring": {"claim_prior": 2.0}}
    build(resolve("tiny", options, file=small_config), out)
    assert {p.name for p in out.glob("samples/*")} == samples
    assert not {p.name for p in out.glob("scores/*")} & scores


def test_lost_shards_are_made_again_with_the_same_rows(run, config, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(run.out, out)
    max(out.glob("samples/00001-*.parquet")).unlink()
    max(out.glob("scores/00002-*.parquet")).unlink()
    (out / "pairs.parquet").unlink()  # not finished, then
    shard = max(out.glob("samples/00000-*.parquet")).name
    (out / "samples" / f".tmp-0123456789ab-{shard}").write_text("half-written")
    build(config, out)
    assert table(out, "pairs").equals(table(run.out, "pairs"), null_equal=True)
    assert not list(out.rglob(".tmp-*"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sampling": {"temperature": 0.5}}, "sampling.temperature (1.0 → 0.5)"),
        ({"seed": 9}, "seed (0 → 9)"),
        ({"prompts": ["tiny"]}, "prompts ("),
    ],
)
def test_a_directory_of_another_run_is_refused(run, small_config, prompts_file, change, named):
    options = {"prompts": [str(prompts_file)], **change}
    with pytest.raises(UserError) as caught:
        build(resolve("tiny", options, file=small_config), run.out)
    assert named in str(caught.value)
    assert "another out" in str(caught.value)


def test_another_model_is_refused(run, config, tmp_path):
    other = save_policy(tmp_path / "other", seed=5)
    changed = msgspec.structs.replace(config, policy=type(config.policy)(id=str(other)))
    with pytest.raises(UserError, match="model weights"):
        build(changed, run.out)


def test_a_model_without_template_falls_back_and_says_so(config, tmp_path):
    plain = save_policy(tmp_path / "plain", template=None)
    changed = msgspec.structs.replace(config, policy=type(config.policy)(id=str(plain)), limit=4)
    made = build(changed, tmp_path / "run")
    assert any("no chat template" in note for note in made.summary.notes)


def test_preview_writes_nothing(config, tmp_path):
    made = preview(config, tmp_path / "none")
    assert (made.prompts, made.shards["samples"]) == (len(PROMPTS), (0, 6))
    assert not (tmp_path / "none").exists()


def test_a_path_that_is_no_model(config, tmp_path):
    changed = msgspec.structs.replace(config, policy=type(config.policy)(id=str(tmp_path)))
    with pytest.raises(UserError, match="holds no model"):
        build(changed, tmp_path / "run")


def test_reading_pairs(run, tmp_path):
    views = read_pairs(run.out, None, 3)
    assert [view.stage for view in views] == [s.value for s in Stage]
    assert read_pairs(run.out, "moderate", 1)[0].stage == "moderate"
    with pytest.raises(UserError, match="no finished run"):
        read_pairs(tmp_path, None, 1)


@pytest.mark.slow
def test_dpo_trainer_takes_a_stage_as_it_is(run, small, tmp_path):
    import datasets
    from transformers import AutoModelForCausalLM, AutoTokenizer

    trl = pytest.importorskip("trl")
    stage = datasets.load_dataset(str(run.folder), "conservative", split="train")
    args = trl.DPOConfig(
        output_dir=str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
        logging_steps=1,
    )
    trainer = trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(small["policy"]),
        args=args,
        train_dataset=stage,
        processing_class=AutoTokenizer.from_pretrained(small["policy"]),
    )
    assert len(trainer.train_dataset) == stage.num_rows
    trainer.train()
    # at the start policy and reference are the same: the loss is ln 2
    assert trainer.state.log_history[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
