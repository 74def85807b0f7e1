"""Builds from what is there: what is reused, what is made anew, and that it is the same."""

import hashlib
import json
import subprocess
import sys

import forked
import msgspec
import polars as pl
import pytest
from small_models import PROBABILITY_ROUNDING, save_classifier

from benchmarks.inputs.synthetic import scored_answers, write_run
from udasa_data import build, resolve
from udasa_data.config.presets import change
from udasa_data.errors import UserError
from udasa_data.prompts.splits import split_of
from udasa_data.runs.finished import open_finished
from udasa_data.runs.origin import origin_of
from udasa_data.schema import ANSWERS, CALIBRATED

RAW = [name for name in ANSWERS if name not in list(CALIBRATED)[2:]]


def fingerprints(folder):
    """The content of every file of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def start(place, **sections):
    """An origin, and its configuration with sections changed."""
    origin = origin_of(open_finished(str(place)))
    return origin, change(origin.manifest.config, sections)


def rounded(figures):
    """Counts or confounds as plain values: the order of rows shows in the last digits of a mean."""
    plain = json.dumps(msgspec.to_builtins(figures))
    return json.loads(plain, parse_float=lambda x: f"{float(x):.9f}")


def table(out, name):
    return pl.read_parquet(out / f"{name}.parquet").sort("prompt_id")


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.txt"
    path.write_text("\n".join(f"Tell me about number {n}." for n in range(12)))
    return path


@pytest.fixture(scope="module")
def config(small_config, prompts):
    return resolve("tiny", {"prompts": [str(prompts)]}, file=small_config)


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    return build(config, tmp_path_factory.mktemp("runs") / "source").out


def test_pairing_options_give_what_a_build_of_its_own_gives(run, config, tmp_path):
    sections = {
        "pairing": {"rejected": "median", "noise_z": 0.5},
        "stages": {"cutoffs": [0.6, 0.7]},
        "held_out": 0.4,
    }
    before = fingerprints(run)
    origin, changed = start(run, **sections)
    made = build(changed, tmp_path / "new", origin=origin)
    assert fingerprints(run) == before
    whole = build(change(config, sections), tmp_path / "whole")
    assert not made.reused
    assert table(made.out, "pairs").equals(table(whole.out, "pairs"))
    assert rounded(made.summary.counts) == rounded(whole.summary.counts)
    assert rounded(made.summary.confounds) == rounded(whole.summary.confounds)
    # prompts are split as ever, by the same hash
    finished = open_finished(str(made.out))
    for path, file in finished.manifest.files.items():
        ids = pl.read_parquet(finished.folder / path)["prompt_id"].drop_nulls()
        assert {split_of(one, 0.4) for one in ids} <= {file.split}
    again = build(changed, tmp_path / "new", origin=origin)
    assert again.reused


def test_where_it_came_from_is_recorded(run, tmp_path):
    origin, changed = start(run, pairing={"noise_z": 2.0})
    out = build(changed, tmp_path / "new", origin=origin).out
    manifest = json.loads((out / "manifest.json").read_text())
    source = json.loads((run / "manifest.json").read_text())
    assert manifest["origin"] == {
        "from": str(run),
        "scores": source["keys"]["scores"],
        "reused": ["samples", "scores"],
    }
    known = {name: mark for name, mark in manifest["models"].items() if mark != "not used"}
    assert known.items() <= source["models"].items()
    assert len(known) == 5  # all but the sentiment model: there are no reviews
    assert "samples and scores from source" in manifest["notes"]["origin"]
    published = open_finished(str(out)).manifest
    assert published.made_from["origin"] == manifest["origin"]
    assert published.policy == open_finished(str(run)).manifest.policy
    assert published.scorers == open_finished(str(run)).manifest.scorers
    # and what starts from that has the same samples
    further, same = start(out)
    assert further.answers.select(RAW).equals(origin.answers.select(RAW))
    assert build(same, tmp_path / "next", origin=further).summary.counts.prompts == 12


def test_a_dataset_folder_is_as_good_as_its_run(run, tmp_path):
    origin, changed = start(run, pairing={"noise_z": 0.7})
    from_run = build(changed, tmp_path / "a", origin=origin).out
    origin, changed = start(run / "dataset", pairing={"noise_z": 0.7})
    from_folder = build(changed, tmp_path / "b", origin=origin).out
    assert table(from_run, "pairs").equals(table(from_folder, "pairs"))


def test_another_nli_model_scores_anew_and_samples_nothing(run, config, tmp_path):
    labels = ["entailment", "neutral", "contradiction"]
    other = {"id": str(save_classifier(tmp_path / "nli", labels, seed=9)), "revision": "main"}
    origin, changed = start(run, nli={**other, "labels": []})
    made = build(changed, tmp_path / "new", origin=origin)
    whole = build(change(config, {"nli": {**other, "labels": []}}), tmp_path / "whole")
    scores, expected = (
        open_finished(str(place)).answers.sort("prompt_id", "sample_id")
        for place in (made.out, whole.out)
    )
    assert scores["text"].equals(expected["text"])
    for column in ("u_semantic", "u_factual", "u_value"):
        assert scores[column].to_list() == pytest.approx(
            expected[column].to_list(), abs=PROBABILITY_ROUNDING, nan_ok=True
        )
    old = origin.answers.sort("prompt_id", "sample_id")
    assert scores["u_value"].to_list() == pytest.approx(old["u_value"].to_list(), nan_ok=True)
    assert scores["u_semantic"].to_list() != pytest.approx(old["u_semantic"].to_list())
    manifest = json.loads((made.out / "manifest.json").read_text())
    assert manifest["origin"]["reused"] == ["samples"]
    # a lost shard is made again, the same
    (shard,) = (p for p in made.out.glob("scores/00001-*.parquet") if "dropped" not in p.name)
    rows = pl.read_parquet(shard)
    shard.unlink()
    (made.out / "pairs.parquet").unlink()
    build(changed, made.out, origin=origin)
    assert pl.read_parquet(shard).equals(rows)


def test_models_need_not_be_at_hand_where_nothing_is_scored(tmp_path):
    config = resolve("tiny", {"nli": {"id": "./nowhere/nli"}, "pairing": {"noise_z": 0.1}})
    write_run(tmp_path / "source", scored_answers(40), config)
    origin, changed = start(tmp_path / "source", pairing={"noise_z": 2.0})
    assert build(changed, tmp_path / "new", origin=origin).summary.counts.pairs > 0
    origin, changed = start(tmp_path / "source", scoring={"claim_prior": 0.9})
    with pytest.raises(UserError, match="nowhere/nli': no such folder"):
        build(changed, tmp_path / "anew", origin=origin)
    assert not (tmp_path / "anew").exists()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"sampling": {"temperature": 0.5}}, r"sampling.temperature \(1.0 → 0.5\)"),
        ({"seed": 5}, r"seed \(0 → 5\)"),
        ({"prompts": ["hh"]}, "prompts"),
    ],
)
def test_options_that_would_change_the_samples_are_refused(run, tmp_path, sections, message):
    origin, changed = start(run, **sections)
    with pytest.raises(UserError, match=message):
        build(changed, tmp_path / "new", origin=origin)
    assert not (tmp_path / "new").exists()


def test_a_directory_of_another_run_is_refused(run, tmp_path):
    origin, changed = start(run)
    with pytest.raises(UserError, match="holds a run that differs in: samples from"):
        build(changed, run, origin=origin)


def rewrite(finished, path, rows):
    """Write other rows into a dataset, and say so in its manifest, as another tool might."""
    rows.write_parquet(finished.folder / path)
    digest = hashlib.sha256((finished.folder / path).read_bytes()).hexdigest()
    manifest = finished.folder / "manifest.json"
    old = finished.manifest.files[path].sha256
    changed = json.loads(manifest.read_text().replace(old, digest))
    changed.pop("sha256", None)
    manifest.write_text(json.dumps(changed))


def test_lost_rows_are_noticed(tmp_path):
    write_run(tmp_path / "source", scored_answers(20))
    finished = open_finished(str(tmp_path / "source"))
    path = next(p for p, f in finished.manifest.files.items() if f.config == "samples")
    rows = pl.read_parquet(finished.folder / path)
    rewrite(finished, path, rows.head(-1))
    with pytest.raises(UserError, match="has 159 rows, and its manifest counts 160"):
        origin_of(open_finished(str(tmp_path / "source")))
    one_twice = pl.concat([rows.head(-1), rows.head(1)])
    finished = open_finished(str(tmp_path / "source"))
    rewrite(finished, path, one_twice)
    with pytest.raises(UserError, match="answers to 1 of its prompts are missing"):
        origin_of(open_finished(str(tmp_path / "source")))


def test_the_order_of_rows_does_not_matter(tmp_path):
    write_run(tmp_path / "source", scored_answers(20))
    finished = open_finished(str(tmp_path / "source"))
    for path, file in finished.manifest.files.items():
        if file.config == "samples":
            rows = pl.read_parquet(finished.folder / path)
            rewrite(finished, path, rows.sample(fraction=1, shuffle=True, seed=1))
    origin, same = start(tmp_path / "source")
    out = build(same, tmp_path / "new", origin=origin).out
    assert table(out, "pairs").equals(finished.pairs.sort("prompt_id"))


def test_on_the_command_line_and_without_anything_heavy(run, tmp_path):
    program = (
        "import sys; from udasa_data.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'torch', 'transformers', 'datasets', 'trl'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    arguments = [
        "--rejected",
        "median",
        "--z",
        "0.4",
        "--cutoffs",
        "0.55,0.6",
        "--out",
        "new",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", program, "build", "--from", str(run), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["counts"]["thresholds"] == [0.55, 0.6]
    config = open_finished(str(tmp_path / "new")).manifest.config
    assert (config.pairing.rejected, config.pairing.noise_z) == ("median", 0.4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "nowhere/at/all", "--out", "x"], "no such directory"),
        (["--from", ".", "--out", "x"], "holds no finished run"),
        (["--cutoffs", "a,b"], "reads LOW,HIGH"),
        (["--cutoffs", "0.5,0.2"], "low at most high"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path):
    done = forked.run("-m", "udasa_data", "build", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
