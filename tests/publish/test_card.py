"""The card: accepted by its readers, true to the run, and safe from what models wrote."""

import json
import shutil
from itertools import pairwise

import msgspec
import polars as pl
import pytest
import yaml
from huggingface_hub import DatasetCard, DatasetCardData, metadata_load
from markdown_it import MarkdownIt
from PIL import Image

from udasa_data.config.presets import resolve
from udasa_data.publish.card import CardFacts, card
from udasa_data.publish.dataset import Tables, read_pairs, read_prompts, read_samples, write_dataset
from udasa_data.publish.examples import examples, is_harmful
from udasa_data.publish.licence import UNKNOWN, Licence, Licences
from udasa_data.publish.suites import NOTHING_CHECKED, SUITES, Contamination, Overlap, contamination
from udasa_data.runs.dataset_manifest import read_manifest

HOSTILE = (
    "</details>\n```\n# Not a heading\n<script>alert(1)</script> | a | b |\n---\n![x](http://e.org)"
)


@pytest.fixture
def facts(run):
    folder = run.folder
    licences = Licences((Licence("answers of x", "mit", "its card"),))
    samples = read_samples(folder, ("run", "prompt_id", "sample_id", "n_tokens"))
    return CardFacts(
        read_manifest(folder), read_pairs(folder), samples, licences, NOTHING_CHECKED, "org/name"
    )


def replaced(facts, **changes):
    return CardFacts(**{**vars(facts), **changes})


def front_of(text):
    return yaml.safe_load(text.split("---\n")[1])


def body_of(text):
    return text.split("---\n", 2)[2]


