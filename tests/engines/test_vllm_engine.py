"""vLLM itself and its OpenAI-compatible server, on a CPU, against the transformers engine."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from udasa_data import build, resolve
from udasa_data.config.build import ModelRef, Sampling
from udasa_data.config.engine import Server, Vllm
from udasa_data.engines.meter import Meter
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.errors import UserError
from udasa_data.storage.model_files import locate

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        find_spec("vllm") is None, reason="vLLM is not in this environment: make test-vllm"
    ),
]

POLICY = Path(str(files("udasa_data").joinpath("tiny", "lm")))
GREEDY = Sampling(samples=4, max_tokens=24, temperature=0.0)
DRAWN = Sampling(samples=4, max_tokens=24)
WINDOW = 256
TEXTS = [
    "How do I cook rice?",
    "What is the capital of France?",
    "Write two sentences that invite a friend to a picnic.",
    "Why is the sky blue? " * 6,
    "Hi",
    "Name three animals.",
]
PROMPTS = [
    *(PolicyPrompt((("user", text),), raw=False, seed=1024 * n) for n, text in enumerate(TEXTS)),
    PolicyPrompt((("user", "The film was"),), raw=True, seed=1024 * 100),
    PolicyPrompt((("system", "Be kind."), ("user", "Who are you?")), raw=False, seed=1024 * 101),
]
TOO_LONG = PolicyPrompt((("user", "far too long " * 100),), raw=False, seed=0)


@pytest.fixture(scope="module", autouse=True)
def small_memory():
    """vLLM's key-value cache on a CPU takes what it is given, and 4 GiB untold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        yield


@pytest.fixture(scope="module")
def vllm(small_memory):
    from udasa_data.engines.vllm import VllmEngine

    engine = VllmEngine(locate(ModelRef(id=str(POLICY))), Vllm(max_model_len=WINDOW), 0.9)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def url(small_memory, tmp_path_factory):
    """vLLM's own server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(POLICY), "--served-model-name", "lm", "--port", str(port)]
    command += ["--host", "127.0.0.1", "--enforce-eager", "--dtype", "float32"]
    command += ["--max-model-len", str(WINDOW), "--generation-config", "vllm"]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    deadline = time.monotonic() + 600
    while not answers_at(f"http://127.0.0.1:{port}/health"):
        assert server.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(1)
    yield f"http://127.0.0.1:{port}/v1"
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def answers_at(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def served(url):
    engine = OpenAIEngine("lm", Server(base_url=url), Meter())
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def reference():
    from udasa_data.engines.transformers import TransformersEngine

    return TransformersEngine(locate(ModelRef(id=str(POLICY))), 4096)


def answers(engine, prompts=PROMPTS, params=GREEDY):
    return dict(engine.sample(prompts, params, lambda n: None))


def test_greedy_answers_are_those_of_transformers(reference, vllm, served):
    expected = answers(reference)
    for engine in (vllm, served):
        found = answers(engine)
        for n, completions in expected.items():
            for one, other in zip(completions, found[n], strict=True):
                assert other.text == one.text, (engine.name, n)
                assert other.n_tokens == one.n_tokens
                assert other.finish_reason == one.finish_reason
                assert other.seed == one.seed
                assert other.sum_logprob == pytest.approx(one.sum_logprob, abs=1e-3)
    assert {c[0].finish_reason for c in expected.values()} == {"stop", "length"}


@pytest.mark.parametrize("choices", [["Yes", " Yes", "No", " No"], ["Yes", "The answer is no"]])
def test_choices_weigh_the_same(reference, vllm, served, choices):
    expected = reference.choice_logprobs([*PROMPTS, TOO_LONG], choices)
    assert np.isfinite(expected[:-1]).all()
    for engine in (vllm, served):
        found = engine.choice_logprobs([*PROMPTS, TOO_LONG], choices)
        assert found[:-1] == pytest.approx(expected[:-1], abs=1e-3), engine.name
        assert np.isnan(found[-1]).all()  # the window is smaller here
    assert served._choices._by_ids  # this server knows them


@pytest.mark.parametrize("engine", ["vllm", "served"])
def test_drawn_answers_differ_and_do_not_depend_on_what_goes_beside(engine, request):
    engine = request.getfixturevalue(engine)
    together = answers(engine, params=DRAWN)
    for n, completions in together.items():
        assert len({c.text for c in completions}) > 1
        assert [c.seed for c in completions] == [PROMPTS[n].seed + k for k in range(4)]
    alone = answers(engine, PROMPTS[2:3], DRAWN)[0]
    assert [c.text for c in alone] == [c.text for c in together[2]]


@pytest.mark.parametrize("engine", ["vllm", "served"])
def test_one_over_long_prompt_does_not_end_the_job(engine, request):
    found = answers(request.getfixturevalue(engine), [*PROMPTS[:2], TOO_LONG, *PROMPTS[2:4]])
    assert isinstance(found[2], SetAside)
    assert found[2].why == "too_long"
    assert sum(isinstance(one, list) for one in found.values()) == 4


def test_a_draw_follows_the_model(vllm):
    """The mean log-probability of a first token is minus the entropy, within 4 standard errors."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    params = Sampling(samples=512, max_tokens=1)
    drawn = np.array([c.sum_logprob for c in answers(vllm, PROMPTS[6:7], params)[0]])
    ids = AutoTokenizer.from_pretrained(POLICY)("The film was", return_tensors="pt").input_ids
    with torch.inference_mode():
        logits = AutoModelForCausalLM.from_pretrained(POLICY)(ids).logits[0, -1]
    p = logits.log_softmax(-1).double()
    mean = float((p.exp() * p).sum())
    sd = float((p.exp() * (p - mean) ** 2).sum().sqrt())
    assert drawn.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(512))


