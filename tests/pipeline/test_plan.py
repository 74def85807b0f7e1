"""What a build will take, by a pilot on small models."""

import json
import tempfile

import msgspec
import pytest
from folder_contents import everything, put_foreign
from misbehaving_server import MisbehavingServer
from small_models import save_policy

from udasa_data import resolve
from udasa_data.pipeline.planning import gpu_memory, plan
from udasa_data.preflight import Prices


def test_gpu_memory_from_the_shape(tmp_path, small_config):
    """The small Llama: 2 heads of 16, 1 layer; cache = 2 · 1 · 32 · 2 bytes · 32,768 tokens."""
    from safetensors.torch import load_file

    policy = save_policy(tmp_path / "policy")
    parameters = sum(t.numel() for t in load_file(policy / "model.safetensors").values())
    memory = gpu_memory(policy, resolve("tiny", {}, file=small_config))
    assert memory.weights == pytest.approx(2 * parameters / 1e9)
    assert memory.cache == pytest.approx(2 * 1 * 32 * 2 * 32768 / 1e9)
    assert memory.seen is None or memory.seen > 0
    assert gpu_memory(tmp_path, resolve("tiny", {}, file=small_config)) is None


def test_a_pilot_of_all_prompts_is_the_truth(small_config, tmp_path, monkeypatch):
    """With every prompt in the pilot, the tokens are those of the build, exactly."""
    prompts = tmp_path / "prompts.jsonl"
    rows = [{"prompt": f"What is {n}?"} for n in "abcdefgh"]
    prompts.write_text("\n".join(map(json.dumps, rows)))
    config = resolve("tiny", {"prompts": [str(prompts)]}, file=small_config)
    made = plan(config, 8, Prices(hour=36.0, output_tokens=10.0))
    # 8 prompts · 4 answers, at most 12 tokens each
    assert made.output_tokens.value == made.output_tokens.high <= 8 * 4 * 12
    assert set(made.seconds) == {"samples", "scores", "dataset"}
    hours = sum(s.value for s in made.seconds.values()) / 3600
    expected = 36.0 * hours + 10.0 * made.output_tokens.value / 1e6
    assert made.money.value == pytest.approx(expected)
    assert made.disk.value > 0
    json.dumps(msgspec.to_builtins(made), allow_nan=False)
    temporary, working = (tmp_path / name for name in ("temporary", "working"))
    temporary.mkdir()
    foreign = put_foreign(working, "samples/notes.txt", "manifest.json")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(working)
    half = plan(config, 4)
    assert everything(working) == foreign
    assert everything(temporary) == {}  # the pilot's folder was its own, and is gone
    assert (half.prompts, half.pilot, half.money) == (8, 4, None)
    assert half.output_tokens.low <= made.output_tokens.value <= half.output_tokens.high


def test_steps_of_a_served_build_go_side_by_side(small_config, tmp_path):
    lines = small_config.read_text().splitlines(keepends=True)
    file, prompts = tmp_path / "served.yaml", tmp_path / "p.txt"
    file.write_text("".join(line for line in lines if not line.startswith("policy")))
    prompts.write_text("".join(f"What is {n}?\n" for n in "abcdefgh"))
    with MisbehavingServer(seconds=0.05) as server:
        flags = {"engine": "openai", "server": {"base_url": server.url}, "prompts": [str(prompts)]}
        made = plan(resolve("some-model", flags, file=file), 8, Prices(hour=3600.0))
    samples, scores, dataset = (
        made.seconds[step].value for step in ("samples", "scores", "dataset")
    )
    # a second costs 1: the longer of the two steps, and the dataset after it
    assert made.money.value == pytest.approx(max(samples, scores) + dataset)
    assert min(samples, scores) > 0
    assert any("the longer step counts" in note for note in made.notes)
