import pytest

from udasa_data.config.presets import read_presets, resolve, to_yaml
from udasa_data.errors import UserError


def test_layers_preset_file_flags(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("seed: 3\nsampling: {temperature: 0.7}\n")
    config = resolve("tiny", {"sampling": {"samples": 5}}, file=path)
    assert (config.seed, config.sampling.temperature, config.sampling.samples) == (3, 0.7, 5)
    assert config.sampling.max_tokens == 64  # the preset's


def test_resolved_configuration_reads_back(tmp_path):
    config = resolve("mistral", {"limit": 7, "stages": {"cutoffs": [0.1, 0.4]}})
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(config))
    assert resolve(None, {}, file=path) == config


def test_model_flag_wins_over_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(resolve("tiny", {})))
    assert resolve("qwen", {}, file=path).policy.id == read_presets().models["qwen"].policy.id


def test_scorers_flag_wins_over_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(resolve("tiny", {})))
    assert resolve(None, {}, scorers="hub", file=path).nli == read_presets().scorers["hub"].nli
    said = {"nli": {"id": "org/name"}}
    assert resolve(None, said, scorers="hub", file=path).nli.id == "org/name"


def test_the_default_model_is_for_files_that_name_none(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("seed: 3\n")
    assert resolve(None, {}, file=path, default="tiny").model == "tiny"
    path.write_text("model: mistral\n")
    assert resolve(None, {}, file=path, default="tiny").model == "mistral"


def test_every_preset_resolves():
    for name, preset in read_presets().models.items():
        config = resolve(name, {})
        assert config.policy == preset.policy
        assert config.policy.revision == "main"  # resolved to a commit when a run starts
        assert len(config.value) >= 2


def test_any_hub_id_or_folder_is_a_model(tmp_path):
    assert resolve("org/name", {}).policy.id == "org/name"
    assert resolve(str(tmp_path), {}, scorers="tiny").nli.id == "embedded:nli"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("samplng: {}", "unknown key 'samplng' (did you mean 'sampling'?)"),
        ("pairing: {vetto: 0.3}", "unknown key 'pairing.vetto' (did you mean 'veto'?)"),
        ("value: [{id: a, violaton: [x]}, {id: b}]", "did you mean 'violation'?"),
        ("sampling: {samples: 2}", "key 'sampling.samples': 2, and at least 4 are"),
        ("sampling: {samples: many}", "key 'sampling.samples': expected `int`, got `str`"),
        ("sampling: {temperature: -1}", "key 'sampling.temperature'"),
        ("weights: {semantic: 0, factual: 0, value: 0}", "at least one weight"),
        ("stages: {cutoffs: [0.5, 0.1]}", "low at most high"),
        ("value: [{id: only}]", "key 'value'"),
        ("value: []", "key 'value'"),
        ("value: [{id: a, temperature: 0}, {id: b}]", "key 'value[0].temperature': expected"),
        ("nli: {id: a, violation: [b]}", "unknown key 'nli.violation'"),
        ("judge: {principls: 3}", "unknown key 'judge.principls' (did you mean 'principles'?)"),
        ("judge: {principles: 0}", "key 'judge.principles': expected `int` >= 1"),
        ("judge: {principles: truthful}", "key 'judge.principles': expected `int | array`"),
        ("scoring: {factual: p_ture}", "key 'scoring.factual'"),
        ("scoring: {semantic: cocao}", "key 'scoring.semantic'"),
        ("a: [", "line 1"),
        ("- list", "top level must be a mapping"),
    ],
)
def test_bad_configuration_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        resolve("tiny", {}, file=path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        resolve("tiny", {}, file=tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"model: \xe9")
    with pytest.raises(UserError, match="not UTF-8"):
        resolve("tiny", {}, file=tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("model", "message"), [("mistrl", "did you mean 'mistral'"), (None, "no model named")]
)
def test_unknown_model(model, message):
    with pytest.raises(UserError, match=message):
        resolve(model, {})


def test_unknown_scorers():
    with pytest.raises(UserError, match="unknown scorers 'hubb'"):
        resolve("tiny", {}, scorers="hubb")


def test_the_languages_of_a_scorer_are_not_those_of_the_one_it_replaces(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("nli: {id: org/multilingual}\n")
    assert resolve("tiny", {}).nli.languages == ("en",)
    assert resolve("tiny", {}, file=path).nli.languages == ()
    path.write_text("scoring: {language: German}\n")
    with pytest.raises(UserError, match=r"scoring\.language"):
        resolve("tiny", {}, file=path)
