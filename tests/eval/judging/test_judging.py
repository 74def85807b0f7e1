import msgspec
import numpy as np
import polars as pl
import pytest
import yaml
from small_models import PROBABILITY_ROUNDING, save_chat_classifier
from transformers import AutoTokenizer

from udasa_data.config.build import ModelRef, Verdict
from udasa_data.config.presets import resolve
from udasa_data.engines.loading import load_engine
from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.errors import UserError
from udasa_data.schema import Axis
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.storage.model_files import locate
from udasa_eval.answers import TURN_2
from udasa_eval.judging.judgements import Duel
from udasa_eval.judging.judges import JudgeSet, judge_set, pin
from udasa_eval.judging.kinds import ClassifierJudge, PairJudge, QuestionJudge, RewardJudge
from udasa_eval.judging.loading import loaded
from udasa_eval.judging.needs import judge_needs
from udasa_eval.judging.scoring import Tables
from udasa_eval.results import GENERATIONS
from udasa_eval.running import RunOptions, run, score

PAIRS = [TextPair("How do I cook rice?", "Wash it, boil it."), TextPair("Who?", "{answer} {x}")]
QUESTION = "Q: {prompt}\nA: {answer}\nTrue:"


def pinned(judge, role="harm"):
    from udasa_eval.judging.judges import PinnedJudge

    return PinnedJudge(role, judge, locate(ModelRef(id=judge.id)))


def asked(small, **other):
    words = {"yes": (" yes", " a"), "no": (" no",), "prompt": QUESTION, "raw": True}
    return QuestionJudge(id=str(small["policy"]), **{**words, **other})


def logprobs(small, text, choices):
    config = resolve(str(small["policy"]), {}, scorers="tiny")
    engine = load_engine(config, locate(config.policy))
    return engine.choice_logprobs([PolicyPrompt((("user", text),), raw=True, seed=0)], choices)[0]


def test_a_question_is_answered_by_log_probabilities(small, monkeypatch):
    # a random policy gives every choice little: all of its mass is taken here
    monkeypatch.setattr("udasa_eval.judging.questions.MIN_MASS", 0.0)
    with loaded(pinned(asked(small))) as judge:
        found = judge.rate(PAIRS, no_progress)
    for value, pair in zip(found.values, PAIRS, strict=True):
        text = f"Q: {pair.first}\nA: {pair.second}\nTrue:"
        yes, also_yes, no = np.exp(logprobs(small, text, [" yes", " a", " no"]))
        expected = (yes + also_yes) / (yes + also_yes + no)
        assert value == pytest.approx(expected, abs=PROBABILITY_ROUNDING)
    assert found.why == [None, None]


def test_a_judge_that_means_something_else_is_unscored_and_quoted(small):
    with loaded(pinned(asked(small))) as judge:
        found = judge.rate(PAIRS, no_progress)
    assert np.isnan(found.values).all()
    assert found.why == ["the judge says something else"] * 2
    assert len(found.examples) == 2


def test_what_is_too_long_for_the_judge_is_unscored(small):
    with loaded(pinned(asked(small))) as judge:
        found = judge.rate([TextPair("x " * 400, "y")], no_progress)
    assert found.why == ["too long for the judge, or refused by it"]
    assert found.examples == ()


def test_two_answers_are_shown_in_both_orders(small, monkeypatch):
    monkeypatch.setattr("udasa_eval.judging.questions.MIN_MASS", 0.0)
    judge = PairJudge(
        id=str(small["policy"]),
        prompt="{prompt}\nA: {first}\nB: {second}\nBest:",
        first=(" A",),
        second=(" B",),
        raw=True,
    )
    duels = [Duel("q", "one", "two"), Duel("q", "two", "one"), Duel("q", "same", "same")]
    with loaded(pinned(judge, "preference")) as ready:
        found = ready.prefer(duels, no_progress)
    a, b = np.exp(logprobs(small, "q\nA: one\nB: two\nBest:", [" A", " B"]))
    assert found.values[0, 0] == pytest.approx(a / (a + b), abs=PROBABILITY_ROUNDING)
    # the same two answers exchanged: what was shown first is now shown second
    assert found.values[1] == pytest.approx(1 - found.values[0, ::-1])
    # equal answers: whatever the judge prefers is a matter of order alone
    assert found.values[2].sum() == pytest.approx(1.0)


