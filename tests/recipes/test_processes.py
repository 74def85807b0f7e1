"""Runs of two processes, their weights copied or parted, against one process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import torch
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
ON_CPUS = Path(__file__).parent / "parted_on_cpus.py"
DEEPSPEED = ROOT / "build" / "deepspeed"
KINDS = {
    "all weights": "optimizer: carry\ngradient_checkpointing: true\n",
    "against the SFT policy": "stages: {moderate: {reference: sft}}\nprecompute: false\n",
    "adapters": "lora: {adapter: continue, rank: 4, alpha: 8}\n",
}


def launched(config, *options):
    """As docs/training.md launches it, on two processes."""
    launch = [Path(sys.executable).parent / "accelerate", "launch", "-q", "--num_processes", "2"]
    file = ROOT / "recipes" / "accelerate" / config
    return [*launch, "--main_process_port", "0", "--config_file", file, *options, ON_CPUS]


def fsdp2():
    # float32 throughout, to be held against one process
    return {"launch": launched("fsdp2_8gpu.yaml", "--mixed_precision", "no")}


def zero3(*options):
    env = {"ACCELERATE_USE_CPU": "0", "DS_ACCELERATOR": "cpu", "PYTHONPATH": str(DEEPSPEED)}
    return {"launch": launched("deepspeed_zero3.yaml", *options), "env": env}


def copied():
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    return {"launch": [sys.executable, *two, ON_CPUS]}


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


def run(folder, policy, place, more, *, launch=None, env=None):
    folder.mkdir()
    config = folder / "recipe.yaml"
    config.write_text(RECIPE.format(policy=policy) + more)
    one = {"UDASA_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    command = [
        "recipes/staged_dpo.py",
        "--config",
        config,
        "--data",
        place,
        "--out",
        folder / "out",
    ]
    # without coverage, which is not that of the recipes and slows down what they import
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_PROCESS")}
    options = {"cwd": ROOT, "env": {**kept, **one, **(env or {})}}
    if launch is None:
        return forked.run(*command, **options)
    return subprocess.run(
        [*launch, *command], capture_output=True, text=True, check=False, **options
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
    ways = {"copied": copied(), "parted": fsdp2()} if kind == "adapters" else {"parted": fsdp2()}
    for way, launch in ways.items():
        out, said = trained(tmp_path / way, policy, place, KINDS[kind], **launch)
        check_equal(out, alone, policy, share=1e-4)
        shares = [tuple(map(int, pair)) for pair in re.findall(r"sharded: (\d+) of (\d+)", said)]
        assert all(0.4 < here / whole < 0.6 for here, whole in shares)
        assert len(shares) == (4 if way == "parted" else 0)  # two stages of two processes
        parts = [json.loads((run / "stages.json").read_text()) for run in (out, alone)]
        held = [[stage["reference"]["sha256"] for stage in part["stages"]] for part in parts]
        assert held[0][0] == held[1][0]  # known though no process holds it whole


@pytest.mark.parametrize("kind", ["all weights", "against the SFT policy"])
def test_fsdp2_as_it_ships_begins_at_ln_2(tmp_path, policy, place, kind):
    """In bfloat16, as on GPUs: log-probabilities come and are summed in float32."""
    launch = {"launch": launched("fsdp2_8gpu.yaml")}
    out, _ = trained(tmp_path / "parted", policy, place, KINDS[kind], **launch)
    first, second = json.loads((out / "stages.json").read_text())["stages"]
    # rounded to bfloat16, sums of some 200 nats would be off by up to half a nat, and so would β
    # times that be off ln 2: what bfloat16 products leave is within the noise that was measured
    for stage in (first, second) if kind == "all weights" else (first,):
        assert stage["first_step"]["loss"] == pytest.approx(0.693147, abs=5e-4)
    if kind == "all weights":
        assert first["first_step"]["rms"] <= max(2e-2, 4 * first["first_step"]["noise"])


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=needs_deepspeed) for kind in ("against the SFT policy", "adapters")],
)
def test_deepspeed_ends_where_one_process_does(tmp_path, policy, place, kind):
    alone, _ = trained(tmp_path / "one", policy, place, KINDS[kind])
    out, _ = trained(tmp_path / "parted", policy, place, KINDS[kind], **zero3())
    record = json.loads((out / "stages.json").read_text())
    assert record["stages"][0]["reference"]["sha256"] == record["policy"]["weights_sha256"]
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
    options = ["--mixed_precision", mixed] if mixed != "no" else []
    done = run(tmp_path / "run", policy, place, more, **zero3(*options))
    assert done.returncode != 0
    assert f"error: {told}" in done.stderr
    assert not (tmp_path / "run" / "out" / "stages.json").exists()
