"""The policy as judge of its own answers: arithmetic of the questions, and whole builds with it."""

import json
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from small_models import PROBABILITY_ROUNDING, save_policy

from udasa_data import build, resolve
from udasa_data.config.build import Judge, ModelRef
from udasa_data.config.constitution import Principle, principles_of
from udasa_data.config.presets import read_presets
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.errors import UserError
from udasa_data.pipeline.preparation import Prepared
from udasa_data.runs.store import Run
from udasa_data.scorers.judge import PolicyJudge, PolicyTruth
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.storage.model_files import locate

PRINCIPLES = (Principle(id="kind", statement="Be kind."), Principle(id="true", statement="Be so."))


class Engine:
    """Answers from a table: the log-odds of the first word, by what the question holds."""

    name = "table"
    notes = ()

    def __init__(self, log_odds):
        self.log_odds = log_odds
        self.asked = []

    def choice_logprobs(self, prompts, choices):
        rows = []
        for prompt in prompts:
            text = prompt.turns[-1][1]
            self.asked.append(text)
            odds = next((x for keys, x in self.log_odds if all(k in text for k in keys)), np.nan)
            p = 1 / (1 + np.exp(-odds))
            # half of each word's share with a space before it; nine tenths goes to other words
            shares = {choices[0]: p / 2, choices[1]: p / 2, choices[2]: 1 - p, choices[3]: 0.0}
            with np.errstate(divide="ignore"):
                rows.append(np.log([shares[choice] / 10 for choice in choices]))
        return np.array(rows)


def never(name, n):
    raise AssertionError(f"{name} set {n} aside")


def test_the_constitution_is_whole():
    known = principles_of(Judge(principles=99))
    assert 12 <= len(known) <= 20
    assert len({one.statement for one in known}) == len(known)
    assert all(one.source and one.statement.endswith(".") for one in known)


def test_principles_are_chosen_by_number_or_id():
    first = principles_of(Judge())
    assert [one.id for one in first] == ["no_serious_harm", "no_crime", "no_hate", "truthful"]
    # in the order of the file, whatever the order asked
    chosen = principles_of(Judge(principles=("helpful", "truthful")))
    assert [one.id for one in chosen] == ["truthful", "helpful"]


