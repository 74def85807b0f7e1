import json
import shutil
import xml.etree.ElementTree as ET
from importlib.resources import files

import pytest
from safetensors.torch import load_file, save_file

from udasa_data.errors import UserError
from udasa_eval import RunOptions
from udasa_eval.frontier import frontier


def sharper(folder, target):
    """A copy of a policy whose logits are half as far apart again."""
    shutil.copytree(folder, target)
    weights = load_file(target / "model.safetensors")
    weights["model.norm.weight"] *= 1.5
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


@pytest.mark.slow
def test_checkpoints_stand_on_the_frontier_by_their_kl(tmp_path):
    # the embedded policy: what one of random weights writes is other tokens when it is read again
    same = str(shutil.copytree(files("udasa_data") / "tiny/lm", tmp_path / "policy"))
    other = sharper(same, tmp_path / "a/final")
    options = RunOptions(model=same, suite="tiny", reference=same)
    found = frontier(options, [str(other), same], tmp_path / "out")
    # the reference itself is at 0, exactly; the same model with surer choices is further
    assert [point.results for point in found.points] == ["policy", "final"]
    assert found.points[0].kl.value == 0.0
    assert found.points[1].kl.value > 0.0
    assert found.points[1].kl.low <= found.points[1].kl.value <= found.points[1].kl.high
    stored = json.loads((tmp_path / "out/frontier.json").read_text())
    assert [point["results"] for point in stored["points"]] == ["policy", "final"]
    assert ET.parse(tmp_path / "out/frontier.svg").getroot().tag.endswith("svg")
    before = (tmp_path / "out/frontier.svg").read_bytes()
    assert frontier(options, [str(other), same], tmp_path / "out") == found
    assert (tmp_path / "out/frontier.svg").read_bytes() == before


def test_without_a_reference_there_is_no_frontier(small, tmp_path):
    options = RunOptions(model=str(small["policy"]), suite="quick")
    with pytest.raises(UserError, match="needs a reference policy"):
        frontier(options, [str(small["policy"])], tmp_path)
