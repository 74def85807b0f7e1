"""The notebook of the whole way: its cells, run in their order from an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs/tutorials/whole_way.ipynb"

# after the notebook's cells, what must have come of them
FACTS = """
import json, sys
print(json.dumps({
    "prompts": result.summary.counts.prompts,
    "answers": len(result.samples()),
    "stages": sorted(pairs["stage"].unique()),
    "dropped": sum(n for whys in result.summary.counts.dropped.values() for n in whys.values()),
    "rows_dropped": len(result.dropped()),
    "steps": trained.steps().group_by("stage").len()["len"].to_list(),
    "n": compared.metrics().filter("headline")["n"].to_list(),
    "trained_on": len(after.results.training_data),
    "page": page.path.is_file(),
}), file=sys.stderr)
"""


def cells():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_its_outputs_are_stripped():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells())


@pytest.mark.slow
def test_its_cells_run(tmp_path):
    program = "\n".join("".join(cell["source"]) for cell in cells()) + FACTS
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    facts = json.loads(done.stderr.splitlines()[-1])
    assert facts["prompts"] == 16
    assert facts["answers"] == 16 * 8
    assert facts["stages"] == ["conservative", "exploratory", "moderate"]
    assert facts["dropped"] == facts["rows_dropped"]
    assert facts["steps"] == [2, 2, 2]  # two a stage
    assert facts["n"] == [24]  # the prompts of the task
    assert facts["trained_on"] == 1  # the dataset, which the policy's own record names
    assert facts["page"]
