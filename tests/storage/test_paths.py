"""Which words are paths, and what is said of those that name nothing."""

import pytest

from udasa_data.storage import did_you_mean, reads_as_path


@pytest.mark.parametrize(
    "text",
    [
        *("./a", "../a", "/a", "~/a", "~a/b", ".", "a/b/c", "a.jsonl", "org/a.PARQUET"),
        *("a.jsonl.gz", "runs/nope", "runs\\nope", "org/model.safetensors"),
    ],
)
def test_paths(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert reads_as_path(text)


@pytest.mark.parametrize(
    "text", ["org/name", "org/name-v0.1", "Qwen/Qwen2.5-0.5B", "org/name@main", "tiny", "", "a\0b"]
)
def test_what_may_be_a_hub_id(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org").write_text("a file is no folder")
    assert not reads_as_path(text)


def test_near_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mistral").mkdir(parents=True)
    expected = {
        "runs/mistrl": " (did you mean 'runs/mistral'?)",
        f"{tmp_path}/run/mistral": f" (did you mean '{tmp_path}/runs'?)",
        "runs/else": " (there is a folder 'runs' here)",
        "nothing/of/it": " (there is no folder 'nothing')",
        "xyz": "",
        "runs/mistral": "",
        "s3://bucket/runs": "",
        "~xq9/a": " (there is no folder '~xq9')",
        "a\0b": "",
        "x" * 5000: "",
    }
    for text, hint in expected.items():
        assert did_you_mean(text) == hint, text
