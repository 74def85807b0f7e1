"""Scoring existing answers: real files, small scorers with random weights, users' mistakes."""

import json
import math

import msgspec
import polars as pl
import pytest
from small_models import PROBABILITY_ROUNDING
from typer.testing import CliRunner

from udasa_data import build, resolve, score_file
from udasa_data.cli import app
from udasa_data.errors import UserError
from udasa_data.pairing.calibration import read_curves
from udasa_data.progress import Silent
from udasa_data.schema import ADDED
from udasa_data.scorers import batching
from udasa_data.scoring.answer_files import read_answers

ANSWERS = {
    "p1": ["Paris is the capital.", "Paris.", "It is Lyon. I like it.", "Paris is the capital."],
    "p2": ["Rice is boiled.", "", "Wash it, boil it.", "Let it rest. Then eat."],
    "p3": ["Too few.", "Far too few."],
}
ROWS = [
    {"prompt_id": key, "prompt": f"Question {key}?", "text": text, "label": number}
    for number in range(4)  # answers to one prompt do not stand together
    for key, texts in ANSWERS.items()
    for text in texts[number : number + 1]
]
COMPARED = [n for n in ADDED if n.startswith(("u_", "se_", "semantic", "c_")) or n == "uncertainty"]


@pytest.fixture(scope="module")
def config(small_config):
    exact = {"scoring": {"precision": "float32"}}
    return resolve(None, exact, file=small_config, default="tiny")


def write(path, rows):
    """Write rows as the suffix says."""
    table = pl.DataFrame(rows, infer_schema_length=None)
    if path.suffix == ".parquet":
        table.write_parquet(path)
    elif path.suffix == ".csv":
        table.write_csv(path)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture(scope="module")
def scored(config, tmp_path_factory):
    """A scored Parquet file: the result, its table, and the folder."""
    folder = tmp_path_factory.mktemp("scored")
    result = score_file(write(folder / "in.parquet", ROWS), folder / "out.parquet", config)
    return result, pl.read_parquet(result.out), folder


def test_every_row_is_there_in_its_order_with_its_columns(scored):
    _, table, folder = scored
    given = pl.read_parquet(folder / "in.parquet")
    assert table.columns == [*given.columns, *ADDED.names()]
    assert table.select(given.columns).equals(given)
    assert dict(table.schema.items() & ADDED.items()) == dict(ADDED)


def test_what_cannot_be_scored_says_why_and_is_counted(scored):
    result, table, _ = scored
    why = dict(zip(table["text"], table["set_aside"], strict=True))
    assert why[""] == "empty_sample"
    assert why["Too few."] == why["Far too few."] == "too_few_samples"
    assert why["Paris."] is None
    aside = table.filter(pl.col("set_aside").is_not_null())
    for name in COMPARED:
        unscored = aside if not name.startswith("semantic") else aside.filter(prompt_id="p3")
        assert unscored[name].is_nan().all(), name
    kept = table.filter(pl.col("set_aside").is_null())
    for name in ("u_semantic", "u_value", "c_semantic", "uncertainty"):
        assert kept[name].is_between(0, 1).all(), name
    assert result.summary.set_aside == {
        "prompt": {"too_few_samples": 1},
        "sample": {"empty_sample": 1},
    }
    assert (result.summary.rows, result.summary.prompts) == (10, 3)
    assert result.summary.dimensions["semantic"].finite == 7


def test_all_kinds_of_files_score_alike(scored, config, tmp_path):
    _, expected, _ = scored
    for suffix in (".jsonl", ".csv"):
        file = write(tmp_path / f"in{suffix}", ROWS)
        made = score_file(file, tmp_path / f"{suffix[1:]}.parquet", config)
        table = pl.read_parquet(made.out)
        assert table.select(ADDED.names()).equals(expected.select(ADDED.names()), null_equal=True)


def test_shards_do_not_matter(scored, config, tmp_path, monkeypatch):
    monkeypatch.setenv("UDASA_CACHE", str(tmp_path))
    _, expected, folder = scored
    one_by_one = msgspec.structs.replace(config, shard_size=1)
    made = score_file(folder / "in.parquet", tmp_path / "out.parquet", one_by_one)
    assert_close(pl.read_parquet(made.out), expected)


class Watch(Silent):
    """Adds up what it is told."""

    done = 0.0

    def advance(self, prompts, _tokens=0):
        self.done += prompts


def test_a_killed_run_asks_the_models_nothing_twice(scored, config, tmp_path, monkeypatch):
    result, expected, folder = scored
    monkeypatch.setattr(batching, "_forward", None)  # any use of a model fails
    watch = Watch()
    made = score_file(folder / "in.parquet", tmp_path / "out.parquet", config, progress=watch)
    assert pl.read_parquet(made.out).equals(expected, null_equal=True)
    assert made.summary == result.summary
    assert watch.done == pytest.approx(3)  # prompts


