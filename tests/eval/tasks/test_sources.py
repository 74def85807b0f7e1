import hashlib
import json

import pytest
from github_server import github

from udasa_data.errors import UserError
from udasa_data.storage import github_file
from udasa_eval.tasks.fetching import fetch
from udasa_eval.tasks.sources import DatasetSpec, Part, from_sources

A = [{"question": "q1", "best": "b1"}, {"question": "q2", "best": "b2"}]
B = "Asked,choice\nq2,x\nq1,y\nq1,y again\n"
COMMITS = [letter * 40 for letter in "ab"]


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Two files of two repositories: the first of JSON, the second of CSV with its own names."""
    root = tmp_path / "github"
    for repository, name, content in (
        (f"org/a/{COMMITS[0]}", "rows.json", json.dumps(A)),
        (f"org/b/{COMMITS[1]}", "some rows.csv", B),
    ):
        (root / repository).mkdir(parents=True)
        (root / repository / name).write_text(content)
    with github(root) as address:
        monkeypatch.setenv("UDASA_GITHUB_RAW", address)
        yield (
            Part(github="org/a", revision=COMMITS[0], file="rows.json", add={"of": "a"}),
            Part(
                github="org/b",
                revision=COMMITS[1],
                file="some rows.csv",
                add={"of": "b"},
                rename={"Asked": "question"},
            ),
        )


def spec(parts, **given):
    return DatasetSpec(file="some/where.parquet", parts=tuple(parts), **given)


def test_parts_are_concatenated_with_what_says_which_they_are(parts):
    found = from_sources(spec(parts), {})
    assert found.rows["of"].to_list() == ["a", "a", "b", "b", "b"]
    assert found.pinned.id == "github:org/a, github:org/b"
    assert found.pinned.revision == ", ".join(COMMITS)


def test_parts_are_joined_on_a_column_each_row_once(parts):
    rows = from_sources(spec(parts, join="question"), {}).rows
    assert rows.select("question", "best", "choice").rows() == [
        ("q1", "b1", "y"),
        ("q2", "b2", "x"),
    ]


def test_a_column_that_is_gone_is_named(parts):
    part = Part(github="org/b", revision=COMMITS[1], file="some rows.csv", rename={"Ask": "a"})
    with pytest.raises(UserError, match=r"has no column Ask \(columns: Asked, choice\)"):
        from_sources(spec([part]), {})


def test_a_part_is_of_one_place():
    with pytest.raises(ValueError, match="of 'hub' or of 'github'"):
        Part(hub="a/b", github="a/b", file="x")
    with pytest.raises(ValueError, match="a 'file' or a 'split'"):
        Part(hub="a/b")


def test_fetch_fills_the_folder_once_and_leaves_what_is_there(parts, tmp_path):
    known = {"ours": spec(parts)}
    target = tmp_path / "data"
    fetched = []
    fetch(target, ["ours"], known=known, tell=fetched.append)
    fetch(target, ["ours"], known=known, tell=fetched.append)
    assert [(dataset.rows, dataset.was_there) for dataset in fetched] == [(5, False), (5, True)]
    origin = json.loads((target / "some/where.origin.json").read_text())
    assert origin == {"id": "github:org/a, github:org/b", "revision": ", ".join(COMMITS)}
    with pytest.raises(UserError, match="no dataset 'yours' to fetch"):
        fetch(target, ["yours"], known=known)


def test_fetch_goes_on_after_what_cannot_be_had(parts, tmp_path):
    gone = Part(github="org/gone", revision=COMMITS[0], file="rows.json")
    known = {
        "gone": DatasetSpec(file="gone.parquet", parts=(gone,)),
        "ours": spec(parts),
        "hub": DatasetSpec(file="hub.parquet", parts=(Part(hub="org/none", split="test"),)),
    }
    found = fetch(tmp_path / "data", known=known)
    assert [fetched.name for fetched in found if fetched.missing] == ["gone", "hub"]
    assert "404" in found[0].missing
    assert "--data-dir DIR that holds hub.parquet" in found[2].missing
    assert [path.name for path in (tmp_path / "data").rglob("*.parquet")] == ["where.parquet"]


def test_a_file_of_github_is_the_one_that_was_looked_up(parts, tmp_path, monkeypatch):
    monkeypatch.setenv("UDASA_CACHE", str(tmp_path / "cache"))
    asked = ("org/b", COMMITS[1], "some rows.csv")
    right = hashlib.sha256(B.encode()).hexdigest()
    assert github_file(*asked, right).read_text() == B
    monkeypatch.delenv("UDASA_GITHUB_RAW")
    # from the cache, where it is the right one; else from GitHub itself, which is not asked here
    assert github_file(*asked, right).read_text() == B
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set"):
        github_file(*asked, "0" * 64)
