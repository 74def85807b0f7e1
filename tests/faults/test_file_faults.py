"""Damaged files are made again, done without, or refused by one line; never believed."""

import os

import pytest
from faults.campaign import log, number, told
from faults.file_faults import FileFaults
from faults.scenes import SCENES

FAULTS = number("UDASA_FILE_FAULTS", 10)
# of them, in hundredths
SHARES = {
    "build_again": 12,
    "build_on": 9,
    "rebuild": 9,
    "from_again": 5,
    "report": 7,
    "show": 5,
    "verify": 5,
    "diff": 5,
    "merge": 5,
    "score_again": 4,
    "score_cached": 5,
    "answers": 3,
    "eval_again": 6,
    "eval_on": 4,
    "compare": 5,
    "dpo_again": 5,
    "dpo_on": 4,
    "inputs": 5,
}


@pytest.mark.parametrize("name", SCENES)
def test_damage_is_never_believed(ground, name, tmp_path):
    if not round(FAULTS * SHARES[name] / 100):
        pytest.skip("not in a small share")
    scene = SCENES[name](ground)
    faults = FileFaults(ground, scene, tmp_path)
    tried = 0
    for fault in faults.planned(round(FAULTS * SHARES[name] / 100)):
        tried += 1
        if wrong := faults.run(*fault):
            log("FAILURE " + "; ".join((faults.failures[-1][0], *wrong)))
    kinds = len(faults.files)
    told(
        f"{name}: {tried} faults of {kinds} kinds of files, {faults.refused} refused, "
        f"{len(faults.failures)} failures"
    )
    lines = [f"{words}: {'; '.join(wrong)}" for words, wrong in faults.failures]
    assert not faults.failures, "\n".join(
        [*lines, "one of them again: UDASA_FILE_FAULT='WORDS' pytest tests/faults -k one_fault"]
    )


@pytest.mark.skipif("UDASA_FILE_FAULT" not in os.environ, reason="for a fault of the campaign")
def test_one_fault(ground, tmp_path):
    name, path, fault, seed = os.environ["UDASA_FILE_FAULT"].split()
    assert not FileFaults(ground, SCENES[name](ground), tmp_path).run(path, fault, int(seed))