def assert_close(table, expected):
    """Equal but for float32's rounding, which may part two raw values that tied: by one rank."""
    for name in COMPARED:
        step = 1 / len(expected) if name.startswith("c_") or name == "uncertainty" else 0.0
        assert table[name].to_list() == pytest.approx(
            expected[name].to_list(), abs=PROBABILITY_ROUNDING + step, nan_ok=True
        ), name


def test_scores_equal_those_of_a_build(small_config, tmp_path, monkeypatch):
    prompts = tmp_path / "prompts.jsonl"
    rows = [
        {"prompt": "Say something.", "axis": "helpfulness"},
        {"prompt": "What is m?", "axis": "truthfulness", "context": "m is a letter. It is old."},
        {"prompt": "The film", "axis": "sentiment", "mode": "completion"},
        {"prompt": "Is it harmful?", "axis": "harmlessness"},
    ]
    prompts.write_text("\n".join(json.dumps(row) for row in rows))
    options = {"prompts": [str(prompts)], "scoring": {"precision": "float32"}}
    config = resolve("tiny", options, file=small_config)
    built = build(config, tmp_path / "run")
    samples = pl.read_parquet(built.folder / "data/samples/*.parquet")
    questions = pl.read_parquet(built.out / "prompts.parquet").select(
        "prompt_id", pl.col("messages").alias("prompt"), "context"
    )
    given = samples.join(questions, on="prompt_id", how="left", maintain_order="left")
    known = ["prompt_id", "prompt", "context", "axis", "text", "sum_logprob", "n_tokens"]
    file = tmp_path / "answers.parquet"
    # not in the build's order, and not from its cache
    shuffled = given.sample(fraction=1.0, shuffle=True, seed=3)
    shuffled.select(known).write_parquet(file)
    monkeypatch.setenv("UDASA_CACHE", str(tmp_path / "cache"))
    made = score_file(file, tmp_path / "out.parquet", config, built.out / "calibration.json")
    table = pl.read_parquet(made.out)
    assert table["semantic_entropy_rb"].is_finite().any()
    assert_close(table, shuffled)
    for name in ("n_claims", "refusal", "n_clusters", "homogeneous"):
        assert table[name].to_list() == shuffled[name].to_list()
    assert made.summary.confounds.length_unit == "tokens"
    # two raw values that tied and are parted: half a rank each, against lengths at either end
    parted = 6 / (len(given) * (len(given) + 1))
    assert made.summary.confounds.with_length == pytest.approx(
        built.summary.confounds.with_length, abs=parted
    )


def test_calibration_of_an_earlier_run_is_not_refitted(scored, config, tmp_path):
    result, _, _ = scored
    file = write(tmp_path / "few.jsonl", [row for row in ROWS if row["prompt_id"] == "p1"])
    own = pl.read_parquet(score_file(file, tmp_path / "own.parquet", config).out)
    made = score_file(file, tmp_path / "earlier.parquet", config, result.calibration)
    earlier = pl.read_parquet(made.out)
    assert own["u_value"].equals(earlier["u_value"])
    # mid-ranks of the four answers themselves have the mean ½; those of the earlier file need not
    assert own["c_value"].mean() == pytest.approx(0.5)
    assert earlier["c_value"].to_list() != own["c_value"].to_list()
    assert not (tmp_path / "earlier.calibration.json").exists()


def test_the_same_call_does_nothing_and_another_is_refused(scored, config, tmp_path):
    result, _, folder = scored
    before = result.out.stat().st_mtime_ns
    again = score_file(folder / "in.parquet", result.out, config)
    assert again.reused
    assert again.summary == result.summary
    changed = resolve(None, {"scoring": {"claim_prior": 2.0}}, default="tiny")
    with pytest.raises(UserError, match=r"differ in: .*scoring.claim_prior \(0.5 → 2.0\)"):
        score_file(folder / "in.parquet", result.out, changed)
    with pytest.raises(UserError, match="is the file of the answers"):
        score_file(folder / "in.parquet", folder / "in.parquet", config)
    other = write(tmp_path / "other.parquet", ROWS)
    with pytest.raises(UserError, match="exists and holds no scores"):
        score_file(folder / "in.parquet", other, config)
    assert result.out.stat().st_mtime_ns == before


def test_prompts_are_told_apart_by_their_text_where_no_id_is(tmp_path):
    rows = [{"prompt": p, "text": t} for p in ("A?", "B?", "a? ") for t in ("x", "y")]
    given = read_answers(write(tmp_path / "in.jsonl", rows))
    # only white space at the end does not count
    assert len(given.prompts) == 3
    assert given.table["prompt_id"].n_unique() == 3
    assert given.samples["sample_id"].to_list() == [0, 1] * 3


