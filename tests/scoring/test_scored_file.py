"""``udasa-data score`` replaces nothing of the user's beside its file of scores."""

import json
import shutil

import polars as pl
import pytest

from udasa_data import resolve, score_file
from udasa_data.errors import UserError
from udasa_data.scoring import scored_file

TEXTS = ["It is Lyon.", "Paris, I think.", "It is Paris, on the Seine."]


@pytest.fixture(scope="module")
def config(small_config):
    return resolve(None, {}, file=small_config, default="tiny")


@pytest.fixture(scope="module")
def made(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    rows = [{"prompt": "Where is it?", "text": text} for text in TEXTS]
    pl.DataFrame(rows).write_parquet(folder / "in.parquet")
    score_file(folder / "in.parquet", folder / "out.parquet", config)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "folder")


def test_curves_of_others_are_refused_before_anything_is_scored(folder, config, monkeypatch):
    def fail(*_args):
        raise AssertionError("scored")

    monkeypatch.setattr("udasa_data.scoring.existing_answers._score", fail)
    curves = folder / "out.calibration.json"
    curves.write_text("mine")
    (folder / "out.parquet").unlink()
    with pytest.raises(UserError, match=r"out\.calibration\.json: is there already.*Move it"):
        score_file(folder / "in.parquet", folder / "out.parquet", config)
    assert curves.read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"in.parquet", curves.name}


def test_a_link_in_the_place_of_the_curves_is_refused(folder, config):
    (folder / "out.parquet").unlink()
    (folder / "out.calibration.json").unlink()
    (folder / "out.calibration.json").symlink_to("nowhere.json")
    with pytest.raises(UserError, match="is there already"):
        score_file(folder / "in.parquet", folder / "out.parquet", config)
    assert not (folder / "nowhere.json").exists()


def test_a_link_in_the_place_of_the_scores_is_refused(folder, config):
    (folder / "new.parquet").symlink_to("nowhere.parquet")
    with pytest.raises(UserError, match="holds no scores"):
        score_file(folder / "in.parquet", folder / "new.parquet", config)
    assert (folder / "new.parquet").is_symlink()
    assert not (folder / "new.calibration.json").exists()


def test_missing_curves_are_written_again_from_the_scores(folder, config):
    curves = folder / "out.calibration.json"
    before = curves.read_bytes()
    curves.unlink()
    assert score_file(folder / "in.parquet", folder / "out.parquet", config).reused
    assert curves.read_bytes() == before
    curves.write_text("mine")
    with pytest.raises(UserError, match=r"is not the calibration that was fitted.*Move it"):
        score_file(folder / "in.parquet", folder / "out.parquet", config)
    assert curves.read_text() == "mine"


def test_killed_between_the_two_files(folder, config, monkeypatch):
    new = folder / "new.parquet"

    def killed(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scored_file, "_write_curves", killed)
        with pytest.raises(KeyboardInterrupt):
            score_file(folder / "in.parquet", new, config)
    assert not (folder / "new.calibration.json").exists()
    assert score_file(folder / "in.parquet", new, config).reused
    assert set(json.loads((folder / "new.calibration.json").read_text())) == {
        *("semantic", "factual", "value")
    }


def test_given_curves_write_none(folder, config):
    given = folder / "out.calibration.json"
    before = given.read_bytes()
    score_file(folder / "in.parquet", folder / "new.parquet", config, given)
    assert not (folder / "new.calibration.json").exists()
    assert given.read_bytes() == before
