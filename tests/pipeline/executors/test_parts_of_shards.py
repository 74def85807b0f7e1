"""A build that ends amid a shard resumes amid it, with the same rows to the last bit."""

import msgspec
import polars as pl
import pytest

from udasa_data import build
from udasa_data.pipeline.executors.local import LocalExecutor
from udasa_data.progress import Silent


class EndedError(Exception):
    """The process is gone."""


class Ending(Silent):
    """Ends the process when so many prompts are answered; notes what a step had to do."""

    def __init__(self, after=10**6):
        self.after = after
        self.done = {}

    def start(self, step, total, done):  # noqa: ARG002 (of the protocol)
        self.done[step] = done

    def advance(self, prompts, tokens=0):  # noqa: ARG002
        self.after -= prompts
        if self.after <= 0:
            raise EndedError


@pytest.fixture(scope="module")
def one_shard(shared_config):
    """All prompts in one shard, three batches or more.

    Another seed: scores of the same texts in other batches would be in the cache for other tests.
    """
    return msgspec.structs.replace(shared_config, shard_size=64, batch_tokens=800, seed=5)


@pytest.fixture(scope="module")
def undisturbed(one_shard, tmp_path_factory):
    return build(one_shard, tmp_path_factory.mktemp("undisturbed") / "run").out


def same_as(undisturbed, out):
    for file in ("samples/00000-*.parquet", "scores/00000-*.parquet", "pairs.parquet"):
        for path in undisturbed.glob(file):
            mine = pl.read_parquet(out / path.relative_to(undisturbed))
            assert mine.equals(pl.read_parquet(path), null_equal=True), path.name
    assert not (out / "parts").exists()


def ended(config, out, after, *, keep_every=0.0):
    """Run a build that ends amid its samples; return how many prompts were kept by then."""
    progress = Ending(after)
    with pytest.raises(EndedError):
        build(config, out, progress, LocalExecutor(keep_every=keep_every))
    return progress.done["samples"]


def test_answers_of_a_shard_that_is_not_whole_are_kept(one_shard, undisturbed, tmp_path):
    out = tmp_path / "run"
    assert ended(one_shard, out, 8) == 0
    assert not list((out / "samples").glob("*.parquet"))
    assert 0 < ended(one_shard, out, 3) < 12  # it resumes there, and ends again
    last = Ending()
    build(one_shard, out, last)
    assert 0 < last.done["samples"] < 12
    same_as(undisturbed, out)


def test_a_part_that_was_damaged_is_drawn_again(one_shard, undisturbed, tmp_path):
    out = tmp_path / "run"
    ended(one_shard, out, 8)
    for part in (out / "parts").iterdir():
        part.write_text(part.read_text()[:-9])
    build(one_shard, out)
    same_as(undisturbed, out)


def test_what_takes_less_than_two_minutes_is_no_part(one_shard, tmp_path):
    out = tmp_path / "run"
    ended(one_shard, out, 8, keep_every=120.0)
    assert not (out / "parts").exists()
