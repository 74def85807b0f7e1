"""What is finished of a shard that is not."""

import polars as pl
import pytest

from udasa_data.runs import Part, Parts, Run, ShardFacts
from udasa_data.schema import DROPPED, SAMPLES

KEY = "a" * 64
PROMPTS = pl.DataFrame({"prompt_id": list("abcd")})


def part_of(prompt_ids, dropped="", seconds=1.0):
    """Return two samples of each prompt, and some prompts that were set aside."""
    rows = [{"prompt_id": p, "sample_id": k, "text": f"{p}{k}"} for p in prompt_ids for k in (0, 1)]
    aside = [{"prompt_id": p, "what": "prompt", "why": "too_long"} for p in dropped]
    return Part(
        pl.DataFrame(rows, schema=SAMPLES, orient="row"),
        pl.DataFrame(aside, schema=DROPPED, orient="row"),
        ShardFacts(seconds=seconds, tokens=5, notes=("a note",)),
    )


@pytest.fixture
def parts(tmp_path):
    return Parts(Run(tmp_path), KEY)


def test_parts_and_what_was_drawn_since_are_a_shard_in_the_order_of_its_prompts(parts, tmp_path):
    parts.write(3, part_of("c", "a"))
    parts.write(3, part_of("b"))
    parts.write(4, part_of("d"))
    resumed = Parts(Run(tmp_path), KEY)
    assert resumed.unanswered(3, PROMPTS)["prompt_id"].to_list() == ["d"]
    whole = resumed.joined(3, part_of("d", seconds=0.5), PROMPTS["prompt_id"])
    assert whole.samples.equals(part_of("bcd").samples)
    assert whole.dropped["prompt_id"].to_list() == ["a"]
    assert whole.facts == ShardFacts(seconds=2.5, tokens=15, notes=("a note",))
    resumed.remove(3)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [
        "00004-aaaaaaaaaaaaaaaa.000.json"
    ]
    resumed.remove_all()
    assert not (tmp_path / "parts").exists()


def test_a_prompt_in_two_parts_counts_once(parts, tmp_path):
    """As where two workers had the same shard, one after the other."""
    parts.write(0, part_of("ab"))
    parts.write(0, part_of("bc"))
    whole = parts.joined(0, part_of("cd"), PROMPTS["prompt_id"])
    assert whole.samples.equals(part_of("abcd").samples)


def test_a_damaged_part_is_drawn_again(parts, tmp_path):
    parts.write(0, part_of("a"))
    parts.write(0, part_of("b"))
    (first, _) = sorted((tmp_path / "parts").iterdir())
    first.write_text(first.read_text().replace("a0", "a1"))
    assert parts.unanswered(0, PROMPTS)["prompt_id"].to_list() == ["a", "c", "d"]


def test_parts_of_another_key_are_of_another_shard(parts, tmp_path):
    parts.write(0, part_of("a"))
    other = Parts(Run(tmp_path), "b" * 64)
    assert len(other.unanswered(0, PROMPTS)) == 4
    other.remove_all()
    assert not (tmp_path / "parts").exists()


def test_what_has_no_json_is_drawn_again(parts):
    infinite = part_of("a")
    samples = infinite.samples.with_columns(sum_logprob=pl.lit(float("-inf")))
    parts.write(0, infinite._replace(samples=samples))
    assert len(parts.unanswered(0, PROMPTS)) == 4
