"""How the programs end: signals, full and closed outputs, faults of ours, other encodings."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys
from udasa_data.errors import UserError
from udasa_data.terminal import Screen, echo, run_app
def work(): {work}
run_app(work)
"""


def run(work, *arguments, **options):
    command = [sys.executable, "-c", PROGRAM.format(work=work), *arguments]
    given = {"capture_output": True, "text": True, **options}
    return subprocess.run(command, check=False, **given)


def test_a_mistake_of_the_users_is_one_line():
    done = run("raise UserError('first\\nsecond \\x1b]52;c;aGk=\\x07')")
    assert done.returncode == 1
    assert done.stderr == "error: first second ␛]52;c;aGk=␇\n"


def test_a_fault_of_ours_is_one_line_that_says_where_to_report_it():
    done = run("return {}['key']")
    assert done.returncode == 70
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: a fault of udasa itself (KeyError")
    assert "issues" in line
    assert "--traceback" in line


@pytest.mark.parametrize("asked", ["flag", "environment"])
def test_its_traceback_is_there_for_the_asking(asked):
    flag = ["--traceback"] if asked == "flag" else []
    environment = os.environ | ({} if flag else {"UDASA_TRACEBACK": "1"})
    done = run("assert sys.argv == ['-c'], sys.argv; {}['key']", *flag, env=environment)
    assert "Traceback (most recent call last)" in done.stderr
    assert "KeyError: 'key'" in done.stderr
    assert done.returncode == 70


def test_a_traceback_holds_no_key():
    environment = os.environ | {"HF_TOKEN": "hf_0123456789"}
    done = run("raise KeyError('hf_0123456789')", "--traceback", env=environment)
    assert "KeyError: '[HF_TOKEN]'" in done.stderr
    assert "hf_0123456789" not in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_one_line(number, status):
    work = (
        "\n from udasa_data.terminal import Bars; import time"
        "\n with Bars() as bars:"
        "\n  bars.start('samples', 40, 11); bars.advance(1); echo('ready'); time.sleep(60)"
    )
    command = [sys.executable, "-c", PROGRAM.format(work=work)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == status
    line = "interrupted; the same command resumes (samples: 12 of 40 prompts done)"
    assert said.splitlines()[-1] == line


def test_a_signal_before_there_is_anything_to_resume():
    work = "echo('ready'); import time; time.sleep(60)"
    command = [sys.executable, "-c", PROGRAM.format(work=work)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert said == "interrupted\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("how", ["echo('Δu → ok')", "Screen().print('Δu → ok')"])
def test_what_an_encoding_lacks_is_escaped(encoding, how):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run(how, env=environment)
    assert (done.returncode, done.stdout) == (0, "\\u0394u \\u2192 ok\n")


@pytest.mark.parametrize("how", ["echo('done')", "Screen().print('done')", "sys.stdout.write('x')"])
def test_a_full_output_is_one_line(how):
    with Path("/dev/full").open("w") as full:
        done = run(how, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    line = "error: the output cannot be written (No space left on device); the work itself is done"
    assert done.stderr.splitlines() == [line]


@pytest.mark.parametrize("how", ["echo('a' * 10)", "Screen().print('a' * 10)"])
def test_a_closed_pipe_is_no_fault(how):
    work = f"\n import time; time.sleep(.5)\n for _ in range(100_000): {how}"
    command = [sys.executable, "-c", PROGRAM.format(work=work)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.close()
        said = process.stderr.read()
        process.wait(30)
    assert (process.returncode, said) == (141, "")


def test_a_build_that_is_stopped_says_where_it_resumes(small_config, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"Say something of the number {n}." for n in range(400)))
    command = [sys.executable, "-m", "udasa_data", "build", "--model", "tiny"]
    command += ["--config", str(small_config), "--prompts", str(prompts), "--out", "run"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        while not list((tmp_path / "run").glob("samples/*.json")):
            time.sleep(0.05)
            assert process.poll() is None
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    *positions, line = said.splitlines()
    assert all(position.startswith("samples: ") for position in positions)  # of a slow machine
    assert line.startswith("interrupted; the same command resumes (samples: ")
    assert line.endswith("of 400 prompts done)")
