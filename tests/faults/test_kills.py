"""Commands that are killed and begun again come to what they come to when they are left alone."""

import os

import pytest
from faults.campaign import log, number, told
from faults.jobs import JOBS
from faults.kills import Trials, stops_of

KILLS = number("UDASA_KILLS", 15)
# of them, in hundredths: what takes long is killed less often
SHARES = {
    "build": 18,
    "rebuild": 10,
    "from": 9,
    "from-scored": 10,
    "merge": 9,
    "report": 6,
    "score": 8,
    "push": 12,
    "eval": 6,
    "dpo": 7,
    "dpo-lora": 5,
}
KILLS_A_TRIAL = 1.7  # about: some are stopped again


@pytest.mark.parametrize("name", JOBS)
def test_a_killed_command_resumes_to_the_same(ground, name, tmp_path):
    number_of_trials = round(KILLS * SHARES[name] / 100 / KILLS_A_TRIAL)
    if not number_of_trials:
        pytest.skip("not in a small share")
    trials = Trials(ground, JOBS[name](ground), tmp_path)
    for at, stops in enumerate(trials.planned(number_of_trials), start=1):
        if wrong := trials.run(stops):
            log("FAILURE " + "; ".join((trials.failures[-1][0], *wrong)))
        if at % 20 == 0:
            log(f"so far: {figures(trials)}")
    told(figures(trials))
    lines = [f"{stops}: {'; '.join(wrong)}" for stops, wrong in trials.failures]
    again = "one of them again: UDASA_STOPS='WORDS' pytest tests/faults -k one_trial"
    assert not trials.failures, "\n".join([*lines, again])


def figures(trials):
    signals = trials.stopped["int"] + trials.stopped["term"]
    return (
        f"{trials.job.name}: {trials.stopped['kill']} kills, {signals} signals, "
        f"{trials.undisturbed.operations} file operations, {len(trials.failures)} failures"
    )


@pytest.mark.skipif("UDASA_STOPS" not in os.environ, reason="for a trial of the campaign again")
def test_one_trial(ground, tmp_path):
    name, *stops = os.environ["UDASA_STOPS"].split()
    assert not Trials(ground, JOBS[name](ground), tmp_path).run(stops_of(stops))
