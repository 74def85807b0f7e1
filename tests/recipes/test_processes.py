"""Runs of two processes, their weights copied or parted, against one process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_dataset import save_dataset
from small_models import save_policy

ROOT = Path(__file__).parents[2]
RECIPE = """
policy: {{id: {policy}}}
order: [conservative, moderate]
training: {{learning_rate: 1.0e-3, steps: 3, batch: 4, max_length: 200}}
device_batch: 2
measures: {{prompts: 0}}
"""
DEEPSPEED = ROOT / "build" / "deepspeed"
KINDS = {
    "all weights": "optimizer: carry\ngradient_checkpointing: true\n",
    "against the SFT policy": "stages: {moderate: {reference: sft}}\nprecompute: false\n",
    "adapters": "lora: {adapter: continue, rank: 4, alpha: 8}\n",
}


def fsdp2():
    """What ``accelerate launch --config_file`` makes of our configuration, on two processes."""
    config = yaml.safe_load((ROOT / "recipes" / "accelerate" / "fsdp2_8gpu.yaml").read_text())
    options = {key.upper(): str(value) for key, value in config["fsdp_config"].items()}
    return {"ACCELERATE_USE_FSDP": "true", **options}


def zero3():
    config = yaml.safe_load((ROOT / "recipes" / "accelerate" / "deepspeed_zero3.yaml").read_text())
    return {
        "ACCELERATE_USE_DEEPSPEED": "true",
        "ACCELERATE_DEEPSPEED_CONFIG_FILE": config["deepspeed_config"]["deepspeed_config_file"],
        "ACCELERATE_MIXED_PRECISION": config["mixed_precision"],
        "ACCELERATE_USE_CPU": "0",
        "DS_ACCELERATOR": "cpu",
        "PYTHONPATH": str(DEEPSPEED),
    }


needs_deepspeed = [
    pytest.mark.deepspeed,
    pytest.mark.skipif(not DEEPSPEED.is_dir(), reason="no DeepSpeed: make test-deepspeed"),
]


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp("sft") / "policy")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return save_dataset(tmp_path_factory.mktemp("dataset"))


def run(folder, policy, place, more, *, processes=1, env=None):
    folder.mkdir()
    config = folder / "recipe.yaml"
    config.write_text(RECIPE.format(policy=policy) + more)
    one = {"UDASA_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    arguments = ["--config", config, "--data", place, "--out", folder / "out"]
    many = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    many.append(Path(__file__).parent / "parted_on_cpus.py")
    command = [sys.executable, *(many if processes > 1 else []), "recipes/staged_dpo.py"]
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, **one, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def trained(folder, policy, place, more, **options):
    done = run(folder, policy, place, more, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out", done.stdout


def check_equal(out, alone, policy, share):
    """Hold the final weights against another run's, up to a share of how far these have moved."""
    weights, found, began = (load_file(f / "model.safetensors") for f in (alone, out, policy))
    moved = sum((weights[name] - began[name]).square().sum() for name in weights).sqrt()
    apart = sum((weights[name] - found[name]).square().sum() for name in weights).sqrt()
    assert moved > 0
    assert apart < share * moved
    record = json.loads((out / "stages.json").read_text())
    assert [one["name"] for one in record["stages"]] == ["conservative", "moderate"]
    assert record["stages"][0]["first_step"]["loss"] == pytest.approx(0.6931, abs=5e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_end_where_one_does(tmp_path, policy, place, kind):
    alone, _ = trained(tmp_path / "one", policy, place, KINDS[kind])
    ways = {"copied": {}, "parted": fsdp2()} if kind == "adapters" else {"parted": fsdp2()}
    for way, env in ways.items():
        out, said = trained(tmp_path / way, policy, place, KINDS[kind], processes=2, env=env)
        check_equal(out, alone, policy, share=1e-4)
        shares = [tuple(map(int, pair)) for pair in re.findall(r"sharded: (\d+) of (\d+)", said)]
        assert all(0.4 < here / whole < 0.6 for here, whole in shares)
        assert len(shares) == (4 if way == "parted" else 0)  # two stages of two processes
        assert ("weights are sharded" in said) == (way == "parted" and kind.startswith("against"))


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=needs_deepspeed) for kind in ("against the SFT policy", "adapters")],
)
def test_deepspeed_ends_where_one_process_does(tmp_path, policy, place, kind):
    alone, _ = trained(tmp_path / "one", policy, place, KINDS[kind])
    out, said = trained(tmp_path / "parted", policy, place, KINDS[kind], processes=2, env=zero3())
    assert "weights are sharded" in said
    # multiplied in bfloat16, and kept in float32: bfloat16 weights would hardly have moved
    check_equal(out, alone, policy, share=0.05)
    assert {w.dtype for w in load_file(out / "model.safetensors").values()} == {torch.float32}


@pytest.mark.parametrize(
    ("more", "mixed", "told"),
    [
        pytest.param("optimizer: carry\n", "no", "optimizer: DeepSpeed", marks=needs_deepspeed),
        pytest.param("", "bf16", "mixed_precision: DeepSpeed", marks=needs_deepspeed),
    ],
)
def test_what_deepspeed_cannot_do_is_one_line(tmp_path, policy, place, more, mixed, told):
    env = zero3() | {"ACCELERATE_MIXED_PRECISION": mixed}
    done = run(tmp_path / "run", policy, place, more, processes=2, env=env)
    assert done.returncode != 0
    assert f"error: {told}" in done.stderr
    assert not (tmp_path / "run" / "out" / "stages.json").exists()
