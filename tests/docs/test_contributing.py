"""CONTRIBUTING.md and docs/ are what they say: examples, quoted files, lines to add, links."""

import ast
import re
import runpy
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
import yaml

from udasa_data.errors import UserError
from udasa_eval.tasks import TaskNotes

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

NUMBER = re.compile(r"\d+\.\d+")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")


class Block(NamedTuple):
    """A fenced block that names its file: ```` ```python docs/examples/add_scorer.py ````."""

    language: str
    path: str
    text: str


def blocks_of(markdown: str) -> list[Block]:
    found = re.findall(r"^```(\w+) (\S+)\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)
    return [Block(*parts) for parts in found]


def blocks(language: str) -> dict[str, list[str]]:
    """The texts of CONTRIBUTING's blocks in a language, by the file that they name."""
    found: dict[str, list[str]] = {}
    for block in blocks_of(CONTRIBUTING):
        if block.language == language:
            found.setdefault(block.path, []).append(block.text)
    return found


def applied(text: str, diff: str) -> str:
    """The text with a diff's hunks (parted by ``@@``) in it; each must fit in one place."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines()
        before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
        assert f"\n{text}".count(f"\n{before}\n") == 1, f"fits nowhere, or twice:\n{hunk}"
        text = f"\n{text}".replace(f"\n{before}\n", f"\n{after}\n")[1:]
    return text


def anchors_of(markdown: str) -> set[str]:
    """The anchors that GitHub gives a page's headings; a repeated one is numbered from 1."""
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#{1,6} +(.*?)(?: +#+)? *$", FENCE.sub("", markdown), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # a link's text alone
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


def broken_links(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for link in LINK.findall(text):
        place, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        target = page.parent / place if place else page
        lost = not target.exists()
        if not lost and anchor and target.suffix == ".md":
            lost = anchor not in anchors_of(target.read_text(encoding="utf-8"))
        if lost:
            broken.append(link)
    return broken


@pytest.fixture(scope="module")
def printed():
    """What an example prints, run once a module."""
    known: dict[str, str] = {}

    def run(name, capsys):
        if name not in known:
            runpy.run_path(str(ROOT / "docs" / "examples" / name))
            known[name] = capsys.readouterr().out
        return known[name]

    return run


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_prints_what_contributing_says(path, printed, capsys):
    (told,) = blocks("text")[f"docs/examples/{path.name}"]
    found = printed(path.name, capsys)
    assert NUMBER.sub("#", found) == NUMBER.sub("#", told)
    # two digits are printed: the last may be rounded otherwise on another processor
    values = [[float(number) for number in NUMBER.findall(text)] for text in (found, told)]
    assert values[0] == pytest.approx(values[1], abs=0.011)


def test_the_scorer_is_one_column_more(printed, capsys):
    lines = printed("add_scorer.py", capsys).splitlines()
    # σ((words − 20) / 5): 8 words σ(−2.4) = .083, 4 words σ(−3.2) = .039, 33 words σ(2.6) = .931
    assert [line.split()[0] for line in lines] == ["8", "4", "33"]
    p = [[float(number) for number in NUMBER.findall(line)] for line in lines]
    assert [row[2] for row in p] == [0.08, 0.04, 0.93]
    # u_value = σ(mean ℓ + ½ sd ℓ) over the three columns, ℓ their log-odds; of the long answer
    # ℓ(.02, .46, .93) = −3.89, −.16, 2.59: mean −.49, sd 2.66, σ(.84) = .70; its p are rounded
    log_odds = np.log(p[2][:3]) - np.log1p(-np.array(p[2][:3]))
    u = 1 / (1 + np.exp(-(log_odds.mean() + log_odds.std() / 2)))
    assert p[2][3] == pytest.approx(u, abs=0.05)


def test_the_estimator_knows_its_nearest(printed, capsys):
    values = [
        [float(number) for number in NUMBER.findall(line)]
        for line in printed("add_estimator.py", capsys).splitlines()
    ]
    # nearest: Paris and "It is Paris." (.9 + .9) / 2 = .9 → .1; the Lyons (.6 + .8) / 2 = .7 → .3.
    # degree: 1 − (.9 + 0 + .1) / 3 = .67 twice; 1 − .7 / 3 = .77; 1 − (.1 + .1 + .7) / 3 = .70
    assert values == [[0.1, 0.67], [0.1, 0.67], [0.3, 0.77], [0.3, 0.7]]


def test_the_estimator_ignores_the_diagonal_and_keeps_nan():
    nearest = runpy.run_path(str(ROOT / "docs" / "examples" / "add_estimator.py"))["nearest"]
    entail = np.array([[np.nan, 0.2, 0.4], [0.6, 7.0, np.nan], [0.2, 0.0, 0.0]])
    # 0: the larger of (.2 + .6) / 2 = .4 and (.4 + .2) / 2 = .3; 1 and 2: their pair is not known
    assert nearest(entail) == pytest.approx([0.6, np.nan, np.nan], abs=1e-12, nan_ok=True)


def test_the_judge_tells_praise_from_blame(printed, capsys):
    lines = printed("add_judge.py", capsys).splitlines()
    praise, *blame = [float(line.split()[1]) for line in lines]
    assert praise > 0.9
    assert max(blame) < 0.3


def test_the_engine_turns_the_question_by_its_seed(printed, capsys):
    said = [line.split(": ", 1)[1] for line in printed("add_engine.py", capsys).splitlines()]
    assert len(said) == 8  # two prompts, four samples each
    for first in (0, 4):
        words = said[first].split()  # sample k has seed + k: it begins k words later
        assert [text.split() for text in said[first : first + 4]] == [
            words[k:] + words[:k] for k in range(4)
        ]


def test_the_reader_takes_only_its_rows(printed, capsys):
    first, counts = printed("add_reader.py", capsys).splitlines()
    document = ast.literal_eval(first)
    assert document["words"] == len(document["prompt"].split()) >= 8
    kept, left_out = (int(number) for number in re.findall(r"\d+", counts))
    assert kept + left_out == 100  # the embedded prompts for evaluation


def test_the_row_reader_says_where_a_line_is_short():
    read_psv = runpy.run_path(str(ROOT / "docs" / "examples" / "add_row_file.py"))["read_psv"]
    with pytest.raises(UserError, match=r"a\.psv, line 3: not the 2 fields of the header"):
        read_psv(Path("a.psv"), "question|context\r\na|b\r\nc\r\n")
    # a line separator inside a cell is a character like any other
    rows = read_psv(Path("a.psv"), "question|context\r\na\u2028b|\r\n")
    assert rows == [("line 2", {"question": "a\u2028b", "context": ""})]


def test_contributing_quotes_the_examples_verbatim():
    quoted = blocks("python")
    assert sorted(quoted) == [str(path.relative_to(ROOT)) for path in EXAMPLES]
    for path, texts in quoted.items():
        assert texts == [(ROOT / path).read_text(encoding="utf-8")]


def test_lines_to_add_have_their_place():
    for path, diffs in blocks("diff").items():
        text = (ROOT / path).read_text(encoding="utf-8")
        for diff in diffs:
            changed = applied(text, diff)
            assert changed != text
            if path.endswith(".py"):
                ast.parse(changed)
            else:
                yaml.safe_load(changed)


def test_the_task_that_contributing_writes_is_one():
    for path, texts in blocks("yaml").items():
        task = yaml.safe_load(texts[0])
        msgspec.convert(task["metadata"], TaskNotes, strict=False)
        assert (ROOT / path).parent.joinpath(task["include"]).is_file()


def test_files_that_contributing_names_are_there():
    prose = FENCE.sub("", CONTRIBUTING)
    named = re.findall(r"`((?:udasa_data|udasa_eval|tests|docs|benchmarks)/[\w./]+)`", prose)
    assert named
    to_be_written = {"udasa_data/scorers/brevity.py", "udasa_data/engines/echo.py"}
    assert {name for name in named if not (ROOT / name).exists()} == to_be_written


def test_contributing_shows_the_floors_of_the_house():
    from test_house import FLOORS

    for package, floors in FLOORS.items():
        (table,) = re.findall(
            rf"^`{package}`, which .*?\n\n(.*?)\n\n", CONTRIBUTING, re.MULTILINE | re.DOTALL
        )
        first_cells = [row.split("|")[1] for row in table.splitlines()[2:]]
        assert [set(re.findall(r"`(\w+)`", cell)) for cell in first_cells] == floors[::-1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "b.md").write_text("# One, `two`\n\n```\n# no heading\n```\n\n## One two\n")
    page = tmp_path / "a.md"
    page.write_text(
        "[a](b.md#one-two) [b](b.md#one-two-1) [c](b.md#no-heading) [d](c.md) [e](#none)\n"
        "[f](https://example.org/x) `[g](none.md)` ![h](none.png)\n\n```\n[i](none.md)\n```\n"
    )
    assert broken_links(page) == ["b.md#no-heading", "c.md", "#none", "none.png"]


def test_hunks_fit_once_or_not_at_all():
    assert applied("a\nb\nc\n", " a\n+x\n@@\n-c\n+d\n") == "a\nx\nb\nd\n"
    for diff in (" d\n+x\n", "-a \n+b\n"):
        with pytest.raises(AssertionError, match="fits nowhere"):
            applied("a\nb\nc\n", diff)
