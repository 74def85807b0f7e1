"""README.md names a test for each case and report, and each of them is there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LINES = (HERE / "README.md").read_text(encoding="utf-8").splitlines()
CASES = [line for line in LINES if re.match(r"\| \d\d \|", line)]
REPORTS = {m[1]: line for line in LINES if (m := re.match(r"\| \[([\w.-]+)\]\(", line))}
TEST = re.compile(r"\[`(test_\w+)`\]\(([\w./]+)\)")


def test_there_are_reports():
    assert len(CASES) >= 16
    assert len(REPORTS) >= 30


@pytest.mark.parametrize("line", [*CASES, *REPORTS.values()], ids=lambda line: line.split("|")[1])
def test_the_tests_of_a_row_are_there(line):
    assert "https://github.com/" in line
    named = TEST.findall(line)
    assert named
    for test, path in named:
        assert f"def {test}(" in (HERE / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_named_by_its_tests(report):
    for _, path in TEST.findall(REPORTS[report]):
        if not path.startswith(".."):
            assert report in (HERE / path).read_text(encoding="utf-8")
