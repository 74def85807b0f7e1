"""Real Ray on this machine: two sampling actors and a scoring actor, killed at work."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import msgspec
import pytest
import ray

from udasa_data import build
from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_data.pipeline.executors.ray import RayExecutor
from udasa_data.pipeline.executors.ray_pools import Pools, size_pools

pytestmark = [
    pytest.mark.slow,
    # Ray's own: sockets and files that it leaves to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
]


@pytest.fixture(scope="module")
def cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        address="local",
        num_cpus=3,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 * 2**20,
    )
    yield
    ray.shutdown()


class Watch:
    """Records what the progress bar is told."""

    def __init__(self):
        self.told = []

    def start(self, step, total, done):
        self.told.append((step, total, done))

    def advance(self, prompts, tokens=0):  # noqa: ARG002 (of the protocol)
        self.told.append(prompts)

    def finish(self):
        self.told.append("end")


def sampling_actors():
    """The processes of sampling actors that descend from this one."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
            if "SamplingActor" in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:  # it has just ended
            continue

    def is_ours(pid):
        while pid > 1:
            if pid == os.getpid():
                return True
            pid = parents.get(pid, 0)
        return False

    return [pid for pid in found if is_ours(pid)]


def kill_a_sampling_actor(out, killed):
    """SIGKILL one sampling actor as soon as the first shard is there, with others still to make."""
    while not list(out.glob("samples/*[0-9a-f].parquet")):
        time.sleep(0.01)
    pid = sampling_actors()[0]
    os.kill(pid, signal.SIGKILL)
    killed.append((pid, len(list(out.glob("samples/*[0-9a-f].parquet")))))


def test_two_workers_one_killed_same_rows(cluster, shared_config, same_rows, tmp_path):
    out, killed, watch = tmp_path / "run", [], Watch()
    killer = threading.Thread(target=kill_a_sampling_actor, args=(out, killed), daemon=True)
    killer.start()
    result = build(shared_config, out, watch, RayExecutor(workers=2))
    killer.join(30)
    (_, finished_then) = killed[0]
    assert finished_then < 6
    same_rows(result.out)
    # one bar over the 12 prompts, moved as each of the 6 shards is done
    assert watch.told[:8] == [("shards", 12, 0), *[2] * 6, "end"]
    steps = json.loads((out / "manifest.json").read_text())["steps"]
    assert steps["samples"]["tokens"] == steps["scores"]["tokens"] > 0
    assert steps["samples"]["seconds"] > 0


def test_a_users_error_in_an_actor_is_the_users_line(cluster, shared_config, tmp_path, small):
    """A policy whose weights are damaged is found out by the actor that loads it."""
    policy = tmp_path / "policy"
    shutil.copytree(small["policy"], policy)
    (policy / "model.safetensors").write_bytes(b"no weights")
    broken = msgspec.structs.replace(shared_config, policy=ModelRef(id=str(policy)))
    with pytest.raises(UserError) as caught:
        build(broken, tmp_path / "run", executor=RayExecutor(workers=1))
    assert "cannot be loaded" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pools_fit_the_cluster():
    # 8 GPUs: 7 workers of one, ⌈7/4⌉ = 2 scorers of a quarter: 7.5; 8 workers would need 8.5
    assert size_pools({"CPU": 64, "GPU": 8}, None, None) == Pools(7, 1.0, 2, 0.25)
    # one GPU shared: 0.75 and 0.25
    assert size_pools({"CPU": 8, "GPU": 1}, 1, 0.75) == Pools(1, 0.75, 1, 0.25)
    # CPUs: 4 + ⌈4/2⌉ = 6; 5 + 3 = 8 is too many for 7
    assert size_pools({"CPU": 7}, None, None) == Pools(4, 0.0, 2, 0.0)
    with pytest.raises(UserError, match=r"1 GPUs: no room for 1 sampling .*lower --workers"):
        size_pools({"CPU": 8, "GPU": 1}, 1, None)
    with pytest.raises(UserError, match="2 CPUs"):
        size_pools({"CPU": 2}, 2, None)


def test_no_cluster_at_an_address(shared_config, tmp_path):
    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(UserError, match="no Ray cluster at 'auto'"):
        build(shared_config, tmp_path / "run", executor=RayExecutor(address="auto"))
