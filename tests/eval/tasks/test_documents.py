import json

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_eval.tasks.documents import DatasetSpec, Part, from_hub, load_rows, read_documents
from udasa_eval.tasks.fetching import fetch


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


@pytest.fixture
def parts(tmp_path):
    """Two parts as `datasets` loads them from files, with its own JSON builder as "repository"."""
    made = []
    for name, rows in {
        "a": [{"question": "q1", "best": "b1"}, {"question": "q2", "best": "b2"}],
        "b": [{"question": "q2", "choices": ["x"]}, {"question": "q1", "choices": ["y", "z"]}],
    }.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        made.append(Part(hub="json", data_files=str(path), split="train", add={"of": name}))
    return tuple(made)


def test_parts_are_concatenated_with_what_says_which_they_are(parts):
    found = from_hub(DatasetSpec(file="f.parquet", parts=parts), {"json": "c0ffee"})
    assert found.rows["of"].to_list() == ["a", "a", "b", "b"]
    assert found.pinned.revision == "c0ffee"
    assert found.pinned.fingerprint == "commit:c0ffee"


def test_parts_are_joined_on_a_column(parts):
    spec = DatasetSpec(file="f.parquet", parts=parts, join="question")
    rows = from_hub(spec, {"json": "c0ffee"}).rows
    assert rows.select("question", "best", "choices").rows() == [
        ("q1", "b1", ["y", "z"]),
        ("q2", "b2", ["x"]),
    ]


def test_fetch_fills_the_folder_once_and_leaves_what_is_there(parts, tmp_path):
    known = {"ours": DatasetSpec(file="some/where.parquet", parts=parts)}
    target = tmp_path / "data"
    fetched = []
    arguments = {"known": known, "commits": {"json": "c0ffee"}, "tell": fetched.append}
    fetch(target, ["ours"], **arguments)
    fetch(target, ["ours"], **arguments)
    assert [(dataset.rows, dataset.was_there) for dataset in fetched] == [(4, False), (4, True)]
    origin = json.loads((target / "some/where.origin.json").read_text())
    assert origin == {"id": "json", "revision": "c0ffee"}
    with pytest.raises(UserError, match="no dataset 'yours' to fetch"):
        fetch(target, ["yours"], **arguments)


def test_a_fetched_file_has_its_commit_beside_it(folder):
    (folder / "harmful_prompts/advbench_behaviors.origin.json").write_text('{"revision": "c0"}')
    assert load_rows("advbench", data_dir=folder, commits={}).pinned.revision == "c0"


def test_a_part_that_cannot_be_loaded_is_reported(tmp_path):
    part = Part(hub="json", data_files=str(tmp_path / "none.jsonl"), split="train")
    with pytest.raises(UserError, match="dataset 'json' cannot be loaded"):
        from_hub(DatasetSpec(file="f.parquet", parts=(part,)), {"json": "c0ffee"})
