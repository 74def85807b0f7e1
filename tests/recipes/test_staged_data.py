"""Datasets of the wrong shape: one clear line each."""

import pytest
from small_dataset import save_dataset

from udasa_data.errors import UserError
from udasa_recipes.staged.data import load_split, open_source


def test_rows_are_all_there(tmp_path):
    split = load_split(open_source(str(save_dataset(tmp_path, train=7, test=3))), "moderate")
    assert (len(split.train), len(split.test)) == (7, 3)
    assert load_split(open_source(str(tmp_path)), "all").train.height == 21  # 3 stages of 7


def test_the_fingerprint_is_of_the_rows(tmp_path):
    one, two, other = (save_dataset(tmp_path / n, train=5 + (n == "c")) for n in "abc")
    prints = [load_split(open_source(str(f)), "moderate").fingerprint for f in (one, two, other)]
    assert prints[0] == prints[1] != prints[2]


def said(folder, name="moderate"):
    with pytest.raises(UserError) as caught:
        load_split(open_source(str(folder)), name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_column(tmp_path):
    folder = save_dataset(tmp_path, change=lambda t, *_: t.drop("rejected"))
    assert "moderate: column 'rejected' is missing" in said(folder)


def test_an_empty_stage(tmp_path):
    folder = save_dataset(tmp_path, change=lambda t, *_: t.clear())
    assert "no training pairs" in said(folder)


def test_a_stage_that_is_not_there_and_those_that_are(tmp_path):
    def without(table, stage, _split):
        return None if stage == "moderate" else table

    folder = save_dataset(tmp_path, change=without)
    assert "this one has conservative, exploratory): leave it out of 'order'" in said(folder)


def test_strings_in_place_of_messages(tmp_path):
    import polars as pl

    flat = pl.col("chosen").list.first().struct.field("content").alias("chosen")
    folder = save_dataset(tmp_path, change=lambda t, *_: t.with_columns(flat))
    assert "column 'chosen' holds String, not message lists" in said(folder)


def test_an_answer_without_messages(tmp_path):
    import polars as pl

    empty = pl.col("rejected").list.head(0)
    folder = save_dataset(tmp_path, change=lambda t, *_: t.with_columns(empty))
    assert "column 'rejected' is empty in 12 rows" in said(folder)


def test_an_unknown_configuration(tmp_path):
    assert "no configuration 'modrate' (did you mean 'moderate'?)" in said(
        save_dataset(tmp_path), "modrate"
    )


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        open_source(str(tmp_path / "nothing"))


def test_a_mistyped_folder_is_not_looked_up_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    with pytest.raises(UserError, match=r"no such folder \(did you mean 'runs/demo'\?\)"):
        open_source("runs/demos")


def test_a_damaged_manifest(tmp_path):
    folder = save_dataset(tmp_path)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="not the manifest of a dataset"):
        open_source(str(folder))


def test_a_folder_that_is_no_dataset(tmp_path):
    assert "cannot be read" in said(tmp_path)
