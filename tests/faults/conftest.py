import re
from collections import Counter

import pytest
from faults.jobs import Ground
from hub_server import running

FIGURES = {
    "kills": r"(\d+) kills",
    "signals": r"(\d+) signals",
    "file faults": r"(\d+) faults of",
    "mutated inputs": r"(\d+) inputs tried",
    "failures": r"(\d+) failures",
}


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """What the disturbed commands start from, and a Hub to push to."""
    root = tmp_path_factory.mktemp("ground")
    with running(tmp_path_factory.mktemp("hub")) as hub:
        yield Ground(root, hub)


def pytest_terminal_summary(terminalreporter):
    """Sum up the figures of a campaign."""
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    said = "".join(report.capstdout for report in ended if "/faults/" in report.nodeid)
    sums = Counter({what: sum(map(int, re.findall(one, said))) for what, one in FIGURES.items()})
    if sums.total():
        terminalreporter.section("faults")
        terminalreporter.write_line(", ".join(f"{sums[what]:,} {what}" for what in FIGURES))
