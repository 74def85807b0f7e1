"""docs/reference/options.md is what its program makes of the code today."""

import importlib.util
from pathlib import Path

REFERENCE = Path(__file__).parents[2] / "docs/reference"


def load():
    spec = importlib.util.spec_from_file_location("options", REFERENCE / "options.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_of_todays_code():
    written = (REFERENCE / "options.md").read_text()
    assert written == load().page(), "run python docs/reference/options.py"


def test_bounds_defaults_and_comments_are_told():
    page = load().page()
    row = next(line for line in page.splitlines() if line.startswith("| `near_equal`"))
    assert "number ≥ 0, ≤ 1" in row
    assert "`0.9`" in row
    assert "character similarity" in row
