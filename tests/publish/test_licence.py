"""Licences: read where they are stated, never assumed."""

import msgspec
import pytest

from udasa_data.config.build import ModelRef
from udasa_data.publish.licence import UNKNOWN, Licence, Licences, licences_of
from udasa_data.runs.dataset_manifest import read_manifest


@pytest.fixture
def manifest(run):
    return read_manifest(run.folder)


def of(*identifiers):
    return Licences(tuple(Licence(f"s{n}", one, "") for n, one in enumerate(identifiers)))


@pytest.mark.parametrize(
    ("sources", "dataset"),
    [
        (("mit", "mit"), ("mit",)),
        (("apache-2.0", "cc-by-nc-4.0"), ("apache-2.0", "cc-by-nc-4.0")),
        (("mit", UNKNOWN), (UNKNOWN,)),
        ((), (UNKNOWN,)),
    ],
)
def test_what_follows_from_the_sources(sources, dataset):
    assert of(*sources).identifiers == dataset


def with_sources(manifest, model, prompts, **made_from):
    config = msgspec.structs.replace(manifest.config, policy=ModelRef(id=model), prompts=prompts)
    policy = msgspec.structs.replace(manifest.policy, id=model, **made_from)
    return msgspec.structs.replace(manifest, config=config, policy=policy)


def test_the_embedded_model_and_prompts_state_theirs(manifest):
    found = licences_of(with_sources(manifest, "embedded:lm", ("tiny",)), look_up=None)
    assert found.identifiers == ("apache-2.0",)
    assert [one.stated for one in found.sources] == ["its README.md", "this package"]


@pytest.mark.parametrize(
    ("card", "licence", "stated"),
    [
        (None, UNKNOWN, "no README.md beside it"),
        ("# no front matter\nlicense: mit\n", UNKNOWN, "its README.md states none"),
        ("---\nlanguage: en\n---\n", UNKNOWN, "its README.md states none"),
        ("---\nlicense: [mit\n---\n", UNKNOWN, "its README.md states none"),
        ("---\nlicense: CC-BY-4.0\n---\n", "cc-by-4.0", "its README.md"),
        ("---\nlicense: [mit]\n---\n", "mit", "its README.md"),
        ("---\nlicense: [mit, gpl]\n---\n", UNKNOWN, "its README.md states none"),
    ],
)
def test_a_file_of_prompts_has_the_licence_of_the_card_beside_it(
    manifest, tmp_path, card, licence, stated
):
    prompts = tmp_path / "mine.txt"
    prompts.write_text("A prompt.")
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    found = licences_of(with_sources(manifest, "embedded:lm", (str(prompts),)), look_up=None)
    assert found.sources[1] == Licence("prompts of mine.txt", licence, stated)


def test_hub_repositories_are_looked_up_at_their_commits(manifest):
    asked = []
    cards = {
        "org/model": {"license": "other", "license_name": "own-terms", "license_link": "LICENSE"},
        "Anthropic/hh-rlhf": {"license": "mit"},
    }

    def look_up(repo_id, commit, kind):
        asked.append((repo_id, commit, kind))
        return cards[repo_id]

    made = with_sources(manifest, "org/model", ("hh",), revision="abc")
    made = msgspec.structs.replace(made, made_from={"prompt_commits": {"Anthropic/hh-rlhf": "def"}})
    found = licences_of(made, look_up)
    assert asked == [("org/model", "abc", "model"), ("Anthropic/hh-rlhf", "def", "dataset")]
    assert found.identifiers == ("other", "mit")
    assert (found.sources[0].name, found.sources[0].link) == ("own-terms", "LICENSE")
    assert licences_of(made, None).identifiers == (UNKNOWN,)
    assert "not looked up" in licences_of(made, None).sources[0].stated


def test_a_folder_of_prompts_has_its_own_card(manifest, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    found = licences_of(with_sources(manifest, "embedded:lm", (str(folder),)), look_up=None)
    assert found.sources[1].identifier == "mit"


def test_prompts_that_are_no_longer_here(manifest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = ("folder", f"{tmp_path}/gone.jsonl", f"{tmp_path}/*.csv")
    found = licences_of(with_sources(manifest, "embedded:lm", sources), look_up=None)
    assert [one.identifier for one in found.sources[1:]] == [UNKNOWN] * 3


def test_what_was_said_is_of_prompts_that_state_none(manifest, tmp_path):
    (tmp_path / "mine.txt").write_text("Why?\n")
    found = licences_of(
        with_sources(manifest, "embedded:lm", (str(tmp_path / "mine.txt"), "tiny")),
        look_up=None,
        said="CC-BY-4.0",
    )
    assert [one.identifier for one in found.sources] == ["apache-2.0", "cc-by-4.0", "apache-2.0"]
    assert "--license" in found.sources[1].stated
    config = msgspec.structs.replace(manifest.config, license="mit")
    told = msgspec.structs.replace(manifest, config=config)
    sources = (str(tmp_path / "mine.txt"),)
    of_build = licences_of(with_sources(told, "embedded:lm", sources), look_up=None)
    assert of_build.sources[1].identifier == "mit"
    # of a model nothing is believed that it does not state
    of_model = licences_of(with_sources(told, str(tmp_path), ("tiny",)), look_up=None)
    assert of_model.sources[0].identifier == UNKNOWN
