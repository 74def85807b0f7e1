"""Why something is missing from a build, and what can be loaded all the same."""

import polars as pl
import pytest

from udasa_data import resolve
from udasa_data.pairing.stages import assign_stages
from udasa_data.runs import FileRecord, loadable, stage_notes, why_no_pairs
from udasa_data.runs.outcome import _REMEDIES
from udasa_data.schema import DROPPED, Why

SAMPLES = pl.DataFrame({"prompt_id": ["p"]})
P = "p_chosen_better"
NONE = pl.DataFrame(schema={"prompt_id": pl.String, P: pl.Float64, "stage": pl.String})


def left_out(*rows):
    table = [{"what": what, "why": str(why), "detail": detail} for what, why, detail in rows]
    return pl.DataFrame(table, schema=DROPPED, orient="row")


def pairs(*gaps, cutoffs=None):
    ids = [f"prompt {n}" for n in range(len(gaps))]
    table = pl.DataFrame({"prompt_id": ids, P: gaps}, schema_overrides={P: float})
    return assign_stages(table, cutoffs).pairs


def test_the_reason_that_took_most_is_named_with_what_to_do():
    dropped = left_out(
        ("row", Why.MALFORMED, "row 1"),
        ("row", Why.MALFORMED, "row 2"),
        ("row", Why.MALFORMED, "row 3"),
        ("sample", Why.EMPTY_SAMPLE, None),
        ("pair", Why.TRUNCATED, None),
        ("pair", Why.TRUNCATED, None),
        ("prompt", Why.TOO_LONG, "300 tokens"),
    )
    assert why_no_pairs(SAMPLES, NONE, dropped) == (
        "no pairs: 2 of 3 prompts are left out as truncated; raise sampling.max_tokens "
        "(--max-tokens), at which the answers were cut"
    )
    assert why_no_pairs(SAMPLES, pairs(0.5), dropped) is None


def test_without_samples_what_was_said_of_the_first_prompt_is_shown():
    dropped = left_out(("prompt", Why.SERVER_REFUSED, "no such\nmodel"))
    assert why_no_pairs(NONE, NONE, dropped) == (
        "no samples: 1 of 1 prompts are left out as server refused (no such model); see what the "
        "server said"
    )
    assert why_no_pairs(NONE, NONE, left_out()) == "no samples: no prompt was left"


def test_every_reason_of_a_prompt_or_pair_has_its_remedy():
    of_rows = {Why.EMPTY_PROMPT, Why.DUPLICATE, Why.NEAR_DUPLICATE}
    others = of_rows | {Why.EMPTY_SAMPLE, Why.CONTENT_FILTER}  # and of samples
    assert set(_REMEDIES) == set(Why) - others


def test_a_stage_without_pairs_is_noted():
    config = resolve("tiny", {"held_out": 0.0})
    assert stage_notes(pairs(0.1, 0.2, 0.3), config) == []
    assert stage_notes(NONE, config) == []  # said otherwise
    (first, second) = stage_notes(pairs(0.25), config)  # all tertiles are .25: all is conservative
    assert first.startswith("stage moderate has no pairs: too few pairs differ in P(chosen better)")
    assert second.startswith("stage exploratory has no pairs")
    cut = resolve("tiny", {"held_out": 0.0, "stages": {"cutoffs": [0.98, 0.99]}})
    notes = stage_notes(pairs(0.1, 0.2, 0.4, cutoffs=(0.98, 0.99)), cut)
    assert [note.partition(" has")[0] for note in notes] == ["stage conservative", "stage moderate"]
    assert "P(chosen better) goes from 0.100 to 0.400, the cut-offs are 0.98, 0.99" in notes[0]


def test_pairs_that_are_all_held_out_are_noted():
    all_held = resolve("tiny", {"held_out": 0.999999})
    (note,) = stage_notes(pairs(0.1, 0.2, 0.3), all_held)
    assert note.startswith("all 3 pairs are held out (split test), none is left to train on")
    half = resolve("tiny", {"held_out": 0.5})  # by their hashes, 0 and 1 are train, 4 is test
    (note,) = stage_notes(pairs(0.1, 0.2, 0.0, 0.15, 0.9, cutoffs=(0.05, 0.8)), half)[:1]
    assert note == (
        "stage conservative: its 1 pairs are all held out (split test): lower held_out, or take "
        "more prompts"
    )


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([("samples", "train"), ("moderate", "train"), ("conservative", "test")], 1),
        ([("samples", "train"), ("exploratory", "test")], 1),
        ([("dropped", "train"), ("samples", "test")], 1),
        ([("dropped", "train")], 0),
    ],
)
def test_what_can_be_loaded(there, expected):
    files = [FileRecord("0" * 64, 1, config, split) for config, split in there]
    assert loadable(files) == there[expected]
    assert loadable([]) is None
