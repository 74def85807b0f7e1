import json

import polars as pl
import pytest

from udasa_data import build, resolve


@pytest.fixture(scope="session")
def shared_config(small_config, tmp_path_factory):
    """Twelve short prompts in six shards, three answers each."""
    folder = tmp_path_factory.mktemp("shared")
    prompts = folder / "prompts.jsonl"
    rows = [{"prompt": f"Say something about {thing}."} for thing in "abcd"]
    # reviews may end at the token limit, where random weights always end, and still make pairs
    review = {"axis": "sentiment", "mode": "completion"}
    rows += [{"prompt": f"The film about {thing}", **review} for thing in "efghijkl"]
    prompts.write_text("\n".join(map(json.dumps, rows)))
    flags = {
        "prompts": [str(prompts)],
        "sampling": {"samples": 4, "max_tokens": 40},
        "shard_size": 2,
    }
    return resolve("tiny", flags, file=small_config)


@pytest.fixture(scope="session")
def whole(shared_config, tmp_path_factory):
    """The same build, made by the local executor in one go."""
    return build(shared_config, tmp_path_factory.mktemp("whole") / "run").out


@pytest.fixture(scope="session")
def same_rows(whole):
    """A check that a run's tables are those of the whole run, to the last bit."""

    def check(out, read=pl.read_parquet):
        for step in ("samples", "scores"):
            names = sorted(path.name for path in (whole / step).glob("*.parquet"))
            assert len(names) == 12  # six shards, each with what it dropped
            for name in names:
                mine = read(out / step / name)
                assert mine.equals(pl.read_parquet(whole / step / name), null_equal=True), name
        for name in ("pairs.parquet", "dropped.parquet"):
            assert read(out / name).equals(pl.read_parquet(whole / name), null_equal=True), name

    return check
