"""A build that makes nothing, or not all, says so: the reason, what to do, and status 1."""

import json

import datasets
import forked
import pytest
from small_models import TEMPLATE, save_policy

from udasa_data.config import resolve
from udasa_data.pipeline import build

REFUSES = (
    "{% for m in messages %}{% if m['role'] == 'system' %}"
    "{{ raise_exception('this template knows no system turn') }}{% endif %}{% endfor %}" + TEMPLATE
)
DROPS = TEMPLATE.replace("messages %}", "messages if m['role'] != 'system' %}", 1)


def run(*arguments):
    return forked.run("-m", "udasa_data", *arguments)


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.txt"
    path.write_text("\n".join(f"Tell me about number {n}." for n in range(12)))
    return path


@pytest.fixture(scope="module")
def whole(small_config, prompts, tmp_path_factory):
    """A build with pairs in all stages, to start from."""
    out = tmp_path_factory.mktemp("whole") / "run"
    options = {"prompts": [str(prompts)], "held_out": 0.0}
    return build(resolve("tiny", options, file=small_config), out)


def config(folder, text):
    path = folder / "more.yaml"
    path.write_text(text)
    return path


def loaded(stdout):
    """Do what the printed line of Python says."""
    (line,) = [line for line in stdout.splitlines() if line.startswith("datasets.load_dataset(")]
    return eval(line, {"datasets": datasets})


def test_no_pairs(whole, tmp_path):
    options = ("--config", config(tmp_path, "pairing: {near_equal: 0.0}"))
    done = run("build", "--from", whole.out, *options, "--out", tmp_path / "run")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: no pairs: ")
    assert "prompts are left out as " in line
    assert "; raise sampling." in line
    assert len(loaded(done.stdout)) > 0  # all is saved
    assert "no pairs" in (tmp_path / "run" / "dataset" / "README.md").read_text()
    again = run("build", "--from", whole.out, *options, "--out", tmp_path / "run", "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["reused"]
    pushed = run("push", tmp_path / "run", "org/name", "--dry-run")
    assert (pushed.returncode, pushed.stdout) == (1, "")
    assert "nothing to push: no pairs: " in pushed.stderr


def test_a_stage_without_pairs(whole, tmp_path):
    done = run("build", "--from", whole.out, "--cutoffs", "0.999,0.9999", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "note: stage conservative has no pairs: P(chosen better) goes from " in done.stdout
    assert '"exploratory", split="train"' in done.stdout
    assert loaded(done.stdout)["stage"][0] == "exploratory"
    card = (tmp_path / "run" / "dataset" / "README.md").read_text()
    assert 'load_dataset("PATH_OR_REPO", "exploratory", split="train")' in card


def test_all_pairs_held_out(whole, tmp_path):
    options = ("--config", config(tmp_path, "held_out: 0.999999"))
    done = run("build", "--from", whole.out, *options, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "pairs are held out (split test), none is left to train on" in done.stdout
    assert '"conservative", split="test"' in done.stdout
    assert len(loaded(done.stdout)) > 0


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (REFUSES, "takes no system turn (this template knows no system turn)"),
        (DROPS, "leaves a system turn out"),
    ],
)
def test_a_template_without_a_system_turn_is_tried_before_anything_is_written(
    template, problem, small_config, prompts, tmp_path
):
    policy = save_policy(tmp_path / "policy", template=template)
    more = small_config.read_text().replace("policy:", "system_prompt: Be brief.\nold:", 1)
    text = "\n".join(line for line in more.splitlines() if not line.startswith("old:"))
    file = config(tmp_path, f"{text}\npolicy: {{id: {policy}}}\n")
    arguments = ("build", "--model", "tiny", "--config", file, "--prompts", prompts)
    done = run(*arguments, "--out", tmp_path / "run")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.strip().splitlines()
    assert f"its chat template {problem}; leave out system_prompt" in line
    assert not (tmp_path / "run").exists()


def test_prompts_with_a_system_turn_of_their_own_are_set_aside(small_config, tmp_path):
    policy = save_policy(tmp_path / "policy", template=REFUSES)
    prompts = tmp_path / "prompts.jsonl"
    turns = '{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}'
    prompts.write_text(f'{{"messages": [{turns}]}}\n')
    lines = [x for x in small_config.read_text().splitlines() if not x.startswith("policy:")]
    file = config(tmp_path, "\n".join([*lines, f"policy: {{id: {policy}}}"]))
    arguments = ("build", "--model", "tiny", "--config", file, "--prompts", prompts)
    done = run(*arguments, "--out", tmp_path / "run")
    assert done.returncode == 1
    assert "error: no samples: 1 of 1 prompts are left out as malformed (the chat" in done.stderr
    assert loaded(done.stdout)["why"] == ["malformed"]


def test_a_file_of_which_nothing_is_scored(small_config, tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"prompt": "Hi?", "text": "Yes."}\n')
    out = tmp_path / "scores.parquet"
    done = run("score", answers, "--config", small_config, "--out", out)
    assert done.returncode == 1
    assert "error: no scores: all 1 prompts have fewer than three answers" in done.stderr
    assert out.exists()
