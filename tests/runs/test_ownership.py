"""Nothing of the user's is replaced or deleted, and what was damaged is made again."""

import json
import shutil
import subprocess
import sys

import msgspec
import polars as pl
import pytest
from folder_contents import everything

from udasa_data import build, resolve
from udasa_data.errors import UserError
from udasa_data.runs.layout import BUILD, is_dataset_file, is_shard_file
from udasa_data.runs.shards import DamagedShardError, Shards
from udasa_data.runs.store import Run
from udasa_data.storage import replace_folder


@pytest.fixture(scope="module")
def config(small_config, tmp_path_factory):
    """Six reviews to be continued, which may end at the token limit and still make pairs."""
    prompts = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    review = {"axis": "sentiment", "mode": "completion"}
    lines = [json.dumps({"prompt": f"The film about {thing}", **review}) for thing in "abcdef"]
    prompts.write_text("\n".join(lines))
    return resolve("tiny", {"prompts": [str(prompts)], "shard_size": 2}, file=small_config)


def changed(config):
    """Another share held out: paired anew, from the scores that are there."""
    return msgspec.structs.replace(config, held_out=0.5)


@pytest.mark.parametrize(
    "name",
    ["samples/mine.wav", "scores/x.csv", "dataset/a.txt", "config.yaml", ".tmp-mine", "deep/er/x"],
)
def test_a_folder_of_another_is_refused_untouched(tmp_path, config, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no run of udasa-data"):
        build(config, tmp_path)
    assert everything(tmp_path) == {name: b"mine"}


def test_a_manifest_of_another_makes_no_run(tmp_path, config):
    (tmp_path / "manifest.json").write_text('{"name": "a web app", "icons": []}')
    with pytest.raises(UserError, match="is not empty"):
        build(config, tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path, config):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="is no folder"):
        build(config, tmp_path / "out")


@pytest.fixture(scope="module")
def made(config, tmp_path_factory):
    """A finished build, to be copied."""
    out = tmp_path_factory.mktemp("made") / "run"
    build(config, out)
    return out


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