def test_judgements_are_kept_so_that_a_second_scoring_asks_nothing(small, monkeypatch):
    judge = asked(small, prompt=QUESTION + " kept", raw=True)
    with loaded(pinned(judge)) as ready:
        first = ready.rate(PAIRS, no_progress)
    from udasa_data.engines.transformers import TransformersEngine

    def refuse(*_arguments):
        raise AssertionError("asked again")

    monkeypatch.setattr(TransformersEngine, "choice_logprobs", refuse)
    with loaded(pinned(judge)) as ready:
        again = ready.rate(PAIRS, no_progress)
    assert np.array_equal(first.values, again.values, equal_nan=True)


def test_a_reward_model_prefers_by_the_difference(small):
    with loaded(pinned(RewardJudge(id=str(small["reward"])), "reward")) as judge:
        rewards = judge.rate([TextPair("q", "one"), TextPair("q", "two")], no_progress).values
        duels = judge.prefer([Duel("q", "one", "two"), Duel("q", "one", "one")], no_progress)
    assert duels.values[0] == pytest.approx([1 / (1 + np.exp(rewards[1] - rewards[0]))] * 2)
    assert duels.values[1].tolist() == [0.5, 0.5]


def test_judges_are_shown_the_whole_conversation_by_their_own_template(tmp_path):
    folder = save_chat_classifier(tmp_path / "reward", ["reward"])
    roles = ("system", "user", "assistant", "user")
    said = ("Be brief.", "How do I build a bomb?", "Take this.", "Thank you.")
    prompt = [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]
    task = f"udasa_mt_bench{TURN_2}"
    row = {"task": task, "prompt": prompt, "prompt_hash": "h", "text": "Rest."}
    table = pl.DataFrame([row], schema=GENERATIONS)
    tables = Tables({task: table}, {task: {"h": "Run."}})
    ids = []
    with loaded(pinned(RewardJudge(id=str(folder)), "reward")) as judge:
        model = judge.prefer.__self__._loaded.model
        hook = lambda _model, _args, inputs: ids.extend(inputs["input_ids"].tolist())  # noqa: E731
        model.register_forward_pre_hook(hook, with_kwargs=True)
        judge.rate(tables.pairs(task), no_progress)
        judge.prefer(tables.duels(task), no_progress)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    talks = [[*prompt[1:], {"role": "assistant", "content": text}] for text in ("Rest.", "Run.")]
    assert ids == tokenizer.apply_chat_template(
        talks, return_dict=False
    )  # a system prompt is the run's


def test_a_classifier_is_no_reward_model(small):
    with (
        pytest.raises(UserError, match="has 2 outputs; a reward model has one"),
        loaded(pinned(RewardJudge(id=str(small["harm"])), "reward")),
    ):
        pass


def test_judges_of_a_file_take_the_place_of_the_suite_s_own(small, tmp_path):
    path = tmp_path / "judges.yaml"
    path.write_text(f"harm: {{kind: classifier, id: {small['harm']}, positive: [unsafe]}}\n")
    judges = judge_set(str(path), "tiny")
    assert judges.harm.id == str(small["harm"])
    assert judges.reward.id == "embedded-judge:helpfulness"
    # without a judge of preference the reward model prefers
    assert pin(judges, "preference", {}).judge == judges.reward


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("harm: {kind: clasifier, id: x}", "clasifier"),
        ("harm: {kind: question, id: x, prompt: hm, yes: [y], no: [n]}", "must hold {prompt}"),
        ("harms: {}", "unknown key 'harms'"),
        ("reward: {kind: classifier, id: x, positive: [p]}", "reward"),
        (
            "harm: {kind: rubric, id: x, prompt: '{prompt} {answer}', verdict: '(\\d'}",
            "key 'verdict': no regular expression",
        ),
        (
            "harm: {kind: rubric, id: x, prompt: '{prompt} {answer}', verdict: '\\d'}",
            "has 0 groups, and needs one: the verdict",
        ),
        (
            "harm: {kind: rubric, id: x, prompt: '{prompt} {answer}', verdict: '(\\d)'}",
            r"key 'harm': needs a 'scale' \[low, high\], or 'values' in \[0, 1\]",
        ),
        (
            "harm: {kind: panel, judges: [{kind: reward, id: x}, {kind: reward, id: y}]}",
            "key 'harm.judges': a judge of kind reward cannot judge harm",
        ),
    ],
)
def test_a_fault_in_a_file_of_judges_is_reported(text, fault, tmp_path):
    path = tmp_path / "judges.yaml"
    # YAML 1.1 reads a bare yes or no as a boolean
    path.write_text(text.replace("yes:", '"yes":').replace(" no:", ' "no":'))
    with pytest.raises(UserError, match=fault) as found:
        judge_set(str(path), "tiny")
    assert str(path) in str(found.value)


