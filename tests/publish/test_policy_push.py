"""A trained policy on the Hub: pushed by the recipe, loaded by its id by another process."""

import os
from pathlib import Path

import forked
import pytest
from hub_server import READER, TOKEN
from small_models import save_policy

ROOT = Path(__file__).parents[2]
PUSH = """
import sys
from pathlib import Path
from udasa_recipes.staged.final import push
from udasa_data.errors import UserError
try:
    print(push(Path(sys.argv[1]), sys.argv[2]))
except UserError as error:
    sys.exit(f"error: {error}")
"""
LOAD = """
import sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
here, there = (AutoModelForCausalLM.from_pretrained(place) for place in sys.argv[1:])
AutoTokenizer.from_pretrained(sys.argv[2])
names = here.state_dict()
print(all(torch.equal(names[name], value) for name, value in there.state_dict().items()))
"""


@pytest.fixture
def policy(tmp_path):
    """A finished run's folder, with what is not to be published beside it."""
    folder = save_policy(tmp_path / "policy")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Policy\n")
    (folder / "stages.json").write_text("{}")
    for name in ("stages/1-conservative/policy", "measures"):
        (folder / name).mkdir(parents=True)
        (folder / name / "inside.json").write_text("{}")
    return folder


@pytest.fixture
def python(hub, tmp_path):
    """Runs a program that knows this Hub alone: (exit code, output, errors)."""

    def run(program, *arguments, token=TOKEN):
        environment = hub.environment(tmp_path / "home", token) | {
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
        }
        given = {"env": environment, "libraries": forked.LIBRARIES}
        done = forked.run("-c", program, *arguments, **given)
        assert not {TOKEN, READER} & set((done.stdout + done.stderr).split())
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    return run


@pytest.mark.slow
def test_a_pushed_policy_loads_by_its_id(policy, python):
    code, url, err = python(PUSH, policy, "org/policy")
    assert code == 0, err
    assert "/org/policy/commit/" in url
    assert python(LOAD, policy, "org/policy")[1] == "True"
    assert list(policy.glob("stages/*/*/inside.json"))  # and nothing here was touched


def test_a_reader_may_not_push(policy, python):
    code, _, err = python(PUSH, policy, "org/policy", token=READER)
    assert code == 1
    assert err.splitlines()[-1].startswith("error: --push org/policy: the Hub refused (403)")
    assert str(policy) in err
