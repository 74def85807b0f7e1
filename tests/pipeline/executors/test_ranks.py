"""One build by several processes that know nothing of each other."""

import os
import random

import forked
import pytest

from udasa_data import build
from udasa_data.config.presets import to_yaml
from udasa_data.errors import UserError
from udasa_data.pipeline.building import build_slice
from udasa_data.runs.store import Run

UDASA = ["-m", "udasa_data", "build"]


@pytest.fixture(scope="module")
def config_file(shared_config, tmp_path_factory):
    path = tmp_path_factory.mktemp("ranks") / "config.yaml"
    path.write_text(to_yaml(shared_config))
    return path


def start(config_file, out, *flags):
    fresh = os.environ | {"UDASA_CACHE": str(out)}  # what another run scored must not help
    return forked.Process(*UDASA, "--config", config_file, "--out", out, *flags, env=fresh)


def finished(process):
    """What a process printed, when it has ended well."""
    told, wrong = process.communicate(timeout=600)
    assert process.returncode == 0, wrong
    return told


@pytest.mark.slow
def test_four_ranks_in_random_order_then_the_plain_command(config_file, same_rows, tmp_path):
    """Two at a time, in an order drawn at random; ranks 0 and 1 have 2 of 6 shards, 2 and 3 one."""
    out = tmp_path / "run"
    order = random.Random(3).sample(range(4), 4)
    for some in (order[:2], order[2:]):
        ranks = {r: start(config_file, out, "--rank", r, "--world-size", 4) for r in some}
        for rank, process in ranks.items():
            told = f"rank {rank} of 4: {2 if rank < 2 else 1} of 6 shards"
            assert told in finished(process)
    assert not (out / "pairs.parquet").exists()
    made = {path: path.stat().st_mtime_ns for path in out.glob("s*/*.parquet")}
    assert len(made) == 24
    finished(start(config_file, out))
    assert {path: path.stat().st_mtime_ns for path in out.glob("s*/*.parquet")} == made
    same_rows(out)


@pytest.mark.slow
def test_two_processes_that_make_the_same_shards_at_once_do_no_damage(
    config_file, same_rows, shared_config, tmp_path
):
    out = tmp_path / "run"
    twins = [start(config_file, out, "--rank", 0, "--world-size", 1) for _ in range(2)]
    for twin in twins:
        finished(twin)
    build(shared_config, out)
    same_rows(out)
    assert not list(out.rglob(".tmp-*"))


def test_a_slice_waits_for_no_other_slice_but_for_a_build(shared_config, tmp_path):
    run = Run(tmp_path)
    busy = pytest.raises(UserError, match="another build")
    with run.locked(shared=True), run.locked(shared=True), busy:
        Run(tmp_path).locked().__enter__()
    with Run(tmp_path).locked(), pytest.raises(UserError, match="another build"):
        build_slice(shared_config, tmp_path, 0, 2)


def test_a_slice_of_another_run_is_refused(whole, shared_config):
    import msgspec

    other = msgspec.structs.replace(shared_config, seed=1)
    with pytest.raises(UserError, match=r"differs in: seed \(0 → 1\)"):
        build_slice(other, whole, 0, 2)


def test_the_first_proposal_is_what_all_agree_on(tmp_path):
    known = ("first", "second")
    assert Run(tmp_path).agree("a/b", "first", known) == "first"
    assert Run(tmp_path).agree("a/b", "second", known) == "first"
    (tmp_path / "a/b").write_text("damaged")
    assert Run(tmp_path).agree("a/b", "second", known) == "second"
    assert Run(tmp_path).start_manifest(seed=1)
    late = Run(tmp_path)
    assert not late.start_manifest(seed=2)
    late.reread()
    assert late.manifest == {"seed": 1}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rank", "1"], "--rank needs --world-size"),
        (["--world-size", "4"], "--world-size needs --rank"),
        (["--rank", "4", "--world-size", "4"], "ranks count from 0 to 3"),
        (["--rank", "0", "--world-size", "2", "--executor", "ray"], "exclude each other"),
        (["--workers", "2", "--address", "auto"], "--address, --workers: only with --executor ray"),
        (["--out", "s4://bucket/run"], "no file system 's4'"),
        (["--out", "s3://"], "names no bucket"),
    ],
)
def test_flags_that_do_not_go_together_are_one_clear_line(flags, message, tmp_path):
    out = [] if "--out" in flags else ["--out", str(tmp_path / "run")]
    done = forked.run(*UDASA, *out, *flags)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()
