import errno
import subprocess
import sys

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_data.runs.sealing import key_of
from udasa_data.runs.shards import Shards
from udasa_data.runs.store import Run, differing
from udasa_data.schema import SAMPLES, empty, require
from udasa_data.storage.writing import replace_folder, write_atomically


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="no space left"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_one_clear_line(tmp_path):
    """A real file system of 64 KiB, in a mount namespace of its own."""
    program = (
        "import polars as pl, sys; from pathlib import Path\n"
        "from udasa_data.errors import UserError; from udasa_data.runs.store import Run\n"
        f"run = Run(Path({str(tmp_path)!r}))\n"
        "table = pl.DataFrame({'x': pl.Series(range(400_000)).shuffle(0)})\n"
        "try: run.write_table('t.parquet', table)\n"
        "except UserError as e: print(e); print(sorted(p.name for p in run.root.iterdir()))"
    )
    mount = f'mount -t tmpfs -o size=64k tmpfs {tmp_path} && exec {sys.executable} -c "$0"'
    command = ["unshare", "-rm", "sh", "-c", mount, program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()}")
    assert "no space left on the device" in done.stdout, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_keys_differ_with_every_part():
    assert key_of(1, "a") == key_of(1, "a")
    assert len({key_of(1, "a"), key_of("1", "a"), key_of(1, "b"), key_of([1, "a"])}) == 4


def test_shards(tmp_path):
    run = Run(tmp_path)
    shards = Shards(run, "samples", "a" * 64, 3)
    one = pl.DataFrame({"x": [1]})
    shards.write(1, one, one.clear())
    assert shards.missing() == [0, 2]
    other = Shards(run, "samples", "b" * 64, 3)
    assert other.missing() == [0, 1, 2]
    other.remove_others()
    assert shards.missing() == [0, 1, 2]


def test_two_builds_in_one_directory(tmp_path):
    with Run(tmp_path).locked(), pytest.raises(UserError, match="another build"):
        Run(tmp_path).locked().__enter__()


def test_a_damaged_manifest_is_read_from_its_copy(tmp_path):
    run = Run(tmp_path)
    run.save_manifest(seed=1)
    (tmp_path / "manifest.json").write_text("{")
    assert Run(tmp_path).manifest == {"seed": 1}
    flipped = (tmp_path / "manifest.copy.json").read_text().replace('"seed": 1', '"seed": 2')
    (tmp_path / "manifest.json").write_text(flipped)  # another value under the old hash
    assert Run(tmp_path).manifest == {"seed": 1}
    (tmp_path / "manifest.copy.json").write_text("[1, 2]")
    assert Run(tmp_path).manifest == {}


def test_the_manifest_is_written_after_its_copy(tmp_path):
    """A kill between the two leaves a manifest that does not yet say what the copy says."""
    run = Run(tmp_path)
    run.save_manifest(seed=1)
    before = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").mkdir()  # it cannot be written
    with pytest.raises(UserError):
        run.save_manifest(seed=2)
    (tmp_path / "manifest.json").rmdir()
    (tmp_path / "manifest.json").write_bytes(before)
    assert Run(tmp_path).manifest == {"seed": 1}
    assert not Run(tmp_path).is_kept_twice
    run.save_manifest()
    assert Run(tmp_path).is_kept_twice


def test_a_run_of_an_earlier_version_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"sampled_from": {}}')
    with pytest.raises(UserError, match="an earlier version made this run of udasa-data"):
        Run(tmp_path)


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "dataset"
    replace_folder(target, lambda folder: (folder / "a").write_text("1"), "ab".__contains__)
    replace_folder(target, lambda folder: (folder / "b").write_text("2"), "ab".__contains__)
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["dataset"]


def test_an_unwritable_place(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Run(tmp_path / "file" / "run").locked().__enter__()
    with pytest.raises(UserError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "x", lambda p: None)
    with pytest.raises(UserError, match="cannot be written"):
        replace_folder(tmp_path / "file" / "x", lambda p: None, bool)


def test_differences_in_words():
    assert differing({"a": 1, "b": 2}, {"a": 1, "b": "x" * 50}) == [f"b (2 → {'x' * 37}…)"]


def test_require():
    with pytest.raises(ValueError, match="lacks column 'text'"):
        require(empty(SAMPLES).drop("text"), SAMPLES, "samples")
    with pytest.raises(ValueError, match="column 'text': Int64"):
        require(empty(SAMPLES).with_columns(text=pl.lit(1, pl.Int64)), SAMPLES, "samples")