def test_messages_are_prompts_too(tmp_path):
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi?"}]
    given = read_answers(write(tmp_path / "in.jsonl", [{"prompt": turns, "text": "Hi"}] * 3))
    assert given.prompts["messages"].to_list() == [turns]


def test_logprobs_and_lengths(tmp_path):
    rows = [
        {"prompt_id": "1", "text": "one two", "logprob": "-3", "n_tokens": "6"},
        {"prompt_id": "1", "text": "three", "logprob": "", "n_tokens": "2"},
    ]
    given = read_answers(write(tmp_path / "in.csv", rows))
    sums, means = given.samples["sum_logprob"].to_list(), given.samples["mean_logprob"].to_list()
    assert (sums[0], means[0]) == (-3.0, -0.5)  # −3 nats over 6 tokens
    assert math.isnan(sums[1])
    assert given.length == "n_tokens"
    rows = [{"prompt_id": 7, "text": "one two", "mean_logprob": -0.5}]
    given = read_answers(write(tmp_path / "in.jsonl", rows))
    assert given.samples["n_words"].to_list() == [2]
    assert math.isnan(given.samples["sum_logprob"][0])  # of how many tokens is not known
    assert given.table["prompt_id"].to_list() == [7]
    assert any("words" in note for note in given.notes)
    assert any("'prompt'" in note for note in given.notes)


GOOD = {"prompt_id": "p", "prompt": "Q?", "text": "x"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt_id": "p", "reply": "x"}], r"no column 'text' .* it has prompt_id, reply"),
        ([{"text": "x"}], r"no column 'prompt_id' or 'prompt' .* it has text"),
        ([GOOD | {"u_semantic": 0.5}], "a column 'u_semantic' already"),
        ([GOOD, GOOD | {"text": 5}], r"line 2, column 'text': a number, but a string in line 1"),
        ([GOOD | {"text": 5}], r"line 1, column 'text': text is needed, not Int64"),
        ([GOOD | {"sum_logprob": math.nan}], r"line 1, column 'sum_logprob': NaN or infinite"),
        ([GOOD, GOOD | {"mean_logprob": -math.inf}], r"line 2, column 'mean_logprob': NaN or inf"),
        ([GOOD | {"logprob": 0.5}], r"column 'logprob': a log-probability is at most 0"),
        ([GOOD | {"logprob": "much"}], r"column 'logprob': a number is needed .*much"),
        ([GOOD | {"logprob": [-1.0]}], r"column 'logprob': a number is needed, not List"),
        ([GOOD | {"n_tokens": 1.5}], r"column 'n_tokens': a whole number"),
        ([GOOD | {"axis": "helpfulnes"}], r"line 1, column 'axis': .*did you mean 'helpfulness'"),
        ([GOOD, GOOD | {"prompt": "R?"}], r"line 2, column 'prompt': differs from line 1"),
        ([GOOD, GOOD | {"prompt_id": None}], r"line 2, column 'prompt_id': empty"),
        ([{"prompt": "", "text": "x"}], r"line 1, column 'prompt': empty"),
        ([GOOD | {"prompt": 5}], r"column 'prompt': text or a list of messages"),
        ([], "holds no rows"),
    ],
)
def test_mistakes_say_where(rows, message, tmp_path):
    file = write(tmp_path / "in.jsonl", rows)
    with pytest.raises(UserError, match=message) as caught:
        read_answers(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.jsonl", b'{"text": "x"}\n{"text": ', "line 2: malformed JSON"),
        ("in.jsonl", b'{"text": "\xff"}', "line 1: not UTF-8"),
        ("in.csv", b"prompt_id,text\n1,x,y\n", "line 2: not the 2 fields"),
        ("in.csv", b"prompt_id,text,text\n1,x,y\n", "two columns are named 'text'"),
        ("in.csv", b"prompt_id,text\n", "holds no rows"),
        ("in.parquet", b"PAR1", "not a readable Parquet file"),
        ("in.txt", b"x", "lines of text have no columns"),
    ],
)
def test_files_that_are_not_what_they_seem(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_answers(tmp_path / name)


def test_an_estimator_that_needs_logprobs_says_so(tmp_path):
    file = write(tmp_path / "in.jsonl", [GOOD | {"mean_logprob": -1.0}, GOOD, GOOD])
    with pytest.raises(UserError, match=r"line 2: the semantic estimator needs log-probabilities"):
        read_answers(file, need_logprobs=True)


def test_labels_calibrate_to_the_probability_of_being_wrong(config, tmp_path):
    wrong = [n % 2 if n < 8 else None for n in range(len(ROWS))]
    rows = [row | {"wrong": w} for row, w in zip(ROWS, wrong, strict=True)]
    file = write(tmp_path / "in.parquet", rows)
    made = score_file(file, tmp_path / "out.parquet", config, labels="wrong")
    table = pl.read_parquet(made.out).filter(pl.col("c_value").is_finite())
    by_u = table.sort("u_value")
    assert by_u["c_value"].is_sorted()
    curves = read_curves(made.calibration)["value"]["*"]
    labelled = table.filter(pl.col("wrong").is_not_null())
    assert curves.n == len(labelled)
    # and a build may start from it
    later = score_file(file, tmp_path / "later.parquet", config, made.calibration)
    assert pl.read_parquet(later.out)["c_value"].drop_nans().equals(table["c_value"])


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [
        ("wrnog", [1, 0], r"no column 'wrnog' \(did you mean 'wrong'\?\)"),
        ("wrong", [2, 0], r"line 1, column 'wrong': a label is 0 \(right\) or 1 \(wrong\)"),
        ("wrong", [1, 1], "both right"),
    ],
)
def test_labels_that_cannot_be_used(labels, values, message, config, tmp_path):
    rows = [GOOD | {"text": f"Answer {n}.", "wrong": values[n % 2]} for n in range(4)]
    file = write(tmp_path / "in.jsonl", rows)
    with pytest.raises(UserError, match=message):
        score_file(file, tmp_path / "out.parquet", config, labels=labels)
    assert not (tmp_path / "out.parquet").exists()


