"""A trained policy on the Hub: pushed by the recipe, loaded by its id by another process."""

import json
import os
import shutil
from pathlib import Path

import forked
import pytest
from hub_server import READER, TOKEN
from peft import LoraConfig, get_peft_model
from small_models import save_policy
from transformers import AutoModelForCausalLM

from udasa_data.errors import UserError
from udasa_recipes.staged.guards import Tokenised
from udasa_recipes.staged.ledger import (
    DatasetRecord,
    Ledger,
    PolicyRecord,
    Record,
    ReferenceRecord,
    StageRecord,
)
from udasa_recipes.staged.pushing import push_adapter

ROOT = Path(__file__).parents[2]
PUSH = """
import sys
from pathlib import Path
from udasa_recipes.staged.pushing import push
from udasa_data.errors import UserError
try:
    asked = dict.fromkeys(sys.argv[3:], True)
    print(push(Path(sys.argv[1]), sys.argv[2], **asked))
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


@pytest.fixture
def trained(tmp_path):
    """A run that trained an adapter in one stage, as its files are."""
    out = tmp_path / "trained"
    base = save_policy(tmp_path / "base")
    shutil.copytree(base, out)
    shutil.copytree(base, out / "stages/1-moderate/policy")
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.save_pretrained(out / "stages/1-moderate/adapter")
    (out / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Policy\n")
    stage = StageRecord(
        "moderate", 1, "", ReferenceRecord("previous", ""), DatasetRecord("data", None, ""), None,
        {}, Tokenised(1), 0, 1,
    )  # fmt: skip
    base_record, config = PolicyRecord("org/base", "abc", "", ""), {"lora": {"adapter": "continue"}}
    record = Record({}, base_record, None, [], config, {}, stages=[stage])
    ledger = Ledger(out)
    ledger.record = record
    ledger.save()
    return out


@pytest.mark.slow
def test_an_adapter_alone_and_stages_as_branches(trained, python):
    code, _, err = python(PUSH, trained, "org/adapter", "adapter", "stages")
    assert code == 0, err
    told = (
        "import json, sys\n"
        "from huggingface_hub import HfApi, hf_hub_download\n"
        "branch = '1-moderate'\n"
        "listed = HfApi().list_repo_files\n"
        "files = {r: listed('org/adapter', revision=r) for r in ('main', branch)}\n"
        "config = json.load(open(hf_hub_download('org/adapter', 'adapter_config.json')))\n"
        "print(json.dumps([files['main'], files[branch], config['base_model_name_or_path']]))\n"
    )
    code, said, err = python(told)
    assert code == 0, err
    main, stage, base = json.loads(said)
    assert "adapter_model.safetensors" in main
    assert "model.safetensors" not in main
    assert "model.safetensors" in stage
    assert base == "org/base"


def test_what_is_no_adapter_is_told(policy, trained):
    (trained / "stages/1-moderate/adapter").rename(trained / "stages/1-moderate/other")
    with pytest.raises(UserError, match="holds no adapter"):
        push_adapter(None, trained, "org/x")
