"""Runs joined, and runs compared."""

import json
from types import SimpleNamespace

import forked
import msgspec
import polars as pl
import pytest
from folder_contents import everything, put_foreign

from benchmarks.inputs.synthetic import scored_answers, write_run
from udasa_data.config.presets import change, resolve
from udasa_data.errors import UserError
from udasa_data.page.report import write_report
from udasa_data.pipeline.merging import merge
from udasa_data.runs.difference import compare
from udasa_data.runs.finished import open_finished
from udasa_data.schema import DROPPED, empty

CONFIG = resolve("tiny", {"pairing": {"noise_z": 0.1}, "prompts": ["a.txt"]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run over all prompts, runs over its halves, and a second round over the first half."""
    root = tmp_path_factory.mktemp("merge")
    answers = scored_answers(60)
    write_run(root / "whole", answers, CONFIG)
    write_run(root / "first", answers.head(30 * 8), CONFIG)
    write_run(root / "second", answers.tail(30 * 8), change(CONFIG, {"prompts": ["b.txt"]}))
    write_run(root / "round2", scored_answers(30, k=5), CONFIG, policy="sha256:policy-2")
    return root


def rounded(figures):
    """Counts or confounds as plain values: the order of rows shows in the last digits of a mean."""
    plain = json.dumps(msgspec.to_builtins(figures))
    return json.loads(plain, parse_float=lambda x: f"{float(x):.9f}")


def merged(folder, names, out):
    return merge([str(folder / name) for name in names], str(out))


def test_two_halves_are_the_whole(folder, tmp_path):
    made = merged(folder, ["first", "second"], tmp_path / "m")
    whole = open_finished(str(folder / "whole"))
    pairs = pl.read_parquet(made.out / "pairs.parquet").sort("prompt_id")
    assert pairs.drop("run").equals(whole.pairs.sort("prompt_id").drop("run"))
    assert rounded(made.summary.counts) == rounded(whole.manifest.counts)
    assert rounded(made.summary.confounds) == rounded(whole.manifest.confounds)
    assert set(pairs["run"]) == {0, 1}
    finished = open_finished(str(made.out))
    assert [one["name"] for one in finished.merged] == ["first", "second"]
    assert [one["prompts"] for one in finished.merged] == [30, 30]
    assert finished.manifest.config.prompts == ("a.txt", "b.txt")
    of_run = finished.answers.group_by("run").agg(pl.col("prompt_id").n_unique()).sort("run")
    assert of_run["prompt_id"].to_list() == [30, 30]
    assert merged(folder, ["first", "second"], tmp_path / "m").reused


def test_rounds_may_ask_the_same_with_other_numbers_of_answers(folder, tmp_path):
    made = merged(folder, ["first", "round2", "second"], tmp_path / "m")
    counts = made.summary.counts
    assert counts.prompts == 90
    assert counts.samples == 30 * 8 + 30 * 5 + 30 * 8
    finished = open_finished(str(made.out))
    assert any("2 policies" in note for note in finished.manifest.notes)
    rounds = finished.answers.group_by("run").agg(pl.col("sample_id").max()).sort("run")
    assert rounds["sample_id"].to_list() == [7, 4, 7]
    # both answers of a pair are of its own round
    for pair in finished.pairs.rows(named=True):
        own = finished.answers.filter(
            (pl.col("run") == pair["run"]) & (pl.col("prompt_id") == pair["prompt_id"])
        )
        text = dict(own.select("sample_id", "text").iter_rows())
        assert pair["chosen"][0]["content"] == text[pair["chosen_id"]]
        assert pair["rejected"][0]["content"] == text[pair["rejected_id"]]
    ended = finished.pairs.height + finished.dropped.filter(pl.col("what") == "pair").height
    assert ended == 90
    # a merged run is a run: shown, merged further, and it refuses what it holds already
    assert write_report(str(made.out)).rows == 90
    with pytest.raises(UserError, match="hold 30 prompts in common"):
        merge([str(made.out), str(folder / "second")], str(tmp_path / "n"))


def test_a_merged_run_can_be_merged_and_paired_again(folder, tmp_path):
    two = merged(folder, ["first", "round2"], tmp_path / "two").out
    three = merge([str(two), str(folder / "second")], str(tmp_path / "three")).out
    at_once = merged(folder, ["first", "round2", "second"], tmp_path / "at_once").out
    a, b = (open_finished(str(one)).pairs.sort("run", "prompt_id") for one in (three, at_once))
    assert a.equals(b)
    options = ("--from", three, "--z", "3", "--out", "z")
    done = forked.run("-m", "udasa_data", "build", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 0 < open_finished(str(tmp_path / "z")).pairs.height < a.height
    assert len(open_finished(str(tmp_path / "z")).merged) == 3


def test_what_cannot_be_joined_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match="30 prompts in common, answered by one policy"):
        merged(folder, ["first", "whole"], tmp_path / "m")
    with pytest.raises(UserError, match="two runs or more"):
        merged(folder, ["first"], tmp_path / "m")
    other = change(CONFIG, {"nli": {"id": "another/nli"}})
    write_run(tmp_path / "other", scored_answers(60).tail(80), other)
    with pytest.raises(UserError, match=r"scored differently \(nli"):
        merge([str(folder / "first"), str(tmp_path / "other")], str(tmp_path / "m"))
    assert not (tmp_path / "m").exists()


def test_other_pairing_options_are_the_first_runs_and_told(folder, tmp_path):
    strict = change(CONFIG, {"pairing": {"noise_z": 3.0}})
    write_run(tmp_path / "strict", scored_answers(60).tail(240), strict)
    made = merge([str(folder / "first"), str(tmp_path / "strict")], str(tmp_path / "m"))
    assert open_finished(str(made.out)).manifest.config.pairing == CONFIG.pairing
    assert any(note.startswith("pairing: as in first") for note in made.summary.notes)


def pair(prompt_id, chosen, rejected, stage, gap):
    turns = {
        name: [{"role": "assistant", "content": text}]
        for name, text in (("prompt", f"q{prompt_id}"), ("chosen", chosen), ("rejected", rejected))
    }
    return {**turns, "prompt_id": prompt_id, "run": 0, "stage": stage, "delta_u": gap}


def dataset(rows, left_out=()):
    dropped = [
        {"prompt_id": prompt_id, "run": 0, "what": "pair", "why": why}
        for prompt_id, why in left_out
    ]
    return SimpleNamespace(
        pairs=pl.DataFrame(rows, schema_overrides={"run": pl.Int32}),
        dropped=pl.DataFrame(dropped, schema=DROPPED, orient="row") if dropped else empty(DROPPED),
    )


def test_every_kind_of_change():
    a = dataset(
        [
            pair("same", "x", "y", "moderate", 0.3),
            pair("moved", "x", "y", "moderate", 0.3),
            pair("flipped", "x", "y", "exploratory", 0.1),
            pair("repaired", "x", "y", "moderate", 0.3),
            pair("lost", "x", "y", "moderate", 0.3),
            pair("gone", "x", "y", "moderate", 0.4),
        ],
        [("gained", "vetoed")],
    )
    b = dataset(
        [
            pair("same", "x", "y", "moderate", 0.35),
            pair("moved", "x", "y", "conservative", 0.3),
            pair("flipped", "y", "x", "exploratory", 0.1),
            pair("repaired", "x", "z", "moderate", 0.3),
            pair("gained", "x", "y", "moderate", 0.3),
        ],
        [("lost", "below_noise")],
    )
    found = compare(a, b, examples=1)
    assert found.pairs == (6, 5)
    assert found.counts == {
        "gained": 1,
        "lost": 2,
        "flipped": 1,
        "repaired": 1,
        "moved": 1,
        "same": 1,
    }
    assert found.why_gained == {"vetoed": 1}
    assert found.why_lost == {"below_noise": 1, "not there": 1}
    assert found.stages["moderate"] == {"conservative": 1, "moderate": 2, "exploratory": 0}
    assert found.stages["exploratory"]["exploratory"] == 1
    (lost,) = found.examples["lost"]  # of the two, the one of the wider gap
    assert (lost.prompt, lost.before, lost.after, lost.why) == ("qgone", ("x", "y"), None, None)
    (flipped,) = found.examples["flipped"]
    assert (flipped.before, flipped.after) == (("x", "y"), ("y", "x"))
    assert compare(a, a).counts["same"] == 6


def test_diff_on_the_command_line(folder, tmp_path):
    def run(*arguments):
        return forked.run("-m", "udasa_data", *arguments)

    strict = tmp_path / "strict"
    assert run("build", "--from", folder / "whole", "--z", 3, "--out", strict).returncode == 0
    told = json.loads(run("diff", folder / "whole", strict, "--json").stdout)
    before, after = (
        set(open_finished(str(one)).pairs["prompt_id"]) for one in (folder / "whole", strict)
    )
    assert told["counts"]["lost"] == len(before - after) > 0
    assert told["counts"]["gained"] == len(after - before) == 0
    assert set(told["why_lost"]) <= {"below_noise", "homogeneous"}
    shown = run("diff", folder / "whole", strict).stdout
    assert f"pairs     {len(before)} → {len(after)}" in shown
    assert "--- lost (below noise): Question" in shown
    done = run("diff", folder / "whole", tmp_path / "nowhere")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_merge_on_the_command_line(folder, tmp_path):
    runs = (folder / "first", folder / "second")
    done = forked.run("-m", "udasa_data", "merge", *runs, "--out", tmp_path / "m", "--json")
    assert json.loads(done.stdout)["counts"]["prompts"] == 60


def test_merge_writes_into_no_folder_of_another(folder, tmp_path):
    foreign = put_foreign(tmp_path / "m", "pairs.parquet", "dataset/notes.txt")
    with pytest.raises(UserError, match="is not empty and holds no run of udasa-data"):
        merge([str(folder / "first"), str(folder / "second")], str(tmp_path / "m"))
    assert everything(tmp_path / "m") == foreign