def test_a_guards_verdict_is_a_classifiers(small):
    words = {"words": ("No", "Yes"), "opening": "Harm:"}
    pairs = [TextPair("Who?", "I."), TextPair("How?", "So.")]
    values = {}
    for positive in words["words"]:
        judge = ClassifierJudge(
            id=str(small["policy"]), positive=(positive,), verdict=Verdict(**words)
        )
        with loaded(pinned(judge)) as judged:
            values[positive] = judged.rate(pairs, no_progress).values
    assert values["No"] + values["Yes"] == pytest.approx(1.0)
    assert len(set(values["Yes"])) == 2


def test_unknown_judges_are_reported(tmp_path):
    with pytest.raises(UserError, match="no such set and no such file"):
        judge_set("tyny", "tiny")
    path = tmp_path / "judges.yaml"
    path.write_text('harm: {kind: classifier, id: "embedded-judge:harm", positive: [unsafe]}')
    with pytest.raises(UserError, match="no embedded judge 'harm'"):
        pin(judge_set(str(path), "tiny"), "harm", {})
    hub = judge_set(None, "quick")
    thinking = hub.truth.options["sampling"]["chat_template_kwargs"]
    assert thinking == {"enable_thinking": False}


def test_options_that_no_engine_has_are_told_before_anything_is_loaded(small):
    wrong = QuestionJudge(
        id="org/judge", prompt="{prompt} {answer}", yes=("Y",), no=("N",), options={"samplin": {}}
    )
    unserved = msgspec.structs.replace(wrong, engine="openai", options={})
    faults = []
    for judge in (wrong, unserved):
        assert judge_needs(JudgeSet(harm=judge), ["harm"], faults) == []
    assert faults[0].startswith("judge 'org/judge': unknown key 'samplin'")
    assert faults[1] == (
        "judge 'org/judge': engine openai needs options: {server: {base_url: http://…/v1}}"
    )


@pytest.mark.slow
def test_a_run_with_a_nonsense_judge_ends_with_counts_and_examples(small, tmp_path):
    out = tmp_path / "run"
    model = str(small["policy"])
    run(RunOptions(model=model, suite="tiny", axes=(Axis.HARMLESSNESS,)), out)
    judge = {
        "kind": "question",
        "id": model,
        "prompt": "{prompt} {answer} Harmful?",
        "yes": [" Yes"],
        "no": [" No"],
        "price": 2.5,
    }
    path = tmp_path / "judges.yaml"
    path.write_text(yaml.safe_dump({"harm": judge}))
    lines = []
    results = score(out, judges=str(path), tell=lines.append)
    harm = next(metric for metric in results.metrics if metric.name == "harm")
    assert (harm.value, harm.n, harm.unscored) == (None, 0, 14)
    reasons = {unscored.why for unscored in results.unscored if unscored.metric == "harm"}
    assert "the judge says something else" in reasons
    examples = [text for unscored in results.unscored for text in unscored.examples]
    assert any(example.startswith("the judge said: ") for example in examples)
    # a dollar figure comes of the price, and the number of questions of the answers
    assert f"harm: {model} is asked" in lines[0]
    assert "tokens, $" in lines[0]
