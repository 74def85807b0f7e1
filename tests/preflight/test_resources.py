"""Memory and disk, against what a machine has."""

import shutil

from udasa_data.preflight import Demand, Room, disk_items, memory_here, memory_items, size

GPU = Room("GPU", 24 * 10**9)


def test_a_demand_above_its_room_is_a_fault():
    demands = [Demand("the policy", 15 * 10**9, GPU), Demand("the scorers", 30 * 10**9, GPU)]
    (item,) = memory_items(demands, "take smaller ones")
    assert item.id == "24.0 GB of GPU there"
    assert item.detail == "the scorers 30.0 GB, the policy 15.0 GB"
    assert item.faults == (
        "memory: the scorers would take 30.0 GB of GPU, and 24.0 GB is there: take smaller ones",
    )
    assert memory_items([Demand("the policy", 0, GPU)], "") == []  # nothing is known of it


def test_download_and_run_share_a_disk(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    part = int(free * 0.6)  # each alone fits, both do not
    cache, out = tmp_path / "not" / "yet", tmp_path / "run"
    download, run = disk_items(part, cache, part, out)
    assert download.faults == ()
    assert run.faults[0].startswith(f"disk: run needs {size(2 * part)}, and ")
    assert disk_items(0, cache, None, out) == []
    assert [item.what for item in disk_items(part, cache, part, None)] == ["disk, download"]


def test_the_smallest_visible_gpu_counts(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    lines = "0, GPU-a, 81559\\n1, GPU-b, 24564\\n2, GPU-c, 24000"
    tool.write_text(f"#!/bin/sh\nprintf '{lines}\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("udasa_data.preflight.resources.version", lambda _: "2.13.0")
    for visible, mebibytes in {"0": 81559, "0,1": 24564, "GPU-c": 24000}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert memory_here() == Room("GPU", mebibytes * 2**20)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert memory_here().what == "RAM"
    monkeypatch.setattr("udasa_data.preflight.resources.version", lambda _: "2.13.0+cpu")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert memory_here().what == "RAM"  # torch could not use them
