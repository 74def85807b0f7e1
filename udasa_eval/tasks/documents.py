"""Datasets → documents: from the network, from ``--data-dir``, or from the package."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.config import read_bytes
from udasa_data.errors import UserError, nearest
from udasa_data.storage import read_parquet
from udasa_eval.results import Pinned
from udasa_eval.tasks.readers import READERS
from udasa_eval.tasks.rows import Document, MalformedError
from udasa_eval.tasks.sources import DatasetSpec, Loaded, datasets_known, from_sources

EMBEDDED: Final = "embedded:"
ORIGIN: Final = ".origin.json"  # beside a fetched file: which commit of which repository it is


class UnreadableError(UserError):
    """A dataset of which a task can read no row: it lacks what the task asks about."""


class Documents(NamedTuple):
    """The documents of a task, and how many rows of it were left out, by reason."""

    documents: list[Document]
    set_aside: dict[str, int]
    pinned: Pinned


def read_documents(
    dataset: str,
    reader: str,
    *,
    data_dir: Path | None,
    limit: int | None,
    commits: Mapping[str, str],
) -> Documents:
    """Read a task's documents.

    Args:
        dataset: name in ``datasets.yaml``.
        reader: name in ``READERS``.
        data_dir: folder of files; None reads from the network.
        limit: take so many, the same ones for every model: those with the smallest hashes.
        commits: of Hub repositories, known from an earlier start of the run.

    Raises:
        UnreadableError: no row can be read: a column is missing.
        UserError: the file or repository is missing or unreadable.
    """
    return documents_in(load_rows(dataset, data_dir=data_dir, commits=commits), reader, limit)


def documents_in(loaded: Loaded, reader: str, limit: int | None) -> Documents:
    """Return the documents that a reader makes of a dataset's rows; see :func:`read_documents`.

    Raises:
        UnreadableError: no row can be read: a column is missing.
    """
    rows, pinned = loaded
    by_hash: dict[str, Document] = {}
    known: set[str] = set()  # what asks the same in another category is a duplicate, too
    set_aside: Counter[str] = Counter()
    fault = ""
    for row in rows.iter_rows(named=True):
        try:
            document = READERS[reader](row)
        except MalformedError as error:
            set_aside["malformed"] += 1
            fault = str(error)
            continue
        if document is None:
            continue
        asked = document_hash({**document, "category": None})
        if asked in known:
            set_aside["duplicate"] += 1
            continue
        known.add(asked)
        by_hash[document_hash(document)] = document
    if not by_hash:
        columns = ", ".join(rows.columns)
        reason = f"{fault} (columns: {columns})" if fault else f"no row of it serves '{reader}'"
        raise UnreadableError(f"{pinned.id}: {reason}")
    taken = set(sorted(by_hash)[:limit])
    documents = [document for key, document in by_hash.items() if key in taken]
    return Documents(documents, dict(set_aside), pinned)


def document_hash(document: Mapping[str, Any]) -> str:
    """Return the sha256 (hex) of a document."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def load_rows(dataset: str, *, data_dir: Path | None, commits: Mapping[str, str]) -> Loaded:
    """Return all rows of a dataset.

    Raises:
        UserError: unknown, missing, or unreadable.
    """
    known = datasets_known()
    if dataset not in known:
        raise UserError(f"no dataset '{dataset}'{nearest(dataset, known)}")
    spec = known[dataset]
    if spec.file.startswith(EMBEDDED):
        return _embedded(spec)
    if data_dir is None:
        return from_sources(spec, commits)
    path = data_dir / spec.file
    if not path.is_file():
        raise missing_file(dataset, data_dir, path)
    try:
        rows = read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{path}: not a Parquet file that can be read") from error
    digest = hashlib.sha256(read_bytes(path)).hexdigest()
    return Loaded(
        rows, Pinned(id=spec.file, revision=_origin(path), fingerprint=f"sha256:{digest}")
    )


def missing_file(dataset: str, data_dir: Path, path: Path) -> UserError:
    """Return what a file that is missing in the folder of datasets means to the user."""
    return UserError(
        f"{path}: missing; to fill {data_dir} from the Hub: "
        f"udasa-eval fetch --data-dir {data_dir} --dataset {dataset}"
    )


def _embedded(spec: DatasetSpec) -> Loaded:
    path = Path(str(files("udasa_eval").joinpath("tiny", "prompts.jsonl")))
    text = path.read_bytes()
    rows = pl.DataFrame([json.loads(line) for line in text.splitlines()], infer_schema_length=None)
    digest = hashlib.sha256(text).hexdigest()
    return Loaded(rows, Pinned(id=spec.file, revision=None, fingerprint=f"sha256:{digest}"))


def _origin(path: Path) -> str | None:
    """Return the commit that ``fetch`` wrote beside a file; None for files from elsewhere."""
    try:
        origin = json.loads(read_bytes(path.with_suffix(ORIGIN)))
    except (OSError, ValueError):
        return None
    return str(origin.get("revision")) if isinstance(origin, dict) else None


def for_lm_eval(
    dataset: str = "",
    reader: str = "",
    data_dir: str | None = None,
    limit: int | None = None,
    documents: Iterable[Document] | None = None,
    **_metadata: object,
) -> Any:
    """Return a task's documents as lm-eval wants them (``custom_dataset:`` of the task files).

    Plain ``lm_eval`` reads from the Hub, or from a folder:
    ``lm_eval --include_path udasa_eval/tasks/suites --metadata '{"data_dir": "DIR"}' …``.

    Args:
        dataset: as in the task's metadata.
        reader: as in the task's metadata.
        data_dir: folder of files.
        limit: as for :func:`read_documents`.
        documents: already read; then nothing else matters.
    """
    import datasets

    if documents is None:
        folder = None if data_dir is None else Path(data_dir)
        documents = read_documents(
            dataset, reader, data_dir=folder, limit=limit, commits={}
        ).documents
    return {"test": datasets.Dataset.from_list(list(documents))}
