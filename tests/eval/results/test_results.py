import json

import polars as pl
import pytest
from msgspec.structs import replace

from udasa_data.errors import UserError
from udasa_data.schema import Axis
from udasa_eval.results.folder import (
    GENERATIONS,
    SCORES,
    read_results,
    read_tables,
    write_results,
    write_table,
)
from udasa_eval.results.metrics import ADJUSTED, CONTROLLED
from udasa_eval.results.records import (
    SCHEMA_VERSION,
    Decoding,
    JudgeRecord,
    MetricRecord,
    Pinned,
    Results,
    TaskRecord,
    Unscored,
)
from udasa_eval.results.summary import metrics_of


def example():
    judge = JudgeRecord(role="harm", id="embedded:harm", revision=None, fingerprint="sha256:1")
    task = TaskRecord(
        name="t",
        axis=Axis.HARMLESSNESS,
        fingerprint="f",
        dataset=Pinned(id="walledai/XSTest", revision="c", fingerprint="commit:c"),
        mode="chat",
        decoding=Decoding(temperature=0.0, top_p=1.0, max_tokens=8, samples=1, seed=0),
        headline="unsafe",
        documents=2,
        set_aside={"too_long": 1},
    )
    metric = MetricRecord(
        name="unsafe",
        axis=Axis.HARMLESSNESS,
        task="t",
        value=0.5,
        stderr=0.5,
        low=0.0,
        high=1.0,
        n=2,
        unscored=0,
        direction="lower",
        kind="rate",
        headline=True,
    )
    return Results(
        schema_version=SCHEMA_VERSION,
        suite="tiny",
        axes=(Axis.HARMLESSNESS,),
        model=Pinned(id="m", revision=None, fingerprint="sha256:2"),
        engine="transformers",
        template_sha256=None,
        system_prompt=None,
        baseline=None,
        judges=(judge,),
        tasks=(task,),
        metrics=(metric,),
        unscored=(Unscored(task="t", metric="unsafe", why="judge", count=1, examples=("x",)),),
        training_data=({"repo": "o/n", "scorers": []},),
        lm_eval_version="0",
        versions={"python": "3"},
    )


def test_results_survive_the_file(tmp_path):
    write_results(tmp_path, example())
    assert read_results(tmp_path) == example()


def test_what_is_no_results_folder_is_reported_in_one_line(tmp_path):
    with pytest.raises(UserError, match="holds no results"):
        read_results(tmp_path)
    write_results(tmp_path, example())
    path = tmp_path / "results.json"
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | {"suite": "another"}))
    with pytest.raises(UserError, match="damaged: not as it was written"):
        read_results(tmp_path)
    del value["sha256"]
    path.write_text(json.dumps(value | {"schema_version": 0}))
    with pytest.raises(UserError, match="schema_version 0, this version reads 2"):
        read_results(tmp_path)
    path.write_text(json.dumps(value | {"suit": 1}))
    with pytest.raises(UserError, match="unknown key 'suit'"):
        read_results(tmp_path)
    path.write_text("{")
    with pytest.raises(UserError, match="holds no results"):
        read_results(tmp_path)


def test_tables_are_checked_when_written_and_read(tmp_path):
    row = {"task": "t", "axis": "harmlessness", "prompt_hash": "h", "metric": "unsafe"}
    table = pl.DataFrame([row | {"sample": 0, "value": None, "why": "judge"}], schema=SCORES)
    write_table(tmp_path, "scores/t", table, SCORES)
    assert read_tables(tmp_path, "scores").equals(table)
    assert read_tables(tmp_path, "generations").schema == GENERATIONS
    with pytest.raises(ValueError, match="lacks column 'why'"):
        write_table(tmp_path, "scores/t", table.drop("why"), SCORES)
    table.drop("why").write_parquet(tmp_path / "scores/t.parquet")
    with pytest.raises(UserError, match="not a table of scores"):
        read_tables(tmp_path, "scores")


def test_a_controlled_rate_without_spread_has_no_interval():
    """Each part is .4: the standard error is 0, and an interval without width says too much."""
    rows = [("t", "helpfulness", f"p{n}", None, CONTROLLED, 0.4, None) for n in range(5)]
    scores = pl.DataFrame(rows, schema=SCORES, orient="row")
    (metric,) = metrics_of(scores, {"t": CONTROLLED})
    assert (metric.value, metric.low, metric.high) == (pytest.approx(0.4), None, None)


def write_schema_1(folder):
    """As results were before length control was AlpacaEval's: our own estimator by that name."""
    scores = pl.DataFrame(
        [("t", "helpfulness", f"p{n}", None, CONTROLLED, n / 5, None) for n in range(5)],
        schema=SCORES,
        orient="row",
    )
    write_results(folder, replace(example(), metrics=tuple(metrics_of(scores, {"t": CONTROLLED}))))
    path = folder / "results.json"
    value = json.loads(path.read_text())
    del value["sha256"]
    value["tasks"][0]["headline"] = CONTROLLED
    path.write_text(json.dumps(value | {"schema_version": 1}))


def test_results_of_schema_1_are_read_by_their_new_names(tmp_path):
    write_schema_1(tmp_path)
    found = read_results(tmp_path)
    assert found.schema_version == SCHEMA_VERSION
    assert [metric.name for metric in found.metrics] == [ADJUSTED]
    assert found.tasks[0].headline == ADJUSTED
    # fitted with what alpaca_eval published: it is what its name says
    (tmp_path / "difficulties.parquet").touch()
    assert [metric.name for metric in read_results(tmp_path).metrics] == [CONTROLLED]


def test_what_schema_1_does_not_hold_is_to_be_scored_anew(tmp_path):
    """Its unsafe_compliance let one judge overrule the other."""
    write_schema_1(tmp_path)
    path = tmp_path / "results.json"
    path.write_text(path.read_text().replace(CONTROLLED, "unsafe_compliance"))
    with pytest.raises(UserError, match=f"schema_version 1, .* udasa-eval score {tmp_path} "):
        read_results(tmp_path)
