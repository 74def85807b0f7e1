"""Evaluations write into no folder of somebody else, and leave alone what others put into ours."""

import json
import shutil

import polars as pl
import pytest
from example_runs import write_run
from folder_contents import everything, put_foreign

from udasa_data.errors import UserError
from udasa_data.progress import Silent
from udasa_data.runs import BUILD
from udasa_data.schema import Axis
from udasa_eval.answers.generations import FirstPass
from udasa_eval.frontier import frontier
from udasa_eval.leaderboard.building import build_leaderboard
from udasa_eval.leaderboard.folder import LAYOUT, claim_folder, write_folder
from udasa_eval.results.layout import EVALUATION, task_of_shard
from udasa_eval.running import RunOptions, run, score
from udasa_eval.tasks.fetching import fetch
from udasa_eval.tasks.sources import DatasetSpec
from udasa_eval.validation.published import FIGURES, check_published

HALF = ".tmp-0123456789ab-"  # how the temporaries of a killed process begin


def options(model):
    return RunOptions(model=str(model), suite="tiny", axes=(Axis.HARMLESSNESS,))


@pytest.fixture(scope="module")
def made(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "run"
    run(options(small["policy"]), out)
    return out


@pytest.fixture
def evaluated(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


@pytest.fixture
def elsewhere(tmp_path):
    put_foreign(tmp_path, "elsewhere/notes.txt")
    return tmp_path / "elsewhere"


FOREIGN = ["results.json", "generations/mine.parquet", "shards/x-1.parquet", "manifest.json", "a/b"]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_of_another_is_refused_untouched(small, tmp_path, name):
    foreign = put_foreign(tmp_path, name)
    with pytest.raises(UserError, match="is not empty and holds no evaluation of udasa-eval"):
        run(options(small["policy"]), tmp_path)
    with pytest.raises(UserError, match="holds no evaluation"):
        score(tmp_path)
    assert everything(tmp_path) == foreign


def test_a_build_is_no_evaluation(small, tmp_path):
    (tmp_path / ".lock").write_text(BUILD.mark)
    with pytest.raises(UserError, match="is not empty"):
        run(options(small["policy"]), tmp_path)


def test_what_others_put_into_an_evaluation_stays(evaluated, elsewhere):
    task = next(evaluated.glob("generations/*.parquet")).stem
    foreign = put_foreign(
        evaluated,
        f"shards/{task}-notes.parquet",
        f"shards/{task}-0123456789abcdef-00000.parquet.bak",
        f"shards/deeper/{task}-0123456789abcdef-00000.parquet",
        "generations/My Notes.parquet",
        "scores/mine.csv",
        f"nested/{HALF}results.json",
        f"{HALF}mine.txt",
        ".tmp-mine",
    )
    (evaluated / f"shards/{task}-0123456789abcdef-00001.parquet").symlink_to(
        elsewhere / "notes.txt"
    )
    (evaluated / f"{HALF}results.json").symlink_to(elsewhere / "notes.txt")
    half = evaluated / f"scores/{HALF}{task}.parquet"
    half.write_text("half of ours")
    results = (evaluated / "results.json").read_bytes()

    score(evaluated)

    after = everything(evaluated)
    assert {name: after[name] for name in foreign} == foreign
    assert everything(elsewhere) == {"notes.txt": b"mine"}
    assert (evaluated / f"{HALF}results.json").is_symlink()
    assert not half.exists()
    assert after["results.json"] == results


def test_shards_are_deleted_by_their_exact_names(made, small, tmp_path, elsewhere):
    """A first pass made anew, in a folder whose ``shards/`` holds files of others."""
    out = tmp_path / "run"
    out.mkdir()
    (out / ".lock").write_text(EVALUATION.mark)
    task = next(made.glob("generations/*.parquet")).stem
    foreign = put_foreign(out, f"shards/{task}-notes.parquet", f"shards/a/{task}-1.parquet")
    link = out / f"shards/{task}-0123456789abcdef-00001.parquet"
    link.symlink_to(elsewhere / "notes.txt")
    run(options(small["policy"]), out)
    left = {name: v for name, v in everything(out).items() if name.startswith("shards/")}
    assert left == foreign | {f"shards/{link.name}": str(elsewhere / "notes.txt")}
    assert everything(elsewhere) == {"notes.txt": b"mine"}


def test_a_level_that_is_a_link_is_refused(small, evaluated, elsewhere):
    shutil.rmtree(evaluated / "shards", ignore_errors=True)
    (evaluated / "shards").symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads through a link"):
        run(options(small["policy"]), evaluated)
    with pytest.raises(UserError, match="leads through a link"):
        score(evaluated)
    assert everything(elsewhere) == {"notes.txt": b"mine"}


def test_names_of_ours():
    assert task_of_shard("udasa_imdb-0123456789abcdef.own-00012.parquet") == "udasa_imdb"
    assert task_of_shard("udasa_imdb-0123456789abcdef-00012.parquet") == "udasa_imdb"
    assert task_of_shard("udasa_imdb-notes.parquet") is None
    assert task_of_shard("a/udasa_imdb-0123456789abcdef-00012.parquet") is None


# -- the other commands ---------------------------------------------------------------------


@pytest.fixture
def fails(monkeypatch):
    """Nothing may be evaluated."""

    def fail(*_args):
        raise AssertionError("evaluated")

    monkeypatch.setattr(FirstPass, "run", fail)


@pytest.mark.parametrize("name", ["frontier.json", "policy/results.json", "notes.txt"])
@pytest.mark.usefixtures("fails")
def test_a_frontier_in_a_folder_of_another(small, tmp_path, name):
    policy = shutil.copytree(small["policy"], tmp_path / "policy")
    foreign = put_foreign(tmp_path / "out", name)
    with pytest.raises(UserError, match="is not empty and holds no"):
        frontier(options(policy), [str(policy)], tmp_path / "out")
    assert everything(tmp_path / "out") == foreign


@pytest.mark.parametrize("name", ["notes.txt", "EleutherAI-pythia-160m/results.json"])
@pytest.mark.usefixtures("fails")
def test_a_validation_in_a_folder_of_another(tmp_path, name):
    foreign = put_foreign(tmp_path, name)
    with pytest.raises(UserError, match="is not empty and holds no"):
        check_published(tmp_path, FIGURES, Silent(), lambda _line: None)
    assert everything(tmp_path) == foreign


def test_a_leaderboard_in_a_folder_of_another(tmp_path):
    board = build_leaderboard([write_run(tmp_path / "run", {"p": 0.5, "q": 0.25})])
    foreign = put_foreign(tmp_path / "site", "index.html", "samples/a.html")
    for write in (lambda out: write_folder(board, out), claim_folder):
        with pytest.raises(UserError, match="is not empty and holds no leaderboard"):
            write(tmp_path / "site")
    assert everything(tmp_path / "site") == foreign


def test_a_leaderboard_leaves_alone_what_others_put_beside_it(tmp_path, elsewhere):
    board = build_leaderboard([write_run(tmp_path / "run", {"p": 0.5, "q": 0.25})])
    out = tmp_path / "board"
    write_folder(board, out)
    foreign = put_foreign(
        out, "CNAME", "samples/mine.html", "data/samples/x.csv", f"a/{HALF}README.md"
    )
    (out / f"{HALF}README.md").symlink_to(elsewhere / "notes.txt")
    (out / f"samples/{HALF}01-a.html").write_text("half of ours")
    write_folder(board, out)
    after = everything(out)
    assert {name: after[name] for name in foreign} == foreign
    assert f"samples/{HALF}01-a.html" not in after
    assert everything(elsewhere) == {"notes.txt": b"mine"}
    assert all(LAYOUT.levels["samples"](path.name) for path in out.glob("samples/[0-9]*.html"))
    shutil.rmtree(out / "data")
    (out / "data").symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads through a link"):
        write_folder(board, out)
    assert everything(elsewhere) == {"notes.txt": b"mine"}


@pytest.fixture
def known(monkeypatch):
    """Two datasets, neither of which may be downloaded."""

    def fail(*_args):
        raise AssertionError("downloaded")

    monkeypatch.setattr("udasa_eval.tasks.fetching.from_sources", fail)
    return {name: DatasetSpec(file=f"{name}/rows.parquet", parts=()) for name in ("a", "b")}


@pytest.mark.parametrize("name", ["b/rows.parquet", "b/rows.origin.json", "b/rows.parquet/x"])
def test_fetch_replaces_no_file_of_another(tmp_path, known, name):
    foreign = put_foreign(tmp_path, name)
    with pytest.raises(UserError, match=r"rows\.(parquet|origin\.json): is there and "):
        fetch(tmp_path, ["a", "b"], known=known)
    assert everything(tmp_path) == foreign


def test_fetch_follows_no_link(tmp_path, known, elsewhere):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/b").symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads through a link"):
        fetch(tmp_path / "data", ["a", "b"], known=known)
    assert everything(elsewhere) == {"notes.txt": b"mine"}


def test_fetch_leaves_the_rows_of_others(tmp_path, known):
    (tmp_path / "a").mkdir()
    pl.DataFrame({"x": [1, 2]}).write_parquet(tmp_path / "a/rows.parquet")
    (tmp_path / "a/rows.origin.json").write_text(json.dumps({"mine": 1}))
    before = everything(tmp_path)
    (fetched,) = fetch(tmp_path, ["a"], known=known)
    assert (fetched.rows, fetched.was_there) == (2, True)
    assert everything(tmp_path) == before
