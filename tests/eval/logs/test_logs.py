import json
import math

import forked
import pytest
from logged import inspect_log, lm_eval_row, write_inspect, write_lm_eval

from udasa_data.errors import UserError
from udasa_eval.logs import compare_logs, is_log, read_log


def rows(right, **changes):
    """Twenty documents, of which so many are right."""
    return [lm_eval_row(n, {"acc": float(n < right)}, **changes) for n in range(20)]


@pytest.fixture
def pair(tmp_path):
    """Two folders of lm-eval: 12 and 5 of 20 documents right."""
    return [
        write_lm_eval(tmp_path / "a", rows(12)),
        write_lm_eval(tmp_path / "b", rows(5), model="org/b"),
    ]


def test_samples_of_lm_eval_are_paired_by_document(pair):
    found = compare_logs(pair)
    (metric,) = found.metrics
    assert (metric.task, metric.metric, metric.headline) == ("arc", "acc", True)
    assert (metric.a, metric.b, metric.n) == ("org/a", "org/b", 20)
    # 7 wins, no loss: McNemar's exact p is 2/2⁷
    assert (metric.wins, metric.losses, metric.ties) == (7, 0, 13)
    assert metric.p == pytest.approx(2 / 128)
    assert metric.better == "org/a"
    assert metric.low > 0.0
    (most,) = metric.differ_most
    # documents 5 to 11 differ; the likelier choice is the answer
    assert (most.prompt, most.answer_a) == ("Q: question 10", " yes")
    assert found.notes == ()


def test_the_harness_own_files(tmp_path):
    """The format is not ours: what lm-eval's own tracker writes is read."""
    from lm_eval.loggers import EvaluationTracker

    for name, right in (("a", 2), ("b", 1)):
        tracker = EvaluationTracker(output_path=str(tmp_path))
        tracker.general_config_tracker.log_experiment_args(
            "hf", f"pretrained=org/{name}", "", "", 0
        )
        samples = [
            {**lm_eval_row(n, {"acc": int(n < right)}), "arguments": [("Q", " no"), ("Q", " yes")]}
            for n in range(3)
        ]
        results = {"higher_is_better": {"arc": {"acc": True}}, "n-shot": {"arc": 0}}
        tracker.save_results_aggregated(results=results, samples={"arc": samples})
        tracker.save_results_samples("arc", samples)
    places = sorted(place for place in tmp_path.iterdir() if place.is_dir())
    assert all(map(is_log, places))
    (metric,) = compare_logs(places).metrics
    assert (metric.a, metric.b, metric.n, metric.wins) == ("org/a", "org/b", 3, 1)
    with pytest.raises(UserError, match=r"several models there"):
        read_log(tmp_path)


def test_lower_is_better_where_results_say_so(tmp_path):
    places = [
        write_lm_eval(
            tmp_path / name,
            [lm_eval_row(n, {"acc": 1.0, "loss": 2.0 + n % 3 + worse}) for n in range(20)],
            model=f"org/{name}",
        )
        for name, worse in (("a", 1.0), ("b", 0.5))
    ]
    _, loss = compare_logs(places).metrics
    assert (loss.metric, loss.direction, loss.headline) == ("loss", "lower", False)
    assert (loss.difference, loss.better) == (pytest.approx(0.5), "org/b")


def test_filters_are_metrics_of_their_own_and_no_numbers_are_left_out(tmp_path):
    lines = [
        lm_eval_row(n, {"exact_match": 1.0, "bleu": ["a", "b"]}, filter=name)
        for name in ("strict-match", "flexible-extract")
        for n in range(3)
    ]
    log = read_log(write_lm_eval(tmp_path / "a", lines, task="gsm8k"))
    names = [metric.name for metric in log.tasks["gsm8k"].metrics]
    assert names == ["exact_match,strict-match", "exact_match,flexible-extract"]
    assert any("bleu,strict-match of task gsm8k has no number" in note for note in log.notes)


def test_the_newest_log_of_a_task_is_read(tmp_path):
    write_lm_eval(tmp_path / "a", rows(3), date="2026-11-29T10-00-00.000000")
    log = read_log(write_lm_eval(tmp_path / "a", rows(12)))
    (metric,) = log.tasks["arc"].metrics
    assert sum(metric.values.values()) == 12
    assert "of 2 logs of task arc the newest is read" in log.notes[0]


def test_equal_documents_are_numbered(tmp_path):
    lines = [lm_eval_row(n, {"acc": float(n)}, doc_hash="same") for n in range(2)]
    log = read_log(write_lm_eval(tmp_path / "a", lines))
    assert log.tasks["arc"].metrics[0].values == {"same": 0.0, "same#2": 1.0}


