"""Inputs that once ended in a traceback, kept in the shared data beside the repository."""

import time
from pathlib import Path

import pytest
from faults.readers import kinds

from udasa_data.errors import UserError

FOLDER = Path(__file__).parents[3] / "shared" / "cases" / "fuzz-inputs"
INPUTS = sorted(FOLDER.glob("*.bin"))


@pytest.mark.skipif(not INPUTS, reason=f"no kept inputs here ({FOLDER})")
def test_there_are_kept_inputs():
    assert len(INPUTS) > 30


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_what_was_a_traceback_is_read_or_refused(path, tmp_path):
    reader = kinds(tmp_path / "examples")[path.name.partition("-")[0]].read
    (tmp_path / "input").mkdir()
    started = time.monotonic()
    try:
        reader(tmp_path / "input", path.read_bytes())
        line = ""
    except UserError as error:
        line = str(error)
    assert "\n" not in line
    assert time.monotonic() - started < 10
