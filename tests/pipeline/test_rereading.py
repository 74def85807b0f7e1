"""The prompts of a finished run are taken from it, while their sources are what they were."""

import json

import pytest

from udasa_data import UserError, build, resolve
from udasa_data.pipeline.preparation import Prepared
from udasa_data.pipeline.rereading import read_before, reading_key
from udasa_data.runs import Run

ROWS = [{"prompt": f"Say something about {thing}."} for thing in "abcdefgh"]
# two that are no prompts of their own: one repeats the first, one is empty
ROWS += [ROWS[0], {"prompt": " "}]


@pytest.fixture
def built(small_config, tmp_path):
    prompts = tmp_path / "p.jsonl"
    prompts.write_text("\n".join(map(json.dumps, ROWS)))
    config = resolve("tiny", {"prompts": [str(prompts)], "limit": 6}, file=small_config)
    build(config, tmp_path / "run")
    return config, tmp_path / "run", prompts


def again(config, out):
    run = Run(out)
    return read_before(run, reading_key(config, run.manifest["prompt_commits"]))


def test_they_are_as_they_were_read(built, tmp_path):
    config, out, _ = built
    assert again(config, out) is not None
    fresh, taken = Prepared(config, Run(tmp_path / "other")), Prepared(config, Run(out))
    assert taken.loaded.prompts.equals(fresh.loaded.prompts, null_equal=True)
    assert taken.loaded.dropped.equals(fresh.loaded.dropped, null_equal=True)
    assert len(taken.loaded.prompts) == 6
    assert taken.loaded.left_out == fresh.loaded.left_out
    # the repeated prompt was drawn, or else its repetition is left out with it
    assert {"empty_prompt"} <= {reason.why.value for reason in taken.loaded.left_out}
    assert taken.loaded.notes == fresh.loaded.notes
    assert taken.keys == fresh.keys
    assert build(config, out).reused


def test_they_are_read_where_something_is_not_as_then(built):
    config, out, prompts = built
    kept = (out / "prompts.parquet").read_bytes()
    (out / "prompts.parquet").write_bytes(kept[:-1])
    assert again(config, out) is None
    (out / "prompts.parquet").write_bytes(kept)
    assert again(config, out) is not None
    prompts.write_text(prompts.read_text().replace("about h", "about H"))
    assert again(config, out) is None
    prompts.unlink()
    assert again(config, out) is None
    with pytest.raises(UserError, match="no such file"):
        build(config, out)
