"""Where a server draws the answers, shards are scored meanwhile; the rows are the same."""

import json
import threading
import time

import msgspec
import polars as pl
import pytest
from answering_server import AnsweringServer, choice, reply
from misbehaving_server import MisbehavingServer

from udasa_data import UserError, build, resolve
from udasa_data.pipeline.executors.local import LocalExecutor
from udasa_data.progress import Silent

THINGS = "abcdefghijkl"  # twelve prompts in three shards
FIRST = set("abcd")
PATIENCE = 60.0


@pytest.fixture(scope="module")
def files(small_config, tmp_path_factory):
    """A configuration without a policy, and a file of prompts."""
    folder = tmp_path_factory.mktemp("beside")
    lines = small_config.read_text().splitlines(keepends=True)
    config, prompts = folder / "served.yaml", folder / "p.txt"
    config.write_text("".join(line for line in lines if not line.startswith("policy")))
    prompts.write_text("".join(f"Say something about {thing}.\n" for thing in THINGS))
    return config, prompts


def config_of(files, server, **sections):
    served = {"base_url": server.url, "in_flight": 4}
    flags = {"engine": "openai", "server": served, "prompts": [str(files[1])], **sections}
    return resolve("some-model", flags, file=files[0])


def same_rows(one, other):
    names = sorted(path.relative_to(one) for path in one.glob("s*/*.parquet"))
    assert len(names) == 12  # samples and scores of three shards, each with what it dropped
    for name in [*names, "pairs.parquet", "dropped.parquet"]:
        mine, whole = (pl.read_parquet(folder / name) for folder in (other, one))
        assert mine.equals(whole, null_equal=True), name


def until(holds):
    """Wait until something holds; return whether it came to."""
    deadline = time.monotonic() + PATIENCE
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return held


def asks_of(body):
    return body["messages"][-1]["content"].removeprefix("Say something about ")[0]


class Holding(AnsweringServer):
    """Answers the first shard's prompts at once, and the others when something holds."""

    def __init__(self, holds):
        super().__init__(self._answers)
        self.holds, self.kept = holds, True

    def _answers(self, _path, body):
        thing = asks_of(body)
        if thing in THINGS and thing not in FIRST:
            self.kept &= bool(until(self.holds))
        words = ("Rice.", "Water, warm.", "The moon is far.", "It is a good film.")
        return 200, reply(body, lambda k: choice(f"{words[k]} {thing}", k))


class Steps(Silent):
    """Notes what is reported."""

    def __init__(self):
        self.steps, self.words = {}, []

    def start(self, step, total, done):
        self.steps[step] = [total, done]

    def advance(self, prompts, tokens=0):  # noqa: ARG002 (of the protocol)
        list(self.steps.values())[-1][1] += prompts

    def tell(self, words):
        self.words.append(words)


def test_rows_are_those_of_one_step_after_the_other(files, tmp_path):
    with MisbehavingServer(seconds=0.02) as server:
        for name, beside in (("after", False), ("beside", True)):
            executor = LocalExecutor(cache=tmp_path / f"{name}.sqlite", beside=beside)
            build(config_of(files, server), tmp_path / name, executor=executor)
    same_rows(tmp_path / "after", tmp_path / "beside")


def test_a_shard_is_scored_while_the_next_is_drawn(files, tmp_path):
    progress = Steps()
    scored = tmp_path / "run" / "scores"
    with Holding(lambda: list(scored.glob("00000-*.json"))) as server:
        build(config_of(files, server), tmp_path / "run", progress)
    assert server.kept
    # of twelve prompts four were scored when the others were answered
    assert progress.steps["samples"] == [12, 12]
    total, done = progress.steps["scores"]
    assert (total, done) == (12, pytest.approx(12))
    assert progress.words[0] == "0 of 12 scored"
    assert progress.words[-1] in {f"{n} of 12 scored" for n in range(4, 13)}
    used = json.loads((tmp_path / "run" / "manifest.json").read_text())["usage"]
    assert used["requests"] == 12


def test_what_ends_the_scoring_ends_the_sampling(files, tmp_path):
    def gone():
        return all(thread.name != "scoring" for thread in threading.enumerate())

    with Holding(gone) as server:
        plain = server.answer

        def without_logprobs(path, body):
            status, found = plain(path, body)
            for one in found["choices"]:
                one["logprobs"] = None
            return status, found

        server.answer = without_logprobs
        config = config_of(files, server, scoring={"semantic": "cocoa"})
        config = msgspec.structs.replace(
            config, server=msgspec.structs.replace(config.server, in_flight=1)
        )
        with pytest.raises(UserError, match="needs each answer's log-probability"):
            build(config, tmp_path / "run")
        asked = {asks_of(body) for body in server.bodies} & set(THINGS)
    # the error is seen when the second shard is whole; one more prompt may be in flight
    assert set("abcdefgh") <= asked < set(THINGS)


def test_a_damaged_shard_of_samples_is_made_again(files, tmp_path):
    with MisbehavingServer() as server:
        config = config_of(files, server)
        build(config, tmp_path / "whole", executor=LocalExecutor(cache=tmp_path / "a.sqlite"))
        build(config, tmp_path / "run", executor=LocalExecutor(cache=tmp_path / "b.sqlite"))
        for path in (tmp_path / "run" / "scores").glob("0*"):
            path.unlink()
        for path in (tmp_path / "run" / "samples").glob("00002-*"):
            path.unlink()
        (damaged,) = (tmp_path / "run" / "samples").glob("00001-????????????????.parquet")
        damaged.write_bytes(damaged.read_bytes()[:-1])
        (tmp_path / "run" / "pairs.parquet").unlink()  # the run is not finished
        progress = Said()
        again = LocalExecutor(cache=tmp_path / "b.sqlite")
        build(config, tmp_path / "run", progress, again)
    assert "shard 1 of samples is damaged, made again" in progress.words
    same_rows(tmp_path / "whole", tmp_path / "run")


class Said(Steps):
    """Notes words alone."""

    def advance(self, prompts, tokens=0):
        """Ignore it."""


def test_an_end_amid_the_sampling_ends_the_scoring(files, tmp_path):
    class Ending(Silent):
        def advance(self, prompts, tokens=0):  # noqa: ARG002 (of the protocol)
            if prompts:
                raise KeyboardInterrupt

    with MisbehavingServer() as server:
        config = config_of(files, server)
        with pytest.raises(KeyboardInterrupt):
            build(config, tmp_path / "run", Ending())
        assert until(lambda: all(thread.name != "scoring" for thread in threading.enumerate()))
        build(config, tmp_path / "whole")
        build(config, tmp_path / "run")
    same_rows(tmp_path / "whole", tmp_path / "run")
