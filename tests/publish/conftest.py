import json

import pytest
from hub_server import running

from udasa_data import build, resolve

WORDS = "apple bread cloud dance eagle fruit grape house"


@pytest.fixture(scope="session")
def run(small_config, tmp_path_factory):
    """A finished run of 24 prompts on three axes; its dataset is never written to.

    Most of them are continued, not answered: a policy with random weights ends few answers, and
    chat answers that do not end make no pairs.
    """
    root = tmp_path_factory.mktemp("published")
    axes = ("helpfulness", "harmlessness", "sentiment")
    rows = [
        {
            "prompt": f"{axis}: Say something about the {word}.",
            "axis": axis,
            "mode": "chat" if word < "c" else "completion",
        }
        for word in WORDS.split()
        for axis in axes
    ]
    prompts = root / "prompts.jsonl"
    prompts.write_text("\n".join(map(json.dumps, rows)))
    return build(resolve("tiny", {"prompts": [str(prompts)]}, file=small_config), root / "run")


@pytest.fixture
def hub(tmp_path):
    """A running test Hub, empty."""
    with running(tmp_path / "hub") as server:
        yield server