def config_of(small_config):
    path = small_config.with_name("for_vllm.yaml")
    lines = small_config.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("policy")))
    return path


def test_a_build_with_the_policy_as_judge_from_the_server(small_config, url, tmp_path):
    file = config_of(small_config)
    server = {"base_url": url, "prices": {"input": 1.0, "output": 2.0}}
    flags = {"engine": "openai", "server": server, "limit": 8, "judge": {"principles": 1}}
    made = build(
        resolve("lm", {**flags, "scoring": {"factual": "p_true"}, "prompts": ["tiny"]}, file=file),
        tmp_path / "run",
    )
    samples = pl.read_parquet(made.folder / "data" / "samples" / "*.parquet")
    assert len(samples) == 8 * 4
    assert (samples["sum_logprob"] < 0).all()
    chat = samples.filter((pl.col("axis") != "sentiment") & (pl.col("text") != ""))
    # two scorers and the judge; and compliance, or a refusal, that is out of place
    assert chat["p_violation"].list.len().is_in([3, 4]).all()
    assert not any("server" in note for note in made.summary.notes)  # it can do all that is asked


@pytest.mark.slow
def test_more_prompts_than_a_step_reads(vllm):
    """A seeded draw after a half-read prompt is taken back, which vLLM 0.32 cannot on a CPU."""
    prompts = [
        PolicyPrompt((("user", f"{n}: " + "why is the sky blue? " * 12),), raw=False, seed=64 * n)
        for n in range(80)
    ]
    found = answers(vllm, prompts, Sampling(samples=4, max_tokens=2))
    assert sorted(found) == list(range(80))
    assert all(len(of_prompt) == 4 for of_prompt in found.values())


def test_a_killed_build_leaves_no_process_and_goes_on(small_config, tmp_path):
    """Killed after its first shard: vLLM's processes end too, and the rest of the rows come."""
    out, file = tmp_path / "run", config_of(small_config)
    file.write_text(file.read_text() + f"vllm: {{max_model_len: {WINDOW}}}\n")
    command = [sys.executable, "-m", "udasa_data", "build", "--engine", "vllm", "--out", str(out)]
    command += ["--model", str(POLICY), "--prompts", "tiny", "--limit", "160", "--json"]
    command += ["--config", str(file), "--max-tokens", "96"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 900
    while not list((out / "samples").glob("0*.parquet")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = descendants(process.pid)
    assert workers
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.read_bytes() for path in (out / "samples").glob("0*.parquet")}
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(before) < 2 * 40  # it was not done
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert all(path.read_bytes() == content for path, content in before.items())
    samples = pl.read_parquet(out / "dataset" / "data" / "samples" / "*.parquet")
    assert samples.group_by("prompt_id").len()["len"].to_list() == [4] * 160


@pytest.mark.parametrize("engine", ["vllm", "openai"])
def test_the_evaluation_draws_its_answers_from_it(engine, url, tmp_path):
    from udasa_eval.running import RunOptions, run

    config = tmp_path / "engine.yaml"
    told = {"vllm": f"vllm: {{max_model_len: {WINDOW}}}", "openai": f"server: {{base_url: {url}}}"}
    config.write_text(told[engine] + "\n")
    model = {"vllm": str(POLICY), "openai": "lm"}[engine]
    options = RunOptions(model=model, suite="tiny", engine=engine, config=str(config))
    results = run(options, tmp_path / "out")
    assert results.engine == engine
    assert all(metric.unscored == 0 and metric.n > 0 for metric in results.metrics)
    tasks = {task.name for task in results.tasks}
    # a server gives no log-probabilities of given texts
    assert ("udasa_tiny_truthful_two_choice" in tasks) == (engine == "vllm")
    assert any("no log-probabilities" in note for note in results.notes) == (engine == "openai")


def descendants(pid):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            child = int(path.parent.name)
            found += [child, *descendants(child)]
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_lost_worker_is_said_in_one_line_and_close_ends_them(small_memory):
    from udasa_data.engines.vllm import VllmEngine

    engine = VllmEngine(locate(ModelRef(id=str(POLICY))), Vllm(max_model_len=WINDOW), 0.9)
    worker = engine._workers[0]._process.pid
    below = descendants(worker)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(UserError, match="ended unasked"):
        answers(engine)
    engine.close()
    assert not any(alive(pid) for pid in [worker, *below])


def test_a_model_that_vllm_cannot_load(tmp_path, small_memory):
    from small_models import save_policy

    from udasa_data.engines.vllm import VllmEngine

    folder = save_policy(tmp_path / "m", window=64)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"in vLLM: .* \(all of it: /") as raised:
        VllmEngine(locate(ModelRef(id=str(folder))), Vllm(max_model_len=64), 0.9)
    log = Path(str(raised.value).rpartition("all of it: ")[2].rstrip(")"))
    assert "Traceback" in log.read_text()
    log.unlink()