def test_other_settings_are_refused(pair, tmp_path):
    other = write_lm_eval(tmp_path / "c", rows(5), **{"n-shot": {"arc": 5}})
    with pytest.raises(UserError, match=r"not comparable: task arc, n-shot: '0' in .*, '5' in "):
        compare_logs([pair[0], other])
    assert "n-shot" in compare_logs([pair[0], other], anyway=True).notes[0]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"doc_id": "0", "acc": 1}', r'line 21: doc_id "0" stands in line 1, too, as 0'),
        ('{"doc_id": 0, "acc": 1}', "line 21: doc_id 0 stands in line 1, too"),
        ('{"acc": 1}', "line 21: no sample of lm-eval"),
        ("[1]", "line 21: no sample of lm-eval"),
        ('{"doc_id": 99, "ac', "line 21: no sample of lm-eval"),
    ],
)
def test_bad_lines_of_lm_eval(pair, line, fault):
    (path,) = pair[1].glob("samples_*.jsonl")
    path.write_text(path.read_text() + line)
    with pytest.raises(UserError, match=fault) as error:
        compare_logs(pair)
    assert "\n" not in str(error.value)


def test_byte_order_mark_and_blank_lines(pair):
    (path,) = pair[1].glob("samples_*.jsonl")
    path.write_text("\ufeff" + path.read_text().replace("\n", "\r\n\r\n"), encoding="utf-8")
    assert compare_logs(pair).metrics[0].n == 20


@pytest.mark.parametrize("method", [0, 8, 93])
def test_logs_of_inspect(tmp_path, method):
    values = {n: "C" if n < 9 else "I" for n in range(12)}
    a = write_inspect(tmp_path / "a.eval", inspect_log(values), method)
    other = {str(n): ["C" if n < 2 else "I"] for n in range(12)} | {"12": None}
    b = write_inspect(tmp_path / "b.json", inspect_log(other, model="openai/b"))
    found = compare_logs([a, b])
    (metric,) = found.metrics
    assert (metric.task, metric.metric, metric.a) == ("arithmetic", "match", "openai/a")
    # 7 wins of 12, 2/2⁷
    assert (metric.wins, metric.losses, metric.n, metric.only_in_one) == (7, 0, 12, 1)
    assert metric.p == pytest.approx(2 / 128)
    assert metric.differ_most[0].prompt == "question 2"
    assert metric.differ_most[0].answer_b == "an answer"
    assert any("'id' is a number in" in note for note in found.notes)


def test_epochs_are_averaged_and_unscored_is_not_zero(tmp_path):
    log = inspect_log({"p": ["C", "I"], "q": [math.nan, "P"], "r": [None]})
    (metric,) = read_log(write_inspect(tmp_path / "a.json", log)).tasks["arithmetic"].metrics
    assert (metric.values["p"], metric.values["q"]) == (0.5, 0.5)
    assert math.isnan(metric.values["r"])


def test_long_texts_are_attached(tmp_path):
    log = inspect_log({"p": "C"})
    log["samples"][0] |= {"input": "attachment://ab", "attachments": {"ab": "a long question"}}
    task = read_log(write_inspect(tmp_path / "a.json", log)).tasks["arithmetic"]
    assert task.texts["p"] == ("a long question", "an answer", "so")


def test_bad_logs_of_inspect(tmp_path):
    good = write_inspect(tmp_path / "good.json", inspect_log({"p": "C", "q": "I"}))
    twice = inspect_log({1: "C"})
    twice["samples"] += inspect_log({"1": "I"})["samples"]
    bad = {
        r'sample 2: id "1" stands in epoch 1, sample 1, too, as 1': json.dumps(twice),
        "holds no samples": json.dumps(inspect_log({})),
        "no log of inspect-ai": json.dumps(inspect_log({"p": "C"}))[:-9],
    }
    for fault, text in bad.items():
        path = tmp_path / "bad.json"
        path.write_text(text)
        with pytest.raises(UserError, match=fault):
            compare_logs([good, path])
    archive = tmp_path / "bad.eval"
    write_inspect(archive, inspect_log({"p": "C"}), 93)
    archive.write_bytes(archive.read_bytes().replace(b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfe"))
    for content in (archive.read_bytes(), b"no archive"):
        archive.write_bytes(content)
        with pytest.raises(UserError, match=r"bad.eval: no log of inspect-ai"):
            compare_logs([good, archive])


def test_two_programs(pair, tmp_path):
    log = write_inspect(tmp_path / "a.json", inspect_log({"p": "C"}))
    with pytest.raises(UserError, match="give logs of one program"):
        compare_logs([pair[0], log])


def test_nothing_shared(pair, tmp_path):
    other = [lm_eval_row(n, {"acc": 1.0}) for n in range(30, 32)]
    with pytest.raises(UserError, match="no document in common"):
        compare_logs([pair[0], write_lm_eval(tmp_path / "c", other)])


def test_command_line(pair):
    run = forked.run("-c", "from udasa_eval.cli import main; main()", "compare", *pair)
    assert run.returncode == 0, run.stderr
    assert "acc ↑" in run.stdout
    assert "7/13/0" in run.stdout
    mixed = forked.run(
        "-c", "from udasa_eval.cli import main; main()", "compare", pair[0], pair[0] / "none"
    )
    assert mixed.returncode == 1
    assert mixed.stderr.count("\n") == 1
