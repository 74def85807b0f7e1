import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_eval.tasks.documents import load_rows, read_documents


def read(folder, reader="harmful", dataset="advbench", limit=None):
    return read_documents(dataset, reader, data_dir=folder, limit=limit, commits={})


@pytest.fixture
def folder(tmp_path):
    goals = [f"goal {n}" for n in range(10)] + ["goal 3", ""]
    (tmp_path / "harmful_prompts").mkdir()
    path = tmp_path / "harmful_prompts/advbench_behaviors.parquet"
    pl.DataFrame({"goal": goals}).write_parquet(path)
    return tmp_path


def test_rows_set_aside_are_counted(folder):
    found = read(folder)
    assert [d["prompt"] for d in found.documents] == [f"goal {n}" for n in range(10)]
    assert found.set_aside == {"duplicate": 1, "malformed": 1}
    assert found.pinned.fingerprint.startswith("sha256:")


def test_the_same_question_of_another_category_is_a_duplicate(folder):
    path = folder / "harmful_prompts/advbench_behaviors.parquet"
    pl.DataFrame({"goal": ["a", "a", "b"], "category": ["x", "y", "y"]}).write_parquet(path)
    found = read(folder)
    assert [(d["prompt"], d["category"]) for d in found.documents] == [("a", "x"), ("b", "y")]
    assert found.set_aside == {"duplicate": 1}


def test_a_limit_takes_the_same_documents_whatever_the_order_of_the_rows(folder):
    some = [d["prompt"] for d in read(folder, limit=4).documents]
    path = folder / "harmful_prompts/advbench_behaviors.parquet"
    pl.read_parquet(path).reverse().write_parquet(path)
    assert sorted(d["prompt"] for d in read(folder, limit=4).documents) == sorted(some)
    assert len(some) == 4


def test_a_missing_file_names_the_command_that_fetches_it(tmp_path):
    with pytest.raises(UserError, match=r"udasa-eval fetch --data-dir \S+ --dataset xstest"):
        read(tmp_path, "xstest_safe", "xstest")


def test_the_hub_out_of_reach_names_the_folder_that_would_do():
    with pytest.raises(UserError, match=r"--data-dir DIR that holds xstest/prompts.parquet"):
        read_documents("xstest", "xstest_safe", data_dir=None, limit=None, commits={})


def test_unreadable_columns_and_files_are_reported(folder):
    path = folder / "harmful_prompts/advbench_behaviors.parquet"
    pl.DataFrame({"aim": ["x"]}).write_parquet(path)
    with pytest.raises(UserError, match=r"no text in .*\(columns: aim\)"):
        read(folder)
    path.write_text("no parquet")
    with pytest.raises(UserError, match="not a Parquet file"):
        read(folder)
    with pytest.raises(UserError, match=r"no dataset 'advbnch'.*did you mean 'advbench'"):
        read(folder, dataset="advbnch")


def test_a_fetched_file_has_its_commit_beside_it(folder):
    (folder / "harmful_prompts/advbench_behaviors.origin.json").write_text('{"revision": "c0"}')
    assert load_rows("advbench", data_dir=folder, commits={}).pinned.revision == "c0"
