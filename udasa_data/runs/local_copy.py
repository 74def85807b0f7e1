"""Datasets of runs in an object store, copied here to be read, checked or pushed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from udasa_data.errors import UserError
from udasa_data.runs.dataset_manifest import MANIFEST
from udasa_data.runs.layout import is_dataset_file
from udasa_data.storage import Remote, did_you_mean, place_of, reached, replace_folder, user_cache


def local_dataset(place: str) -> Path:
    """Return a run or dataset folder on this machine: itself, or a copy of a remote one's dataset.

    The copy lies in the user's cache under the hash of address and manifest, which names every file
    with its content's hash: it is made once, and a run that was built anew is copied anew.

    Raises:
        UserError: no such folder, the address holds no finished run, or it cannot be reached.
    """
    where = place_of(place)
    if isinstance(where, Path):
        where = where.expanduser()
        if not where.exists():
            raise UserError(f"{place}: no such folder{did_you_mean(place)}")
        return where
    for folder in (where / "dataset", where):
        try:
            manifest = (folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            continue
        if (folder / "data").exists():  # a run's own folder has a manifest, too
            return _copied(folder, manifest)
    raise UserError(f"{place}: holds no finished run (no dataset/{MANIFEST})")


def _copied(folder: Remote, manifest: bytes) -> Path:
    key = hashlib.sha256(folder.url.encode() + b"\0" + manifest).hexdigest()[:16]
    copy = user_cache() / "datasets" / key
    if not copy.is_dir():
        replace_folder(copy, lambda target: _download(folder, target), is_dataset_file)
    return copy


def _download(folder: Remote, target: Path) -> None:
    with reached(folder) as (fs, path):
        for name in fs.find(path):
            file = target / name.removeprefix(path).lstrip("/")
            if not file.resolve().is_relative_to(target.resolve()):
                raise UserError(f"{folder}: holds a file outside of itself ({name})")
            file.parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(name, str(file))
