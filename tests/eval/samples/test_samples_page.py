"""The page of samples in a real browser: two runs side by side, search, filters, keys."""

import json

import forked
import polars as pl
import pytest
from browser import chromium
from example_runs import task, write_run

from udasa_data.errors import UserError
from udasa_data.schema import Axis
from udasa_eval.results.folder import GENERATIONS, read_tables, write_table
from udasa_eval.samples import of_place, write_samples

NASTY = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


def write_two(root):
    """Two runs of 50 prompts: a refuses p00 to p04, b p03 to p12; p20 is unscored in b."""
    places = []
    for name, refused in (("a", range(5)), ("b", range(3, 13))):
        values = {f"p{n:02}": float(n in refused) for n in range(50)}
        if name == "b":
            values["p20"] = None
        place = write_run(root / name, values, model=f"org/{name}", texts=NASTY)
        table = read_tables(place, "generations").with_columns(
            document=pl.Series(
                [json.dumps({"category": ["even", "odd"][n % 2]}) for n in range(50)]
            ),
            reasoning=pl.Series(["<think>aloud</think>" if n == 9 else "" for n in range(50)]),
            finish_reason=pl.Series(["length" if n == 7 else "stop" for n in range(50)]),
        )
        write_table(place, "generations/xstest_safe", table, GENERATIONS)
        places.append(place)
    return places


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return write_two(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def file(places):
    out = places[0].parent / "samples.html"
    write_samples([of_place(place) for place in places], out)
    return out


@pytest.fixture
def page(browser, file):
    opened = browser.new_page(viewport={"width": 420, "height": 800})
    opened.asked, opened.faults = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("console", lambda message: opened.faults.append(message.text))
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.goto(file.as_uri())
    opened.wait_for_selector("#rows li")
    yield opened
    assert opened.faults == []
    opened.close()


def shows(page, words):
    """Wait for words: not by wait_for_function, whose script the page's policy refuses."""
    page.locator("#found", has_text=words).wait_for()


def prompts(page):
    return page.locator("#rows .prompt").all_inner_texts()


def test_it_needs_nothing_else_and_runs_nothing_that_it_shows(page, file):
    assert page.asked == [file.as_uri()]
    assert page.title() == "Samples: org/a and org/b"
    assert "<script>" in page.locator("#rows .side .text").first.inner_text()


def test_it_fits_a_telephone(page):
    assert page.evaluate("document.documentElement.scrollWidth") == 420


def test_what_differs_comes_first(page):
    # refusing is worse here: a is better on p05 to p12, b on p00 to p02
    assert "org/a better on 8, org/b on 3, equal on 38" in page.locator("#tally").inner_text()
    assert prompts(page)[:11] == [f"question p{n:02}" for n in (0, 1, 2, *range(5, 13))]
    assert page.locator("#rows li").nth(0).locator(".better h3").inner_text() == "org/b · better"


@pytest.mark.parametrize(
    ("shown", "count"), [("differ", 11), ("first", 8), ("second", 3), ("unscored", 1), ("cut", 1)]
)
def test_filters(page, shown, count):
    page.select_option("#show", shown)
    shows(page, f"{count} of 50 samples")
    assert page.locator("#rows li").count() == count


def test_search_category_and_keys(page):
    page.keyboard.press("ArrowRight")
    shows(page, "21 to 40")
    page.keyboard.press("/")
    page.keyboard.type("p4")
    shows(page, "10 of 50")
    assert page.locator("#rows mark").count() == 10
    page.select_option("#category", "odd")
    shows(page, "5 of 50")
    assert "category=odd" in page.url
    page.click("#clear")
    shows(page, "50 of 50")


def test_one_run(browser, places, tmp_path):
    out = tmp_path / "one.html"
    write_samples([of_place(places[0])], out)
    opened = browser.new_page()
    opened.goto(out.as_uri())
    opened.wait_for_selector("#rows li")
    assert prompts(opened)[0] == "question p00"
    assert opened.locator("#show option").count() == 3  # all, unscored, cut
    opened.close()


def test_choices_are_listed_by_their_likelihood(tmp_path):
    tasks = (task("mc", Axis.TRUTHFULNESS, mode="loglikelihood", decoding=None),)
    place = write_run(tmp_path / "r", {"p": 1.0, "q": 0.0}, tasks=tasks, metric="acc")
    table = read_tables(place, "generations")
    both = pl.concat([table, table.with_columns(sample=pl.lit(1, pl.Int32()))])
    both = both.with_columns(  # of p, of q, and their second choices
        text=pl.Series(["no", "no", "yes", "yes"]),
        text_logprob=pl.Series([-2.0, -1.0, -1.0, -2.0]),
        document=pl.lit("{}"),
    )
    write_table(place, "generations/mc", both, GENERATIONS)
    sample, _ = of_place(place).tasks["mc"].samples.values()
    assert sample.text == "-1.0  yes\n-2.0  no"
    assert sample.scores == {"acc": 1.0}


def test_mistakes(places, tmp_path):
    shown = [of_place(place) for place in places]
    with pytest.raises(UserError, match="no task 'nope' there; there are xstest_safe"):
        write_samples(shown, tmp_path / "a.html", ["nope"])
    other = tmp_path / "mine.html"
    other.write_text("mine")
    with pytest.raises(UserError, match="is no page of udasa-eval samples"):
        write_samples(shown, other)
    assert other.read_text() == "mine"


def test_command_line(places, tmp_path):
    out = tmp_path / "page.html"
    program = "from udasa_eval.cli import main; main()"
    for _ in range(2):  # its own page is replaced
        done = forked.run("-c", program, "samples", *places, "--out", out)
        assert done.returncode == 0, done.stderr
    assert out.stat().st_size < 60_000
