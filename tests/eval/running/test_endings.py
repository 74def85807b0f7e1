"""Why answers ended: counted by task, and told where many were cut."""

import polars as pl

from udasa_data.schema import Axis
from udasa_eval.results import GENERATIONS, Decoding, Pinned, TaskRecord
from udasa_eval.running.endings import of_cut_answers, with_endings


def record(name, mode="chat", max_tokens=64):
    return TaskRecord(
        name=name,
        axis=Axis.HELPFULNESS,
        fingerprint="x",
        dataset=Pinned(id="d", revision=None, fingerprint="x"),
        mode=mode,
        decoding=Decoding(temperature=0.0, top_p=1.0, max_tokens=max_tokens, samples=1, seed=0),
        headline="reward",
        documents=1,
        set_aside={},
    )


def answers(task, *reasons, reasoning=""):
    rows = [
        {"task": task, "text": "a", "finish_reason": reason, "reasoning": reasoning}
        for reason in reasons
    ]
    return pl.DataFrame(rows, schema=GENERATIONS)


def test_reasons_and_thoughts_are_counted_by_task():
    table = pl.concat(
        [answers("a", "stop", "length", "stop", reasoning="<think>x"), answers("b", None, "stop")]
    )
    a, b, c = with_endings([record("a"), record("b"), record("c")], table)
    assert (a.finish_reasons, a.thinking) == ({"stop": 2, "length": 1}, 3)
    # one could not be asked
    assert (b.finish_reasons, b.thinking) == ({"stop": 1}, 0)
    assert (c.finish_reasons, c.thinking) == ({}, 0)


def test_cut_answers_are_told_with_what_raises_the_budget():
    table = pl.concat(
        [
            answers("a", *["length"] * 3, *["stop"] * 97, reasoning="<think>x"),
            answers("b", *["length"] * 2, *["stop"] * 98),  # two in a hundred are let pass
            answers("c", "length"),
        ]
    )
    records = [record("a"), record("b"), record("c", mode="completion")]
    (line,) = of_cut_answers(with_endings(records, table))
    assert line.startswith("a: 3 of 100 answers were cut at 64 tokens")
    assert "--thoughts N" in line
