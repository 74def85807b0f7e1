"""Commands that are killed and begun again come to what they come to when they are left alone."""

import os

import pytest
from faults.campaign import log, number, told
from faults.jobs import JOBS
from faults.kills import Trials, stops_of

KILLS = number("UDASA_KILLS", 24)
# of them, in hundredths: what takes long is killed less often
SHARES = {
    "build": 18,
    "rebuild": 10,
    "from": 9,
    "from-scored": 10,
    "merge": 9,
    "report": 4,
    "score": 10,
    "push": 12,
    "eval": 6,
    "dpo": 7,
    "dpo-lora": 5,
}
KILLS_A_TRIAL = 1.7  # about: some are stopped again


@pytest.mark.parametrize("name", JOBS)
def test_a_killed_command_resumes_to_the_same(ground, name, tmp_path):
    trials = Trials(ground, JOBS[name](ground), tmp_path)
    for stops in trials.planned(round(KILLS * SHARES[name] / 100 / KILLS_A_TRIAL) or 1):
        if wrong := trials.run(stops):
            log("FAILURE " + "; ".join((trials.failures[-1][0], *wrong)))
    kills = trials.stopped["kill"]
    signals = trials.stopped["int"] + trials.stopped["term"]
    told(
        f"{name}: {kills} kills, {signals} signals, {trials.undisturbed.operations} file "
        f"operations, {len(trials.failures)} failures"
    )
    lines = [f"{stops}: {'; '.join(wrong)}" for stops, wrong in trials.failures]
    assert not trials.failures, "\n".join([*lines, "run one by UDASA_STOPS='WORDS' pytest -k one"])


@pytest.mark.skipif("UDASA_STOPS" not in os.environ, reason="for a trial of the campaign again")
def test_one_trial(ground, tmp_path):
    name, *stops = os.environ["UDASA_STOPS"].split()
    assert not Trials(ground, JOBS[name](ground), tmp_path).run(stops_of(stops))
