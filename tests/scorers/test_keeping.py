"""Scores that a killed run had made are in the cache, and what it then makes is the same."""

import numpy as np
import pytest
from test_scorers import EXACT, nli

from udasa_data.scorers import TextPair, batching
from udasa_data.scorers.cache import ScoreCache

PAIRS = [TextPair("word " * (1 + n % 7) + str(n), "other " * (1 + n % 5)) for n in range(120)]


def test_a_kill_costs_the_batches_since_the_last_write(small, tmp_path, monkeypatch):
    monkeypatch.setattr(batching, "KEEP_EVERY", 0.0)
    monkeypatch.setitem(batching.BATCH_TOKENS, "cpu", 200)
    undisturbed = nli(small["nli"], EXACT)(PAIRS, lambda _n: None)
    cache = ScoreCache(tmp_path / "scores.sqlite")
    options = EXACT._replace(cache=cache)
    done = []

    def stop(n):
        done.append(n)
        if sum(done) > 60:
            raise KeyboardInterrupt

    killed = nli(small["nli"], options)
    with pytest.raises(KeyboardInterrupt):
        killed(PAIRS, stop)
    known = cache.get(killed._loaded.space, PAIRS).rows
    assert len(known) == pytest.approx(sum(done), abs=1)
    assert 60 < len(known) < 120
    forwarded = []
    resumed = nli(small["nli"], options)
    monkeypatch.setattr(
        batching, "_forward", _counted(batching._forward, forwarded)
    )  # of torch's own work, counted only
    again = resumed(PAIRS, lambda _n: None)
    assert sum(forwarded) == 120 - len(known)
    for a, b in zip(undisturbed, again, strict=True):
        assert np.array_equal(a, b)  # to the bit


def _counted(forward, rows):
    def run(loaded, inputs):
        rows.append(len(inputs["input_ids"]))
        return forward(loaded, inputs)

    return run
