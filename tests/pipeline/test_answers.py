"""Builds from a file of answers: the pairs of a policy's own build, without the policy."""

import gzip
import json

import polars as pl
import pytest
from typer.testing import CliRunner

from udasa_data import build, resolve
from udasa_data.cli import app
from udasa_data.prompts import load_prompts
from udasa_data.runs import open_finished, origin_of
from udasa_data.scoring import read_answers

COMPARED = ["prompt", "chosen", "rejected", "stage", "delta_u", "se_delta", "axis"]


@pytest.fixture(scope="module")
def policys(small_config, tmp_path_factory):
    """A build of the policy's own answers to chat prompts."""
    folder = tmp_path_factory.mktemp("own")
    prompts = folder / "prompts.jsonl"
    asked = [{"prompt": f"What is {n} and {n + 1}?", "axis": "truthfulness"} for n in range(8)]
    prompts.write_text("\n".join(map(json.dumps, asked)))
    config = resolve("tiny", {"prompts": [str(prompts)], "seed": 1}, file=small_config)
    return build(config, folder / "run")


@pytest.fixture(scope="module")
def answers(policys, tmp_path_factory):
    """The same answers as anybody's file."""
    table = pl.read_parquet(sorted((policys.out / "dataset/data/samples").glob("*.parquet")))
    path = tmp_path_factory.mktemp("answers") / "answers.parquet"
    columns = ["text", "axis", "n_tokens", "sum_logprob", "mean_logprob", "finish_reason"]
    question = pl.col("prompt").list.first().struct.field("content").alias("prompt")
    table.select(question, *columns).write_parquet(path)
    return path


def given(answers, small_config, **more):
    return resolve(None, more, file=small_config, answers=answers)


def pairs_of(out):
    return pl.read_parquet(out / "pairs.parquet").select(COMPARED).sort("delta_u")


def test_the_pairs_are_those_of_the_policys_own_build(policys, answers, small_config, tmp_path):
    config = given(answers, small_config)
    read = read_answers(answers)
    result = build(config, tmp_path / "run", origin=read)
    assert result.summary.counts.pairs > 0
    assert pairs_of(result.out).equals(pairs_of(policys.out))
    assert build(config, tmp_path / "run", origin=read).reused


def test_answers_are_read_from_any_place_of_rows(answers, small_config, tmp_path):
    rows = pl.read_parquet(answers).rename({"text": "said"}).drop("n_tokens").to_dicts()
    (tmp_path / "a=b").mkdir()
    for number, half in enumerate((rows[:20], rows[20:])):
        lines = "\n".join(map(json.dumps, half))
        (tmp_path / "a=b" / f"{number}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    place = f"{tmp_path / 'a=b'}#said"
    command = ["build", "--config", small_config, "--answers", place, "--out", tmp_path / "run"]
    done = CliRunner().invoke(app, list(map(str, command)))
    assert done.exit_code == 0, done.output
    manifest = open_finished(str(tmp_path / "run")).manifest
    assert (manifest.policy.id, manifest.config.prompts) == ("a=b", (place,))
    assert manifest.counts.samples == len(rows)
    scored = ["score", place, "--out", tmp_path / "scores.parquet", "--config", small_config]
    done = CliRunner().invoke(app, list(map(str, scored)))
    assert done.exit_code == 0, done.output
    assert len(pl.read_parquet(tmp_path / "scores.parquet")) == len(rows)


def test_the_prompts_of_a_run_or_a_dataset_are_prompts(policys):
    expected = pl.read_parquet(policys.out / "prompts.parquet")
    columns = ["prompt_id", "messages", "mode", "axis", "context"]
    for folder in (policys.out, policys.folder):
        loaded = load_prompts([str(folder)], limit=None, seed=0, commits={})
        assert loaded.dropped.is_empty()
        found = loaded.prompts.select(columns)
        assert found.sort("prompt_id").equals(expected.select(columns).sort("prompt_id")), folder


def test_prompts_may_have_different_numbers_of_answers(answers, small_config, tmp_path):
    table = pl.read_parquet(answers)
    number = pl.int_range(pl.len()).over("prompt")
    three = table["prompt"][0]
    doubled = table.filter(pl.col("prompt") == table["prompt"][-1])
    kept = table.filter((pl.col("prompt") != three) | (number < 3))
    path = tmp_path / "uneven.parquet"
    pl.concat([kept, doubled.with_columns(text=pl.col("text") + " And more.")]).write_parquet(path)
    result = build(given(path, small_config), tmp_path / "run", origin=read_answers(path))
    finished = open_finished(str(result.out))
    sizes = finished.answers.group_by("prompt_id").len()["len"]
    assert sorted(sizes) == [4] * 6 + [8]
    assert result.summary.counts.dropped["prompt"] == {"too_few_samples": 1}
    again = build(  # and start from them again
        finished.manifest.config, tmp_path / "again", origin=origin_of(finished)
    )
    assert pairs_of(again.out).equals(pairs_of(result.out))


def test_the_card_says_that_they_were_given(answers, small_config, tmp_path):
    command = ["build", "--answers", str(answers), "--config", str(small_config)]
    done = CliRunner().invoke(
        app, [*command, "--model", "the vendor", "--out", str(tmp_path / "o")]
    )
    assert done.exit_code == 0, done.output
    card = (tmp_path / "o/dataset/README.md").read_text()
    assert "32 answers to 8 prompts, as a file by the name of `the vendor` has them" in card
    assert "given; nothing was sampled" in card
    assert f"udasa-data build --answers {answers} --model 'the vendor' --config config.yaml" in card
    config = tmp_path / "o/config.yaml"
    same = [*command[:3], "--config", str(config), "--out", str(tmp_path / "o")]
    assert "Nothing to do" in CliRunner().invoke(app, same).output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--samples", "8"], "leave out --samples, --temperature, --top-p and --max-tokens"),
        (["--prompts", "tiny", "--limit", "3"], "leave out --prompts, --limit"),
        (["--from", "runs/x"], "leave out --from"),
    ],
)
def test_what_says_how_to_sample_is_refused(answers, small_config, tmp_path, more, said):
    command = ["build", "--answers", str(answers), "--config", str(small_config)]
    done = CliRunner().invoke(app, [*command, *more, "--out", str(tmp_path / "o")])
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert not (tmp_path / "o").exists()