def test_the_front_matter_is_accepted_by_the_hub_s_own_reader(run, facts, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(card(facts))
    front = metadata_load(path)
    data = DatasetCardData(**front, ignore_metadata_errors=False)
    assert data.license == "mit"
    assert DatasetCard.load(path).data.to_dict()["configs"] == front["configs"]
    assert front["size_categories"] == ["n<1K"]
    configs = {one["config_name"]: one for one in front["configs"]}
    assert (
        list(configs)
        == ["all", "conservative", "moderate", "exploratory", "samples", "dropped"][: len(configs)]
    )
    assert [name for name, one in configs.items() if one.get("default")] == ["all"]


def test_the_stage_table_is_what_the_pairs_say(facts):
    text = card(facts)
    for stage in ("conservative", "moderate", "exploratory"):
        pairs = facts.pairs.filter(pl.col("stage") == stage)
        line = next(
            line for line in text.splitlines() if line.startswith(f"| {stage} | {len(pairs)} | 0")
        )
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert float(cells[2]) == pytest.approx(pairs["delta_u"].min(), abs=5e-4)
        assert float(cells[3]) == pytest.approx(pairs["delta_u"].max(), abs=5e-4)
        assert float(cells[5]) == pytest.approx(pairs["uncertainty_chosen"].mean(), abs=5e-4)
        assert float(cells[9]) == pytest.approx(float(cells[7]) - float(cells[8]), abs=0.11)


def test_it_tells_how_it_was_made(facts):
    text = card(facts)
    manifest = facts.manifest
    for part in (
        "K = 4, temperature 1",
        manifest.policy.chat_template_sha256[:16],
        manifest.policy.fingerprint[:23],
        "mid-ranks of this run",
        "tertiles of P(chosen better)",
        "engine transformers",
        "2507.17477",
        f"# udasa {manifest.versions['udasa']}",
        "hf download org/name config.yaml --repo-type dataset",
    ):
        assert part in text, part
    for scorer in manifest.scorers:
        assert f"| {scorer.role} | `{scorer.id}` |" in text


def test_the_configuration_in_the_folder_builds_it_again(run):
    again = resolve(None, {}, file=run.folder / "config.yaml")
    assert again == read_manifest(run.folder).config


def test_every_picture_has_its_alt_text_and_is_there(run, facts):
    tokens = MarkdownIt("commonmark").parse(body_of(card(facts)))
    images = [c for t in tokens if t.type == "inline" for c in t.children if c.type == "image"]
    assert len(images) == len(facts.manifest.figures) >= 4
    for image in images:
        assert len(image.content) > 40
        with Image.open(run.folder / image.attrs["src"]) as picture:
            assert min(picture.size) > 300
            # a ground of its own, nowhere transparent: legible on a dark page as on a light one
            assert picture.convert("RGBA").getextrema()[3] == (255, 255)
            assert picture.convert("RGB").getpixel((1, 1)) == (252, 252, 251)


def hostile(pairs):
    turn = [{"role": "assistant", "content": HOSTILE}]
    return pairs.with_columns(prompt=pl.lit(turn), chosen=pl.lit(turn), rejected=pl.lit(turn))


def test_what_a_model_wrote_cannot_break_out(facts):
    pairs = hostile(facts.pairs)
    text = card(replaced(facts, pairs=pairs))
    assert front_of(text) == front_of(card(facts))
    tokens = MarkdownIt("commonmark").enable("table").parse(body_of(text))
    html = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert all(one == "</details>" or one.startswith("<details><summary>") for one in html)
    opened = sum(one.startswith("<details>") for one in html)
    assert opened == html.count("</details>") > 0
    headings = [b.content for a, b in pairwise(tokens) if a.type == "heading_open"]
    assert "Not a heading" not in headings
    fences = [token.content for token in tokens if token.type == "fence" and token.info == "text"]
    assert sum("# Not a heading" in one for one in fences) == len(fences) == 27  # 3 · 3 · 3 texts


def test_a_configuration_cannot_break_out(facts):
    config = msgspec.structs.replace(
        facts.manifest.config, system_prompt="a\n```\n</details>\n# b | c", model="x](y) <b>|"
    )
    manifest = msgspec.structs.replace(
        facts.manifest, config=config, notes=("<script>x</script>", "a\n# b")
    )
    text = card(replaced(facts, manifest=manifest))
    tokens = MarkdownIt("commonmark").enable("table").parse(body_of(text))
    inline = [c for t in tokens if t.type == "inline" for c in t.children]
    assert not [c for c in inline if c.type == "html_inline"]
    assert front_of(text)["pretty_name"].endswith("(x](y) <b>|)")


def test_harmful_texts_are_folded_by_axis_or_by_score():
    pair = {"axis": "helpfulness", "u_value_chosen": 0.1, "u_value_rejected": 0.49}
    assert not is_harmful(pair)
    assert is_harmful({**pair, "axis": "harmlessness"})
    assert is_harmful({**pair, "u_value_rejected": 0.5})
    assert not is_harmful({**pair, "u_value_chosen": float("nan")})


def test_three_pairs_a_stage_at_one_three_and_five_sixths(facts):
    # 12 pairs of one stage, P = 0 … 11: ranks 12 · 1/6, 12 · 3/6 and 12 · 5/6 are 2, 6, 10
    twelve = facts.pairs.head(1).select(pl.all().repeat_by(12).explode())
    twelve = twelve.with_columns(
        stage=pl.lit("moderate"), p_chosen_better=pl.int_range(12).cast(pl.Float64)
    )
    text = examples(twelve)
    assert [f"P {n}.000" in text for n in (10, 6, 2)] == [True] * 3
    assert text.count("Δu ") == 3
    assert text.count("No pairs.") == 2
    # of two pairs, places 0, 1 and 1
    assert examples(twelve.head(2)).count("Δu ") == 2


@pytest.mark.parametrize(
    ("sources", "front", "told"),
    [
        ([("mit", None, None)], {"license": "mit"}, "`mit`"),
        ([(UNKNOWN, None, None)], {"license": "unknown"}, "**Unknown**"),
        (
            [("apache-2.0", None, None), ("mit", None, None)],
            {"license": ["apache-2.0", "mit"]},
            "`apache-2.0`, `mit`",
        ),
        (
            [("other", "own-terms", "LICENSE.md")],
            {"license": "other", "license_name": "own-terms", "license_link": "LICENSE.md"},
            "own\\-terms",
        ),
    ],
)
def test_the_licence_is_what_its_sources_state(facts, sources, front, told):
    found = Licences(tuple(Licence("answers", one, "its card", *rest) for one, *rest in sources))
    text = card(replaced(facts, licences=found))
    assert front.items() <= front_of(text).items()
    assert told in text


def test_contamination_says_what_was_and_was_not_checked(facts):
    assert f"Not checked: {', '.join(SUITES)}." in card(facts).replace("\\", "")
    found = Contamination((Overlap("TruthfulQA", 616, 3),), ("XSTest",))
    text = card(replaced(facts, contamination=found))
    assert "| TruthfulQA | 616 | 3 |" in text
    assert "None was removed" in text
    assert "Not checked: XSTest." in text


def test_suites_are_read_from_files_and_from_the_data_folder(tmp_path, monkeypatch):
    (tmp_path / "xstest").mkdir()
    pl.DataFrame({"prompt": ["How do I kill a Python process?"]}).write_parquet(
        tmp_path / "xstest/prompts.parquet"
    )
    mine = tmp_path / "mine.jsonl"
    dialogue = "\n\nHuman: Hello there\n\nAssistant: Hi\n\nHuman: Tell me more\n\nAssistant: No"
    mine.write_text(json.dumps({"chosen": dialogue}))
    monkeypatch.setenv("UDASA_DATA_DIR", str(tmp_path))
    prompts = ["how do i kill a python process", "Tell me more!", "Another"]
    found = contamination(prompts, [f"Mine={mine}", str(mine)])
    assert found.checked == (
        Overlap("XSTest", 1, 1),
        Overlap("Mine", 1, 1),
        Overlap("mine", 1, 1),
    )
    assert set(found.not_checked) == set(SUITES) - {"XSTest"}


def test_real_suites_are_all_found(real_data, monkeypatch):
    monkeypatch.setenv("UDASA_DATA_DIR", str(real_data))
    question = pl.read_parquet(real_data / "truthfulqa/truthfulqa.parquet")["question"][0]
    found = contamination(
        [question, "Nothing of the kind was ever asked by anyone here before."], []
    )
    assert found.not_checked == ()
    by_suite = {one.suite: one for one in found.checked}
    assert by_suite["TruthfulQA"].found == 1
    assert by_suite["AlpacaEval"].suite_prompts == 805
    assert all(one.suite_prompts > 50 for one in found.checked)


def test_a_run_without_pairs_has_a_card_too(run, tmp_path):
    manifest = read_manifest(run.folder)
    counts = msgspec.structs.replace(manifest.counts, pairs=0)
    stages = msgspec.structs.replace(manifest.stages, low=None, high=None)
    empty = msgspec.structs.replace(manifest, counts=counts, stages=stages)
    samples = pl.read_parquet(run.folder / "data/samples/*.parquet")
    (tmp_path / "none").mkdir()
    write_dataset(
        tmp_path / "none",
        Tables(
            read_pairs(run.folder).clear(),
            samples,
            pl.read_parquet(run.out / "dropped.parquet").clear(),
        ),
        empty,
    )
    front = metadata_load(tmp_path / "none/README.md")
    assert [one["config_name"] for one in front["configs"]] == ["samples"]
    assert set(read_manifest(tmp_path / "none").figures) == {
        "figures/uncertainty.png",
        "figures/correlation.png",
        *(["figures/dropped.png"] if manifest.counts.dropped else []),
    }


def test_prompts_are_the_last_user_texts(run):
    aside = pl.read_parquet(run.out / "dropped.parquet").filter(pl.col("what") == "prompt")
    asked = pl.read_parquet(run.out / "prompts.parquet").join(aside, on="prompt_id", how="anti")
    prompts = asked["messages"].list.last().struct.field("content")
    assert len(prompts) > 10
    assert sorted(read_prompts(run.folder)) == sorted(prompts)


def test_a_folder_of_many_samples_is_drawn_as_density(run, tmp_path):
    """Beyond 20,000 pairs single points would be a blot."""
    from udasa_data.publish.figures import draw

    pairs, n = read_pairs(run.folder), 20_001
    many = pairs.head(1).select(pl.all().repeat_by(n).explode())
    samples = pl.read_parquet(run.folder / "data/samples/*.parquet")
    shutil.rmtree(tmp_path / "figures", ignore_errors=True)
    made = draw(tmp_path, read_manifest(run.folder), many, samples)
    assert "figures/lengths.png" in made
    assert (tmp_path / "figures/lengths.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (
            {"from": "runs/a"},
            "udasa-data build --from runs/a --config config.yaml --out runs/again",
        ),
        ({"from": "org/old@main", "commit": "c0ffee"}, "build --from org/old@c0ffee --config"),
        (
            {"from": "both", "merged": [{"from": "runs/a"}, {"from": "runs/b c"}]},
            "udasa-data merge runs/a 'runs/b c' --out runs/again",
        ),
    ],
)
def test_what_was_made_from_other_datasets_is_made_from_them_again(facts, origin, command):
    made_from = {**facts.manifest.made_from, "origin": origin}
    manifest = msgspec.structs.replace(facts.manifest, made_from=made_from)
    assert command in body_of(card(replaced(facts, manifest=manifest)))


def test_a_gap_whose_noise_is_not_known_has_no_nan(facts):
    text = examples(facts.pairs.with_columns(se_delta=pl.lit(float("nan"))))
    assert "Δu " in text
    assert "nan" not in text
    assert "±" not in text


def test_counts_have_whole_numbers(tmp_path):
    from matplotlib.figure import Figure

    from udasa_data.publish.figures import _axes

    axes = _axes(Figure(), "", "P(chosen is the better one)", "pairs")
    axes.set_ylim(0, 2)  # two pairs: at .5 there is nothing to count
    assert all(float(tick).is_integer() for tick in axes.get_yticks())


def test_reviews_are_not_folded_away(facts):
    negative = facts.pairs.with_columns(axis=pl.lit("sentiment"), u_value_rejected=pl.lit(0.99))
    assert "<details>" not in examples(negative)
