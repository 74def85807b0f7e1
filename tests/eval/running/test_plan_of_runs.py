"""What an evaluation will take, said before its first token."""

import json

import polars as pl
import pytest

from udasa_data.preflight import Prices
from udasa_data.terminal import print_json
from udasa_eval.running import RunOptions, plan, run


def options(model, **other):
    return RunOptions(model=str(model), suite="tiny", **other)


def prompts(part):
    from udasa_eval.tasks import load_rows

    rows = load_rows("tiny", data_dir=None, commits={}).rows
    return rows.filter(pl.col("part") == part)


def test_where_nothing_is_tried_budgets_bound_what_is_written(small, tmp_path):
    question = {"kind": "question", "id": "gpt", "engine": "openai", "price": 2.0}
    question |= {"prompt": "{prompt}{answer}?", "yes": ["Yes"], "no": ["No"]}
    question |= {"options": {"server": {"base_url": "http://localhost:9/v1"}}}
    judges = tmp_path / "judges.yaml"
    judges.write_text(json.dumps({"harm": question}))  # JSON is YAML
    tasks = ("tiny_harmful", "tiny_truthful_two_choice")
    found = plan(
        options(small["policy"], tasks=tasks, judges=str(judges)),
        pilot=0,
        rate=100.0,
        prices=Prices(hour=3600.0, input_tokens=1.0, output_tokens=10.0),
    )
    harmful, choices = found.tasks
    asked = prompts("harmful")["prompt"].str.len_chars().sum()
    # 14 prompts of four answers of 48 tokens at most; four characters a token
    assert (harmful.prompts, harmful.answers) == (14, 56)
    assert harmful.output_tokens == (56 * 48, 0, 56 * 48)
    assert harmful.input_tokens.value == pytest.approx(asked / 4)
    assert harmful.seconds.value == pytest.approx(56 * 48 / 100)
    # two choices a question, each behind "Q: …\nA:" with a space before it
    rows = prompts("truthful")
    questions = rows["prompt"].str.len_chars().sum() + 24 * len("Q: \nA:")
    texts = rows["choices"].explode().str.len_chars().sum() + 48
    assert choices.input_tokens.value == pytest.approx((2 * questions + texts) / 4)
    assert (choices.answers, choices.seconds) == (0, None)
    judged = {need.role: need for need in found.judges}
    # its prompt of 17 characters and what was asked, 4 answers each; and the answers
    read = (56 * 17 + 4 * asked) / 4 + 56 * 48
    assert judged["harm"].calls == 56
    assert judged["harm"].input_tokens.value == pytest.approx(read)
    assert judged["harm"].output_tokens.value == 56  # one word each
    assert judged["harm"].money.value == pytest.approx(2.0 * read / 1e6)
    assert (judged["refusal"].calls, judged["refusal"].money) == (56, None)
    policy = (harmful.input_tokens.value + choices.input_tokens.value + 10 * 56 * 48) / 1e6
    hours = found.seconds.value  # at a price of 1 a second
    assert found.money.value == pytest.approx(policy + hours + judged["harm"].money.value)
    assert any("budgets allow" in note for note in found.notes)


def test_a_trial_of_all_prompts_is_the_truth(small, tmp_path, capsys):
    asked = options(small["policy"], tasks=("tiny_helpful",), limit=4)
    found = plan(asked, pilot=4)
    run(asked, tmp_path / "run")
    rows = pl.read_parquet(tmp_path / "run/generations/udasa_tiny_helpful.parquet")
    (task,) = found.tasks
    assert task.output_tokens == pytest.approx((rows["n_tokens"].sum(),) * 3)
    assert (found.pilot, task.answers) == (4, len(rows))
    assert set(found.judging) == {"reward", "preference"}
    assert found.seconds.value >= task.seconds.value > 0
    print_json(found)
    assert json.loads(capsys.readouterr().out)["tasks"][0]["prompts"] == 4


def test_a_few_prompts_are_projected_to_all(small):
    found = plan(options(small["policy"], tasks=("tiny_harmless",)), pilot=3)
    (task,) = found.tasks
    assert (task.prompts, found.pilot) == (14, 3)
    low, high = task.output_tokens.low, task.output_tokens.high
    assert 0 < low <= task.output_tokens.value <= high <= 2 * 56 * 48
    assert any("fewer prompts" in note for note in found.notes)
