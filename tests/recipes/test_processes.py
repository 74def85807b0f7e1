"""Runs of two processes, their weights copied (DDP) or parted (FSDP2), against one process."""

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


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp("sft") / "policy")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return save_dataset(tmp_path_factory.mktemp("dataset"))


def trained(folder, policy, place, more, *, processes=1, env=None):
    folder.mkdir()
    config = folder / "recipe.yaml"
    config.write_text(RECIPE.format(policy=policy) + more)
    one = {"UDASA_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    arguments = ["--config", config, "--data", place, "--out", folder / "out"]
    many = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    many.append(Path(__file__).parent / "fsdp_on_cpus.py")
    command = [sys.executable, *(many if processes > 1 else []), "recipes/staged_dpo.py"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, **one, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out", done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_end_where_one_does(tmp_path, policy, place, kind):
    alone, _ = trained(tmp_path / "one", policy, place, KINDS[kind])
    weights = load_file(alone / "model.safetensors")
    began = load_file(policy / "model.safetensors")
    moved = max((weights[name] - began[name]).abs().max() for name in weights)
    ways = {"copied": {}, "parted": fsdp2()} if kind == "adapters" else {"parted": fsdp2()}
    for way, env in ways.items():
        out, said = trained(tmp_path / way, policy, place, KINDS[kind], processes=2, env=env)
        shares = [tuple(map(int, pair)) for pair in re.findall(r"sharded: (\d+) of (\d+)", said)]
        assert all(0.4 < here / whole < 0.6 for here, whole in shares)
        assert len(shares) == (4 if way == "parted" else 0)  # two stages of two processes
        found = load_file(out / "model.safetensors")
        for name, weight in weights.items():
            torch.testing.assert_close(found[name], weight, rtol=0, atol=float(0.01 * moved))
        record = json.loads((out / "stages.json").read_text())
        assert [one["name"] for one in record["stages"]] == ["conservative", "moderate"]
        assert record["stages"][0]["first_step"]["loss"] == pytest.approx(0.6931, abs=1e-3)
        assert ("weights are sharded" in said) == (way == "parted" and kind.startswith("against"))
