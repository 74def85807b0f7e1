"""The page in a real browser: it sorts, runs nothing of what it shows, and fits both schemes."""

from pathlib import Path

import pytest
from example_runs import task, write_run

from udasa_data.schema import Axis
from udasa_eval.leaderboard.building import build_leaderboard
from udasa_eval.leaderboard.folder import write_folder

CHROMIUM = Path("/usr/bin/chromium")
NASTY = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    tasks = (task("imdb", Axis.SENTIMENT),)
    models = {"b-model": 0.2, "a-model": 0.9, NASTY: 0.5}
    runs = [
        write_run(
            root / f"r{n}",
            {f"p{i}": value + 0.001 * i for i in range(60)} | {"p60": None},
            model=model,
            metric="positive",
            direction="higher",
            tasks=tasks,
            texts=NASTY,
        )
        for n, (model, value) in enumerate(models.items())
    ]
    write_folder(build_leaderboard(runs), root / "out")
    return root / "out"


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip("no chromium here")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser, folder):
    """The page, with everything that it asks of the network and complains of."""
    opened = browser.new_page()
    opened.asked, opened.faults = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("console", lambda message: opened.faults.append(message.text))
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.goto((folder / "index.html").as_uri())
    yield opened
    opened.close()


def names(page):
    return page.locator("table.sortable tbody th").all_inner_texts()


def test_it_needs_nothing_else_and_runs_nothing_that_it_shows(page):
    assert page.asked == [page.url]
    assert page.faults == []
    assert page.title() == "UDASA leaderboard"
    assert any("<script>" in name for name in names(page))  # shown as text


def test_it_sorts(page):
    first = [name.split("\n")[0] for name in names(page)]
    assert first == ["a-model", NASTY, "b-model"]  # by mean rank
    by_name, by_value = page.locator("table.sortable thead button").all()
    by_name.click()
    assert [name.split("\n")[0] for name in names(page)] == [NASTY, "a-model", "b-model"]
    by_value.click()  # best first
    assert [name.split("\n")[0] for name in names(page)] == first
    by_value.click()
    assert [name.split("\n")[0] for name in names(page)] == first[::-1]
    head = page.locator("table.sortable thead th").nth(1)
    assert head.get_attribute("aria-sort") == "ascending"


def test_intervals_are_drawn_where_they_are(page):
    cell = page.locator("table.sortable tbody tr").first.locator("td").first
    line, dot = cell.locator("line.interval"), cell.locator("circle")
    # scores from .9 to .959: their mean .9295 of a bar of 120 pixels for 0 to 1
    assert float(dot.get_attribute("cx")) == pytest.approx(0.9295 * 120, abs=0.06)
    x1, x2 = (float(line.get_attribute(end)) for end in ("x1", "x2"))
    assert x1 < 0.9295 * 120 < x2
    assert "60, 1 unscored" in cell.inner_text()
    assert page.locator("figure").count() == 1  # one axis was run


def test_a_number_leads_to_its_samples(page):
    page.locator("table.sortable tbody a").first.click()
    page.wait_for_selector("#rows li")
    assert "61 of 61 samples" in page.locator("#found").inner_text()
    assert page.locator("#task").input_value() == "0"
    assert page.faults == []
    page.get_by_text("Leaderboard").click()
    page.wait_for_selector("table.sortable")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_in_both_schemes(browser, folder, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto((folder / "index.html").as_uri())
    colour = "(e) => getComputedStyle(e)[{!r}].match(/\\d+/g).slice(0, 3).map(Number)"
    paper = page.locator("body").evaluate(colour.format("backgroundColor"))
    ink = page.locator("body").evaluate(colour.format("color"))
    # sums of red, green and blue: far apart, the right way round
    assert (sum(paper) > sum(ink)) == (scheme == "light")
    assert abs(sum(paper) - sum(ink)) > 450
    page.close()