@pytest.mark.parametrize(
    ("text", "judge", "message"),
    [
        ("principles: [{id: a, statement: S}]", {"principles": ["b"]}, "has no 'b' (known: a)"),
        ("principles: [{id: a, statement: S}, {id: a, statement: T}]", {}, "two principles"),
        ("principles: []", {}, "key 'principles'"),
        ("principles: [{id: A b, statement: S}]", {}, "key 'principles[0].id'"),
        ("principles: [{id: a, statment: S}]", {}, "did you mean 'statement'"),
        ("principles: [{id: a}]", {}, "missing required field `statement`"),
        ("rules: []", {}, "unknown key 'rules' (known: principles)"),
        ("[", {}, "line 1"),
    ],
)
def test_a_bad_constitution_is_one_clear_line(tmp_path, text, judge, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        principles_of(Judge(constitution=str(path), principles=tuple(judge.get("principles", "a"))))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_constitution(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        principles_of(Judge(constitution=str(tmp_path / "none.yaml")))
    with pytest.raises(UserError, match="no embedded 'embedded:bill'"):
        principles_of(Judge(constitution="embedded:bill"))


def test_both_phrasings_are_asked_and_a_leaning_to_yes_cancels():
    # "Be kind": ln-odds 1 that it violates, −1 that it respects: σ(1). "Be so": −2 and 2: σ(−2).
    # The judge leans towards Yes by 3 throughout. The worst principle decides: σ(1) = .731
    lean = 3.0
    table = [
        (("kind", "violate"), 1 + lean),
        (("kind", "respect"), -1 + lean),
        (("so", "violate"), -2 + lean),
        (("so", "respect"), 2 + lean),
    ]
    engine = Engine(table)
    judge = PolicyJudge(engine, PRINCIPLES, never)
    pairs = [TextPair("Q?", "An answer."), TextPair("Q?", "Another."), TextPair("Q?", "Another.")]
    done = []
    by_principle = judge.by_principle(pairs, done.append)
    expected = [[1 / (1 + np.exp(-1)), 1 / (1 + np.exp(2))]] * 3
    assert by_principle == pytest.approx(np.array(expected), abs=1e-6)
    assert sum(done) == 3
    assert len(engine.asked) == 2 * 2 * 2  # distinct answers, principles, phrasings
    assert all("Question: Q?" in text and "Answer: An" in text for text in engine.asked)
    assert judge(pairs, no_progress) == pytest.approx([1 / (1 + np.exp(-1))] * 3, abs=1e-6)
    assert judge([], no_progress).shape == (0,)


def test_the_policy_on_the_truth_of_an_answer():
    # ln 3 for True: P(False) = ¼
    truth = PolicyTruth(Engine([(("true or false",), np.log(3))]), never)
    found = truth([TextPair("Q?", "A."), TextPair("{Q}?", "{}")], no_progress)
    assert found == pytest.approx([0.25, 0.25])


def test_what_cannot_be_asked_is_nan_and_told():
    told = []
    judge = PolicyJudge(Engine([(("short",), 0.0)]), PRINCIPLES, lambda *said: told.append(said))
    pairs = [TextPair("Q?", "short"), TextPair("Q?", "too long"), TextPair("Q?", "too long")]
    assert judge(pairs, no_progress) == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    truth = PolicyTruth(Engine([]), lambda *said: told.append(said))
    assert np.isnan(truth(pairs[1:], no_progress)).all()
    assert told == [("judge", 1), ("p_true", 1)]


def test_order_and_company_of_the_answers_do_not_matter(tmp_path):
    folder = save_policy(tmp_path / "policy", window=2048)
    engine = TransformersEngine(locate(ModelRef(id=str(folder))), 4096)
    judge = PolicyJudge(engine, PRINCIPLES, never)
    pairs = [TextPair("What is rice?", "A grain. " * n) for n in (1, 4, 2)]
    together = judge.by_principle(pairs, no_progress)
    assert ((together > 0) & (together < 1)).all()
    for row, pair in zip(together, pairs, strict=True):
        assert judge.by_principle([pair], no_progress)[0] == pytest.approx(
            row, abs=PROBABILITY_ROUNDING
        )


PROMPTS = [
    {"prompt": "What is a?", "axis": "truthfulness", "context": "A is a letter. It is old."},
    *({"prompt": f"What is {t}?", "axis": "truthfulness"} for t in "bcd"),
    *({"prompt": f"The film about {t}", "axis": "sentiment", "mode": "completion"} for t in "e"),
]


@pytest.fixture(scope="module")
def judged(small_config, tmp_path_factory):
    """A file of prompts, and a function that resolves a build over them with a roomy policy."""
    root = tmp_path_factory.mktemp("judged")
    policy = save_policy(root / "policy", window=2048)
    file = root / "prompts.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in PROMPTS))
    base = {"policy": {"id": str(policy)}, "prompts": [str(file)]}
    return lambda **options: resolve("tiny", {**base, **options}, file=small_config)


def samples_of(result):
    return pl.read_parquet(Path(result.folder) / "data/samples/*.parquet")


def test_a_build_with_the_judge_and_p_true(judged, tmp_path):
    plain = samples_of(build(judged(), tmp_path / "plain"))
    options = {"judge": {"principles": 2}, "scoring": {"factual": "p_true"}}
    made = samples_of(build(judged(**options), tmp_path / "judged"))
    assert made["text"].equals(plain["text"])
    chat = (made["axis"] != "sentiment") & (made["text"] != "")
    assert set(made.filter(chat)["p_violation"].list.len()) == {3}
    assert set(made.filter(pl.col("axis") == "sentiment")["p_violation"].list.len()) == {1}
    two = made.filter(chat)["p_violation"].list.head(2)
    assert two.equals(plain.filter(chat)["p_violation"])
    claims = made["n_claims"] > 0
    assert made.filter(~claims)["u_factual"].is_nan().all()
    assert made.filter(claims)["u_factual"].is_between(0, 1).all()
    assert made.filter(claims)["se_factual"].max() == pytest.approx(0.0, abs=1e-12)
    # evidence knows better than the policy: the first prompt's answers are scored as before
    first = pl.col("prompt_id") == made["prompt_id"][0]
    evidence = made.filter(first)["u_factual"]
    assert evidence.equals(plain.filter(first)["u_factual"])
    others = claims & (made["prompt_id"] != made["prompt_id"][0])
    assert not made.filter(others)["u_factual"].equals(plain.filter(others)["u_factual"])


def test_the_embedded_policy_judges_end_to_end(tmp_path):
    options = {
        "limit": 4,
        "prompts": ["tiny"],
        "sampling": {"samples": 4, "max_tokens": 12},
        "judge": {"principles": ["truthful"]},
        "scoring": {"factual": "p_true"},
    }
    result = build(resolve("tiny", options), tmp_path / "run")
    chat = samples_of(result).filter((pl.col("axis") != "sentiment") & (pl.col("text") != ""))
    # two scorers, the judge, and maybe whether a refusal or compliance is misplaced
    assert set(chat["p_violation"].list.len()) <= {3, 4}
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert list(manifest["principles"]) == ["truthful"]
    assert build(resolve("tiny", options), tmp_path / "run").reused


def test_answers_too_long_to_be_judged_are_told(judged, tmp_path):
    narrow = save_policy(tmp_path / "narrow", window=64)
    result = build(judged(judge={}, policy={"id": str(narrow)}), tmp_path / "run")
    assert any("judge:" in note and "too long to ask" in note for note in result.summary.notes)
    assert set(samples_of(result)["p_violation"].list.len()) <= {0, 1, 2}


def test_off_by_default_and_part_of_the_key(judged, tmp_path):
    assert all(resolve(name, {}).judge is None for name in read_presets().models)
    mine = tmp_path / "mine.yaml"
    mine.write_text("principles: [{id: a, statement: Be kind., source: me}]")

    def key(**options):
        prepared = Prepared(judged(**options), Run(tmp_path / "run"))
        return prepared.keys["samples"], prepared.keys["scores"]

    own = {"judge": {"constitution": str(mine)}}
    keys = [
        key(),
        key(judge={}),
        key(judge={"principles": 2}),
        key(scoring={"factual": "p_true"}),
        key(**own),
    ]
    assert len({samples for samples, _ in keys}) == 1
    assert len({scores for _, scores in keys}) == len(keys)
    same = key(**own)
    mine.write_text("principles: [{id: a, statement: Be kind., source: somebody else}]")
    assert key(**own) == same == keys[-1]
    mine.write_text("principles: [{id: a, statement: Be kinder.}]")
    assert key(**own) != same
    value = [msgspec.to_builtins(ref) for ref in judged().value]
    value[1]["temperature"] = 2.0
    assert key(value=value)[1] not in {scores for _, scores in keys}


def test_the_judge_counts_as_a_value_scorer(judged):
    one = [msgspec.to_builtins(judged().value[0])]
    assert len(judged(value=one, judge={}).value) == 1
    with pytest.raises(UserError, match="key 'value': expected at least 2 scorers, or 1 and a jud"):
        judged(value=one)
