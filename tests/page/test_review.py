"""People review pairs in the page, a build takes their verdicts in; the page is for everyone."""

import json
import os
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from browser import chromium

import udasa_data
from benchmarks.inputs.synthetic import scored_answers, write_run
from udasa_data.config import STAGE_COLOURS, resolve
from udasa_data.page import write_report
from udasa_data.runs import open_finished


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review") / "run"
    write_run(
        folder / "dataset", scored_answers(120), resolve("tiny", {"pairing": {"noise_z": 0.1}})
    )
    write_report(str(folder))
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


def opened(browser, run, **options):
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    tab = context.new_page()
    tab.goto((run / "report.html").as_uri())
    tab.wait_for_selector("html[data-ready]")
    return tab


@pytest.fixture(scope="module")
def exported(browser, run, tmp_path_factory):
    """Four verdicts by keyboard alone, a fifth taken back by mouse; the file that comes out."""
    tab = opened(browser, run)
    assert tab.locator("#export").is_disabled()
    for (
        key
    ) in "jafrn":  # to the first; approve it, flip the next, reject the third, note the fourth
        tab.keyboard.press(key)
    tab.keyboard.type("too short a joke")  # no letter of it is a command
    tab.keyboard.press("Enter")
    tab.keyboard.press("a")
    fifth = tab.locator("#rows > li").nth(4)
    fifth.get_by_role("button", name="flip").click()
    assert fifth.get_by_role("button", name="flip").get_attribute("aria-pressed") == "true"
    fifth.get_by_role("button", name="flip").click()
    assert tab.text_content("#reviewed").startswith("4 of ")
    tab.reload()  # nothing is lost
    tab.wait_for_selector("html[data-ready]")
    assert tab.text_content("#reviewed").startswith("4 of ")
    with tab.expect_download() as download:
        tab.click("#export")
    file = tmp_path_factory.mktemp("exported") / download.value.suggested_filename
    download.value.save_as(file)
    tab.select_option("#kind", "told")
    tab.wait_for_function("() => document.querySelectorAll('#rows > li').length === 4")
    return file


def test_what_is_exported(exported, run):
    assert exported.name == "reviews.jsonl"
    rows = [json.loads(line) for line in exported.read_text().splitlines()]
    by_gap = open_finished(str(run)).pairs.sort("delta_u", descending=True).head(4)
    verdicts = {row["prompt_id"]: row["verdict"] for row in rows}
    assert [verdicts[key] for key in by_gap["prompt_id"]] == [
        "approve",
        "flip",
        "reject",
        "approve",
    ]
    assert [row["note"] for row in rows if row["note"]] == ["too short a joke"]
    pair = by_gap.row(0, named=True)
    row = next(row for row in rows if row["prompt_id"] == pair["prompt_id"])
    assert (row["chosen_id"], row["rejected_id"]) == (pair["chosen_id"], pair["rejected_id"])
    assert (row["chosen"], row["stage"]) == (pair["chosen"][0]["content"], pair["stage"])


def test_a_build_takes_the_verdicts_in(exported, run, tmp_path):
    made = udasa_data.build(from_=run, review=exported, out=tmp_path / "new", progress=False)
    before, after = open_finished(str(run)).pairs, made.pairs()
    first, second, third, _ = before.sort("delta_u", descending=True)["prompt_id"].head(4)
    marks = dict(after.select("prompt_id", "review").iter_rows())
    assert (marks[first], marks[second]) == ("approved", "flipped")
    assert third not in marks
    assert sum(mark is not None for mark in marks.values()) == 3
    turned = after.filter(pl.col("prompt_id") == second).row(0, named=True)
    old = before.filter(pl.col("prompt_id") == second).row(0, named=True)
    assert (turned["chosen"], turned["rejected"]) == (old["rejected"], old["chosen"])
    assert (turned["stage"], turned["p_chosen_better"]) == ("conservative", 1.0)
    assert made.summary.counts.dropped["pair"]["reviewed"] == 1
    card = (Path(made.folder) / "README.md").read_text()
    assert "## Reviewed by people" in card
    again = udasa_data.build(from_=run, review=exported, out=tmp_path / "new", progress=False)
    assert again.reused
    assert udasa_data.verify(made, progress=False).checks[1].passed
    without = udasa_data.build(from_=made.out, out=tmp_path / "plain", progress=False)
    assert without.pairs()["review"].null_count() == len(without.pairs())


@pytest.mark.parametrize("width", [420, 1280, 1900])
def test_nothing_is_wider_than_the_window(browser, run, width):
    tab = opened(browser, run, viewport={"width": width, "height": 900})
    tab.locator(".head button").first.click()
    tab.wait_for_selector(".more table")
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    wide = tab.evaluate(
        "[...document.querySelectorAll('#rows > li, figure')]"
        ".filter((x) => x.getBoundingClientRect().right > innerWidth).length"
    )
    assert wide == 0


def test_printed_it_is_on_white_without_controls(browser, run):
    tab = opened(browser, run, color_scheme="dark")
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for name in ("#filters", "#theme", ".pager", ".review", "#export"):
        assert not tab.locator(name).first.is_visible(), name
    assert tab.locator("figure").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_one_palette_and_its_contrast(browser, run, scheme):
    tab = opened(browser, run, color_scheme=scheme)
    for stage, shade in STAGE_COLOURS.items():
        colour = tab.evaluate(
            f"getComputedStyle(document.documentElement).getPropertyValue('--{stage}').trim()"
        )
        assert colour == getattr(shade, scheme)
        assert _contrast(colour, {"light": "#ffffff", "dark": "#1b1d21"}[scheme]) >= 4.5


def _contrast(a, b):
    """WCAG 2.2's contrast ratio of two colours."""

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_headings_and_names_for_who_does_not_see(browser, run):
    tab = opened(browser, run)
    levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])")
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))  # none is left out
    nameless = tab.evaluate(
        "[...document.querySelectorAll('th')].filter((x) => !x.textContent.trim()).length"
    )
    assert nameless == 0


@pytest.mark.skipif(
    "UDASA_AXE" not in os.environ, reason="set UDASA_AXE to axe.min.js of npm's axe-core"
)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (420, "light")])
def test_axe_finds_nothing(browser, run, width, scheme):
    size = {"width": width, "height": 900}
    tab = opened(browser, run, viewport=size, color_scheme=scheme, bypass_csp=True)
    tab.locator(".head button").first.click()
    tab.wait_for_selector(".more table")
    tab.evaluate(Path(os.environ["UDASA_AXE"]).read_text())
    assert tab.evaluate("axe.run().then((found) => found.violations.map((x) => x.id))") == []