def test_a_judge_has_no_policy_to_ask(small_config, tmp_path):
    config = resolve(None, {"judge": {"principles": 1}}, file=small_config, default="tiny")
    with pytest.raises(UserError, match="needs a policy"):
        score_file(write(tmp_path / "in.jsonl", [GOOD]), tmp_path / "out.parquet", config)
    assert not (tmp_path / "out.parquet").exists()


def test_a_file_of_too_few_answers_is_all_set_aside(config, tmp_path):
    file = write(tmp_path / "in.jsonl", [GOOD, GOOD])
    made = score_file(file, tmp_path / "out.parquet", config)
    assert made.summary.set_aside == {"prompt": {"too_few_samples": 1}}
    assert made.summary.dimensions["value"].mean is None
    assert pl.read_parquet(made.out)["uncertainty"].is_nan().all()


def test_the_command(scored, small_config, tmp_path):
    _, _, folder = scored
    arguments = [
        *("score", str(folder / "in.parquet"), "--config", str(small_config)),
        *("--out", str(tmp_path / "out.parquet")),
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    words = ("too few samples", "empty sample", "semantic ~ length", "mean u", "calibration.json")
    assert all(word in done.output for word in words)
    assert "chosen" not in done.output
    again = CliRunner().invoke(app, [*arguments, "--json"])
    facts = json.loads(again.output)
    assert facts["reused"] is True
    assert facts["set_aside"]["prompt"] == {"too_few_samples": 1}
    assert "Nothing to do" in CliRunner().invoke(app, arguments).output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "scores.csv"], "ends in .parquet"),
        (["--out", "o.parquet", "--calibration", "none.json"], "none.json: cannot be read"),
        (["--out", "o.parquet", "--scorers", "tin"], "did you mean 'tiny'"),
        (["--out", "o.parquet"], "missing.jsonl: no such file"),
    ],
)
def test_wrong_options(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["score", "missing.jsonl", *options])
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)


def test_what_is_no_calibration(config, tmp_path):
    file = write(tmp_path / "in.jsonl", [GOOD])
    for text in ("{", "[]", '{"semantic": {}}', '{"semantic": {"*": {"n": 1}}}'):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(UserError, match="holds no calibration"):
            score_file(file, tmp_path / "out.parquet", config, tmp_path / "c.json")


def test_one_bad_value_among_good_ones_is_left_out_and_noted(tmp_path):
    rows = [{"prompt": "Q?", "text": f"answer {n}", "logprob": -1.0, "n_tokens": 2} for n in "abcd"]
    rows[1]["logprob"] = 7.0
    rows[2]["n_tokens"] = -3
    rows.append({"prompt": [{"role": "tool", "content": "x"}], "text": "y"})
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    given = read_answers(file)
    assert given.samples["text"].to_list()[-1] == ""
    assert given.samples["sum_logprob"].is_nan().to_list() == [False, True, False, False, True]
    notes = "\n".join(given.notes)
    assert "1 cells are left out; the first" in notes
    assert "line 2, column 'logprob': a log-probability is at most 0 (it holds 7.0)" in notes
    assert "line 3, column 'n_tokens': a whole number from 0 up is needed" in notes
    assert "1 rows are set aside; the first" in notes
    assert "role 'tool'" in notes