def test_what_others_put_into_a_run_stays(run, config, tmp_path):
    """A new pairing replaces tables, shards of another key and the dataset: and nothing else."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "notes.txt").write_text("mine")
    foreign = {
        "samples/mine.wav": "mine",
        "scores/00000-notes.parquet": "mine",
        "dataset/child/dataset/manifest.json": "mine",
        "dataset/data/mine.parquet": "mine",
        ".tmp-mine": "mine",
        ".tmp-0123456789ab-mine.txt": "mine",
        "nested/.tmp-0123456789ab-pairs.parquet": "mine",
        ".ipynb_checkpoints/x": "mine",
        ".DS_Store": "mine",
    }
    for name, content in foreign.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (run / ".tmp-0123456789ab-dropped.parquet").symlink_to(tmp_path / "elsewhere" / "notes.txt")
    (run / ".tmp-0123456789ab-dataset").symlink_to(tmp_path / "elsewhere")
    left_over = run / ".tmp-0123456789ab-pairs.parquet"
    left_over.write_text("half of ours")
    before = pl.read_parquet(run / "pairs.parquet")

    build(changed(config), run)

    after = everything(run)
    assert {name: after[name] for name in foreign} == dict.fromkeys(foreign, b"mine")
    assert after[".tmp-0123456789ab-dropped.parquet"] == str(tmp_path / "elsewhere" / "notes.txt")
    assert everything(tmp_path / "elsewhere") == {"notes.txt": b"mine"}
    assert not left_over.exists()
    assert pl.read_parquet(run / "pairs.parquet").equals(before)  # other splits, the same pairs


def test_a_dataset_that_is_a_link_is_refused(run, config, tmp_path):
    (run / "dataset").rename(tmp_path / "theirs")
    (run / "dataset").symlink_to(tmp_path / "theirs")
    before = everything(tmp_path / "theirs")
    with pytest.raises(UserError, match="is a link or a file"):
        build(changed(config), run)
    assert everything(tmp_path / "theirs") == before


def test_a_run_inside_of_a_run_is_not_tidied(run):
    """A build in ``runs/`` leaves the temporaries of a build in ``runs/child`` alone."""
    child = run / "child" / ".tmp-0123456789ab-pairs.parquet"
    child.parent.mkdir()
    child.write_text("of a build under way")
    with Run(run).locked():
        assert child.exists()


def test_names_of_ours():
    assert is_shard_file("00012-0123456789abcdef.dropped.parquet")
    assert is_shard_file("123456-0123456789abcdef.json")
    assert not is_shard_file("00012-notes.parquet")
    assert is_dataset_file("data/samples/test-0123456789ab.parquet")
    assert is_dataset_file("data/moderate/train-00003-0123456789ab.parquet")
    assert not is_dataset_file("data/mine.parquet")
    assert not is_dataset_file("child/README.md")
    assert BUILD.files >= {"manifest.json", "pairs.parquet", "config.yaml"}


# -- damage ---------------------------------------------------------------------------------


def rows(run):
    return [pl.read_parquet(run / name) for name in ("pairs.parquet", "dropped.parquet")]


def damage(path, how):
    """Flip a bit in the middle of a file, tear it there, or take it away."""
    content = path.read_bytes()
    middle = len(content) // 2
    if how == "flipped":
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif how == "torn":
        path.write_bytes(content[:middle])
    else:
        path.unlink()


@pytest.mark.parametrize("ending", ["parquet", "dropped.parquet", "json"])
@pytest.mark.parametrize("how", ["flipped", "torn", "missing"])
def test_damaged_shards_are_made_again(run, config, ending, how):
    before = rows(run)
    for number, step in enumerate(("samples", "scores")):
        (first,) = (run / step).glob(f"{number:05d}-*[0-9a-f].json")
        damage(first.with_suffix(f".{ending}"), how)
    (run / "pairs.parquet").unlink()  # so that the shards are read
    build(config, run)
    assert all(old.equals(new) for old, new in zip(before, rows(run), strict=True))


@pytest.mark.parametrize("how", ["flipped", "torn", "missing"])
def test_damaged_files_of_a_finished_run_are_made_again(run, config, how):
    data = min((run / "dataset" / "data").rglob("*.parquet")).relative_to(run).as_posix()
    names = [
        *("pairs.parquet", "dropped.parquet", "prompts.parquet", "calibration.json"),
        *("config.yaml", "dataset/README.md", "dataset/manifest.json", data),
    ]
    whole = {name: (run / name).read_bytes() for name in names}
    for name in names:
        assert Run(run).is_whole(name.partition("/")[0])
        damage(run / name, how)
        assert not Run(run).is_whole(name.partition("/")[0]), name  # one alone is noticed
        if name != names[-1]:
            (run / name).write_bytes(whole[name])
    for name in names:
        (run / name).write_bytes(whole[name])
        damage(run / name, how)
    assert not build(config, run).reused
    same = {name for name in names if (run / name).read_bytes() == whole[name]}
    assert same >= set(names) - {"dataset/README.md", "dataset/manifest.json"}  # which have costs
    assert build(config, run).reused


def test_both_manifests_damaged_the_shards_are_taken(run, config):
    made = {path: path.stat().st_mtime_ns for path in (run / "samples").glob("*.parquet")}
    before = rows(run)
    for name in ("manifest.json", "manifest.copy.json"):
        (run / name).write_text("{")
    build(config, run)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert all(old.equals(new) for old, new in zip(before, rows(run), strict=True))


def test_a_shard_is_checked_before_it_is_parsed(tmp_path):
    shards = Shards(Run(tmp_path), "samples", "a" * 64, 1)
    table = pl.DataFrame({"text": ["a word"]})
    shards.write(0, table, table.clear())
    path = tmp_path / "samples" / f"00000-{'a' * 16}.parquet"
    content = path.read_bytes().replace(b"a word", b"a ward")
    path.write_bytes(content)
    assert pl.read_parquet(path)["text"].to_list() == ["a ward"]  # polars has no objection
    with pytest.raises(DamagedShardError, match="shard 0 of samples"):
        shards.read(0)


def test_paths_are_no_patterns(run, config, tmp_path):
    place = run.rename(tmp_path / "a[b]*?")
    command = [sys.executable, "-m", "udasa_data", "show", str(place)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Δu" in shown.stdout
    assert not build(changed(config), place).reused


def test_a_level_that_is_a_link_is_refused(run, config, tmp_path):
    (run / "samples").rename(tmp_path / "theirs")
    (run / "samples").symlink_to(tmp_path / "theirs")
    before = everything(tmp_path / "theirs")
    with pytest.raises(UserError, match="leads through a link"):
        build(changed(config), run)
    assert everything(tmp_path / "theirs") == before


def test_processes_that_come_at_once_do_not_refuse_each_other(tmp_path):
    (tmp_path / ".tmp-0123456789ab-.lock").write_text("of another that has just begun")
    Run(tmp_path).claim()


def test_an_empty_folder_of_another_stays_in_a_dataset(tmp_path):
    target = tmp_path / "dataset"
    for content in ("old", "new"):
        replace_folder(
            target, lambda f, c=content: (f / "README.md").write_text(c), is_dataset_file
        )
        (target / "mine").mkdir(exist_ok=True)
    assert (target / "README.md").read_text() == "new"
    assert (target / "mine").is_dir()


def test_a_damaged_manifest_of_a_finished_run_is_written_again(run, config, tmp_path):
    for name in ("manifest.json", "manifest.copy.json"):
        out = tmp_path / name
        shutil.copytree(run, out)
        whole = (out / name).read_bytes()
        (out / name).write_bytes(whole[:100])
        assert build(config, out).reused
        assert (out / name).read_bytes() == whole
