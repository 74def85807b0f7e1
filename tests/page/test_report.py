"""The page of a run, as a browser shows it: figures, filters, paging, escaping, first paint."""

import json
import re

import polars as pl
import pytest
from browser import chromium

from benchmarks.inputs.synthetic import scored_answers, write_run
from udasa_data.config.presets import resolve
from udasa_data.errors import UserError
from udasa_data.page.report import write_report
from udasa_data.runs.finished import open_finished

PROMPTS = 150
HOSTILE = [
    "<script>window.hacked = 1</script>",
    '<img src="x" onerror="window.hacked = 1">',
    "</script><script>window.hacked = 1</script>",
    "<!--<script>window.hacked = 1",
    "\"]}'); window.hacked = 1; //",
    "<svg/onload=window.hacked=1>",
    "${window.hacked = 1}",
    "&lt;b&gt; stays as it is",
]


def hostile(answers):
    """Every text a model or a file may have written, set to something that tries to run."""
    n = pl.int_range(pl.len())
    text = pl.lit(pl.Series(HOSTILE)).gather((n + n // 8) % len(HOSTILE))
    turn = pl.struct(role=pl.lit("<i>user</i>"), content=pl.format("{} {}", text, n // 8))
    return answers.with_columns(
        text=pl.format("{} {}", text, n),
        prompt=pl.concat_list(turn),
        context=text.first().over(n // 8),
        source=pl.lit("<img src=x onerror=window.hacked=1>"),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A synthetic run whose every text is hostile."""
    folder = tmp_path_factory.mktemp("pages") / "<img src=x onerror=window.hacked=1>&"
    weights = dict.fromkeys(("semantic", "factual", "value"), 1.0)  # so that some are dropped
    options = {"pairing": {"noise_z": 0.1}, "weights": weights, "system_prompt": HOSTILE[2]}
    config = resolve("tiny", options)
    write_run(folder / "dataset", hostile(scored_answers(PROMPTS)), config)
    return folder


@pytest.fixture(scope="module")
def finished(run):
    return open_finished(str(run))


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture
def page(browser, run):
    """The page, open, which must say nothing on the console and ask for nothing."""
    path = write_report(str(run)).path
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    troubles = []
    tab.on("console", lambda message: troubles.append(message.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("request", lambda asked: troubles.append(asked.url) if asked.url[:4] != "file" else None)
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-ready]")
    yield tab
    assert tab.evaluate("window.hacked") is None
    assert troubles == []
    tab.close()


def rows(page):
    return page.locator("#rows > li")


def settle(page, act):
    """Do something to the page, and wait until it has drawn what follows."""
    before = page.evaluate("document.documentElement.dataset.ready")
    act()
    page.wait_for_function("(n) => document.documentElement.dataset.ready !== n", arg=before)


def found(page):
    """The number of rows that match, as the page tells it."""
    return int(re.match(r"[\d,]+", page.text_content("#found"))[0].replace(",", ""))


def test_the_figures_are_the_runs(page, finished):
    counts = finished.manifest.counts
    tiles = page.locator("#tiles dd").all_text_contents()
    assert tiles[0].strip() == str(PROMPTS)
    assert tiles[2].split()[0] == str(counts.pairs)
    assert page.locator("figure").count() == 6
    # one bar a stage and bin that has pairs: their tips add up to all of them
    tips = (
        page.locator("figure >> nth=0")
        .locator("rect")
        .evaluate_all("bars => bars.map(bar => bar.dataset.tip)")
    )
    assert sum(int(re.search(r": (\d+) pairs", tip)[1]) for tip in tips) == counts.pairs


def test_filters(page, finished):
    pairs, dropped = finished.pairs, finished.dropped
    assert found(page) == len(pairs)
    settle(page, lambda: page.select_option("#stage", "moderate"))
    moderate = pairs.filter(pl.col("stage") == "moderate")
    assert found(page) == len(moderate)
    settle(page, lambda: page.select_option("#axis", "sentiment"))
    both = moderate.filter(pl.col("axis") == "sentiment")
    assert found(page) == len(both) > 0
    settle(page, lambda: page.click("#clear"))
    why, n = dropped["why"].value_counts(sort=True).row(0)
    settle(page, lambda: page.select_option("#why", why))
    assert page.input_value("#kind") == "out"
    assert found(page) == n
    assert rows(page).first.locator(".chip").text_content() == f"left out: {why.replace('_', ' ')}"
    settle(page, lambda: page.select_option("#kind", "all"))
    settle(page, lambda: page.select_option("#why", ""))
    assert found(page) == PROMPTS
    settle(page, lambda: page.select_option("#source", finished.answers["source"][0]))
    assert found(page) == PROMPTS


def test_a_stage_and_a_reason_can_be_clicked_in_the_figures(page, finished):
    settle(page, lambda: page.click("figure button.exploratory"))
    assert found(page) == len(finished.pairs.filter(pl.col("stage") == "exploratory"))
    settle(page, page.locator(".bars button").first.click)
    assert page.input_value("#kind") == "out"


@pytest.mark.parametrize(
    ("sort", "column"),
    [
        ("delta", "delta_u"),
        ("p", "p_chosen_better"),
        ("se", "se_delta"),
        ("u_chosen", "uncertainty_chosen"),
        ("f_rejected", "u_factual_rejected"),
        ("v_chosen", "u_value_chosen"),
    ],
)
def test_sorting(page, finished, sort, column):
    expected = finished.pairs.sort(column, descending=True)
    ends = [expected.filter(pl.col(column) == end) for end in expected[column].gather([0, -1])]
    most, least = ({chosen[0]["content"] for chosen in table["chosen"]} for table in ends)
    page.select_option("#order", "up")
    settle(page, lambda: page.select_option("#sort", sort))
    settle(page, lambda: page.select_option("#order", "down"))
    first = rows(page).first
    assert any(text in first.text_content() for text in most)
    settle(page, lambda: page.select_option("#order", "up"))
    assert any(text in rows(page).first.text_content() for text in least)


def test_search(page, finished):
    assert page.evaluate("document.activeElement.id") != "q"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    settle(page, lambda: page.fill("#q", "<IMG SRC"))
    text = pl.concat_list(
        pl.col(side).list.first().struct["content"] for side in ("prompt", "chosen", "rejected")
    )
    having = text.list.eval(pl.element().str.contains("<img src", literal=True)).list.any()
    assert found(page) == len(finished.pairs.filter(having)) > 0
    assert page.locator("mark").first.text_content() == "<img src"
    settle(page, lambda: page.fill("#q", "nothing has this"))
    assert rows(page).count() == 0
    assert "Nothing matches" in page.text_content("#found")
    settle(page, lambda: page.fill("#q", ".*"))  # a text, no pattern
    assert rows(page).count() == 0


def test_paging_by_mouse_key_and_number(page, finished):
    n = len(finished.pairs)
    assert n > 60
    seen = rows(page).all_text_contents()
    assert len(seen) == 20
    settle(page, page.get_by_role("button", name="Next page").first.click)
    assert rows(page).first.text_content() not in seen
    page.evaluate("document.activeElement.blur()")
    settle(page, lambda: page.keyboard.press("ArrowRight"))
    assert "41 to 60" in page.text_content("#found")
    number = page.get_by_label("Page", exact=True).first
    number.fill("99")
    settle(page, lambda: number.press("Enter"))
    assert f"to {n} shown" in page.text_content("#found")
    assert page.get_by_role("button", name="Next page").first.is_disabled()


def test_all_answers_of_a_prompt_with_what_became_of_them(page, finished):
    first = finished.pairs.sort("delta_u", descending=True).row(0, named=True)
    button = rows(page).first.get_by_role("button", name="All 8 answers")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".more table")
    assert button.get_attribute("aria-expanded") == "true"
    of_prompt = finished.answers.filter(pl.col("prompt_id") == first["prompt_id"])
    shown = page.locator(".more tbody tr")
    assert shown.count() == 8
    # sorted by uncertainty, each with its text and figures as they are
    expected = of_prompt.sort("uncertainty").rows(named=True)
    for line, answer in zip(shown.all(), expected, strict=True):
        cells = line.locator("td").all_text_contents()
        assert cells[1] == answer["text"]
        assert float(cells[2]) == pytest.approx(answer["uncertainty"], abs=6e-4)  # rounded twice
        assert cells[0].endswith(f"#{answer['sample_id']}")
    roles = page.locator(".more .role").all_text_contents()
    assert f"chosen · #{first['chosen_id']}" in roles
    assert f"rejected · #{first['rejected_id']}" in roles
    low, high = (
        f"{end:.3f}" for end in (finished.manifest.stages.low, finished.manifest.stages.high)
    )
    place = {
        "conservative": f"at or above {high}",
        "moderate": f"between {low} and {high}",
        "exploratory": f"below {low}",
    }[first["stage"]]
    assert f"{place}: {first['stage']}." in page.locator(".more p").first.text_content()
    vetoed = of_prompt.filter(pl.col("u_value") > 0.8)["sample_id"].to_list()
    told = [role for role in roles if role.startswith("vetoed")]
    assert len(told) == len({*vetoed} - {first["rejected_id"]})


def test_what_is_left_out_says_why(page, finished):
    row = finished.dropped.filter(pl.col("why") == "worse_in_dimension").row(0, named=True)
    settle(page, lambda: page.select_option("#why", "worse_in_dimension"))
    rows(page).first.get_by_role("button").click()
    page.wait_for_selector(".more table")
    said = page.locator(".more p").first.text_content()
    assert "much the worse in one dimension" in said
    assert f"limit {row['limit']:.3f}" in said


def test_hostile_texts_are_shown_and_do_nothing(page, finished):
    settle(page, lambda: page.select_option("#kind", "all"))
    settle(page, lambda: page.select_option("#sort", "order"))
    settle(page, lambda: page.select_option("#order", "up"))
    buttons = page.get_by_role("button", name="All 8 answers")
    for number in range(buttons.count()):
        buttons.nth(number).click()
    page.wait_for_function("() => document.querySelectorAll('.more table').length === 20")
    # at its edge: a threshold may stand before its middle
    page.hover("figure rect[data-tip] >> nth=3", position={"x": 1, "y": 1})
    # nothing in the page but its own elements
    assert page.locator("img, iframe, object, main script, li script, i > i").count() == 0
    assert page.evaluate("[...document.scripts].filter((s) => !s.type && s.id).length") == 0
    shown = page.locator(".more td.text").all_text_contents()
    some = finished.answers.head(20 * 8)
    assert sorted(shown) == sorted(some["text"].to_list())
    assert page.locator("h1").text_content() == "UDASA run: <img src=x onerror=window.hacked=1>&"


def test_the_address_keeps_the_view(page, browser, run):
    settle(page, lambda: page.select_option("#stage", "moderate"))
    settle(page, lambda: page.fill("#q", "svg"))
    again = browser.new_page()
    again.goto(page.url)
    again.wait_for_selector("html[data-ready]")
    assert again.input_value("#stage") == "moderate"
    assert found(again) == found(page)
    again.close()


def test_every_control_has_a_name_and_colours_have_contrast(page):
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, select, input')].filter((one) =>
        !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).length"""
    )
    assert nameless == 0
    assert page.locator("svg[role=img]:not([aria-label])").count() == 0
    for _ in range(2):  # light, then dark: WCAG AA asks for 4.5 between text and ground
        worst = page.evaluate(
            """() => {
            const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map((x) => x / 255)
              .map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
              return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            const item = document.querySelector('#rows > li');
            const ground = light(getComputedStyle(item).backgroundColor);
            return Math.min(...[...document.querySelectorAll('#rows *')].map((one) => {
              const ink = light(getComputedStyle(one).color);
              return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05); })); }"""
        )
        assert worst >= 4.5
        page.click("#theme")


@pytest.mark.slow
def test_fifty_thousand_pairs_paint_at_once(browser, tmp_path):
    config = resolve("tiny", {"pairing": {"noise_z": 0, "tolerance": 1, "veto": 1}})
    write_run(tmp_path / "dataset", scored_answers(60_000), config)
    report = write_report(str(tmp_path))
    assert open_finished(str(tmp_path)).manifest.counts.pairs > 50_000
    tab = browser.new_page()
    tab.goto(report.path.as_uri())
    tab.wait_for_selector("html[data-ready]")
    paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < 2000
    settle(tab, lambda: tab.fill("#q", "Question 77"))  # 77, 770 to 779, 7700 to 7799
    settle(tab, lambda: tab.select_option("#kind", "all"))
    assert found(tab) == 1 + 10 + 100
    settle(tab, tab.get_by_role("button", name="Last page").first.click)
    tab.close()


def test_a_folder_without_a_run_is_said_so(tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        write_report(str(tmp_path))
    with pytest.raises(UserError, match="no such directory"):
        write_report(str(tmp_path / "none"))


def test_a_damaged_file_is_named(tmp_path):
    write_run(tmp_path / "dataset", scored_answers(30))
    name = next(n for n in json.loads((tmp_path / "dataset/manifest.json").read_text())["files"])
    (tmp_path / "dataset" / name).write_bytes(b"PAR1")
    with pytest.raises(UserError, match="cannot be read"):
        write_report(str(tmp_path))
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", ["report.html", "page.html"])
def test_a_page_of_somebody_else_is_refused_and_one_of_ours_replaced(tmp_path, name):
    write_run(tmp_path / "run" / "dataset", scored_answers(30))
    page = tmp_path / "run" / name
    page.write_text("<!doctype html><title>mine</title>")
    out = None if name == "report.html" else page
    with pytest.raises(UserError, match="is there and is no page of udasa-data report"):
        write_report(str(tmp_path / "run"), out)
    assert page.read_text() == "<!doctype html><title>mine</title>"
    page.unlink()
    (tmp_path / "theirs.html").write_text("mine")
    page.symlink_to(tmp_path / "theirs.html")
    with pytest.raises(UserError, match="is there and is no page"):
        write_report(str(tmp_path / "run"), out)
    assert page.is_symlink()
    assert (tmp_path / "theirs.html").read_text() == "mine"
    page.unlink()
    first = write_report(str(tmp_path / "run"), out).path.read_bytes()
    assert write_report(str(tmp_path / "run"), out).path.read_bytes() == first
