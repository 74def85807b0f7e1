"""The command line as a user meets it: separate processes, real exit codes."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import forked
import polars as pl
import pytest

UDASA = ["-m", "udasa_data"]


def run(*arguments):
    return forked.run(*UDASA, *arguments)


def one_clear_line(done):
    """A user's mistake: non-zero, nothing on stdout, one line on stderr, no traceback."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.txt"
    path.write_text("\n".join(f"Tell me about number {n}." for n in range(80)))
    return path


@pytest.fixture(scope="module")
def finished(small_config, prompts, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    options = ("--config", small_config, "--model", "tiny", "--prompts", prompts, "--out", out)
    # this one from its first import on
    command = [sys.executable, *UDASA, "build", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out, done


def test_the_table_tells_what_was_made(finished):
    out, done = finished
    for word in (
        "prompts",
        "samples",
        "pairs",
        "conservative",
        "mean Δu",
        "tokens/s",
        "semantic ~ length",
        "chosen is longer",
        "load_dataset",
    ):
        assert word in done.stdout
    assert done.stderr == ""
    pairs = len(pl.read_parquet(out / "pairs.parquet"))
    assert any(line.split()[:2] == ["pairs", str(pairs)] for line in done.stdout.splitlines())


def test_the_same_command_does_nothing_quickly(finished, small_config, prompts):
    out, _ = finished
    arguments = ("--config", small_config, "--model", "tiny", "--prompts", prompts, "--out", out)
    done = run("build", *arguments)
    assert "Nothing to do" in done.stdout
    as_json = json.loads(run("build", *arguments, "--json").stdout)
    assert as_json["reused"] is True
    assert as_json["counts"]["prompts"] == 80


def test_show(finished):
    done = run("show", finished[0], "--stage", "moderate", "-n", "2")
    assert done.returncode == 0
    moderate = pl.read_parquet(finished[0] / "pairs.parquet").filter(pl.col("stage") == "moderate")
    assert done.stdout.count("--- moderate") == min(2, len(moderate)) > 0
    assert "semantic" in done.stdout
    assert not any(line.endswith("  ") for line in done.stdout.splitlines())  # not padded
    of_folder = run("show", finished[0] / "dataset", "--stage", "moderate", "-n", "2")
    assert of_folder.stdout == done.stdout


def test_models():
    done = run("models")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("tiny", "smollm", "qwen", "llama", "mistral"))


def test_dry_run_writes_nothing(small_config, prompts, tmp_path):
    out = tmp_path / "none"
    arguments = ("--config", small_config, "--prompts", prompts, "--out", out, "--dry-run")
    done = run("build", "--model", "tiny", *arguments)
    assert "80 prompts" in done.stdout
    assert "samples: 0 of 20 shards" in done.stdout
    assert json.loads(run("build", "--model", "tiny", *arguments, "--json").stdout)["prompts"] == 80
    assert not out.exists()


def test_a_dry_run_says_what_is_left_out_and_why(small_config, tmp_path):
    file = tmp_path / "roles.jsonl"
    tool = {"role": "tool", "content": "4 C"}
    rows = [{"messages": [{"role": "human", "content": "Is water wet?"}], "mode": "train"}]
    rows += [{"messages": [tool]}, {"messages": [tool]}, {"messages": "[{'role': 'user', 'con"}]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    arguments = (
        "--config",
        small_config,
        "--prompts",
        file,
        "--out",
        tmp_path / "out",
        "--dry-run",
    )
    done = run("build", "--model", "tiny", *arguments)
    assert "1 prompts (3 rows left out)" in done.stdout
    assert "axis helpfulness: 1 prompts" in done.stdout  # of messages, where none is named
    example = "as in roles.jsonl line 2: {'role': 'tool', 'content': '4 C'}"
    assert f"2 rows left out, malformed: role 'tool' is not supported; {example}" in done.stdout
    assert "1 row left out, malformed: messages looks like a list of messages, but" in done.stdout
    assert "roles.jsonl: column 'mode' holds 'train': not read as the mode" in done.stdout
    facts = json.loads(run("build", "--model", "tiny", *arguments, "--json").stdout)
    assert facts["axes"] == {"helpfulness": 1}
    assert (facts["left_out"], [reason["rows"] for reason in facts["reasons"]]) == (3, [2, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "mistrl"], "did you mean 'mistral'"),
        (["--model", "./nowhere", "--scorers", "tiny"], "no such folder"),
        (["--prompts", "missing.jsonl"], "missing.jsonl: no such file or folder"),
        (["--config", "missing.yaml"], "missing.yaml: cannot be read"),
        (["--temperature", "-1"], "sampling.temperature"),
        (["--engine", "vllm"], "vLLM is not installed"),
        (["--scorers", "tin"], "did you mean 'tiny'"),
    ],
)
def test_mistakes_are_one_clear_line(arguments, message, tmp_path):
    out = tmp_path / "run"
    assert message in one_clear_line(run("build", *arguments, "--out", out))
    assert not out.exists()


def test_wrong_flags_are_the_parsers():
    for arguments in (["--samples", "few"], ["--modle", "x"], ["--limit", "0"], ["--engine", "x"]):
        done = run("build", *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_a_hub_model_without_network_is_one_clear_line(tmp_path):
    # HF_HUB_OFFLINE is set for all tests
    line = one_clear_line(
        run("build", "--model", "mistral", "--prompts", "tiny", "--out", tmp_path / "r")
    )
    assert "the Hub cannot be reached" in line
    assert not (tmp_path / "r").exists()


def test_show_of_nothing(tmp_path):
    assert "no finished run" in one_clear_line(run("show", tmp_path))


def killed_at_a_random_moment(command, out, moments):
    """True when SIGKILL met the build at work, False when it had ended before."""
    before = len(list(out.rglob("*.parquet")))
    fresh = os.environ | {"UDASA_CACHE": str(out)}  # what another run scored must not help
    process = forked.Process(*command, env=fresh)
    while process.poll() is None and len(list(out.rglob("*.parquet"))) <= before:
        time.sleep(0.01)
    time.sleep(moments.uniform(0.0, 0.25))
    process.kill()
    return process.wait() == -signal.SIGKILL


def assert_same_rows(whole, resumed):
    for path in [*whole.glob("*.parquet"), *(whole / "dataset").rglob("*.parquet")]:
        twin = resumed / path.relative_to(whole)
        assert pl.read_parquet(path).equals(pl.read_parquet(twin), null_equal=True), path


@pytest.mark.slow
def test_killed_ten_times_the_rows_are_the_same(finished, small_config, prompts, tmp_path):
    """SIGKILL at ten random moments of the work, resumed each time; a run that ended is checked."""
    options = ("--config", small_config, "--model", "tiny", "--prompts", prompts)
    moments = random.Random(0)
    out = tmp_path / "killed"
    kills = 0
    while kills < 10:
        command = [*UDASA, "build", *options, "--out", out]
        if killed_at_a_random_moment(command, out, moments):
            kills += 1
        else:
            assert_same_rows(finished[0], out)
            out = tmp_path / f"killed-from-{kills}"
    assert run("build", *options, "--out", out).returncode == 0
    assert_same_rows(finished[0], out)
