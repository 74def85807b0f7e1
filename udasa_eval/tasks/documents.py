"""Datasets → documents: from the Hub at a commit, from ``--data-dir``, or from the package."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl
import yaml

from udasa_data.config import Strict, read_bytes
from udasa_data.errors import UserError, nearest
from udasa_data.storage import commit_of, read_parquet
from udasa_eval.results import Pinned
from udasa_eval.tasks.readers import READERS, Document, MalformedError

EMBEDDED: Final = "embedded:"
ORIGIN: Final = ".origin.json"  # beside a fetched file: which commit of which repository it is


class Part(Strict, frozen=True):
    """What the Hub has of a dataset; ``add`` are columns that say which part a row is of."""

    hub: str
    split: str
    config: str | None = None
    data_dir: str | None = None
    data_files: str | None = None
    add: dict[str, str] = msgspec.field(default_factory=dict)


class DatasetSpec(Strict, frozen=True):
    """A dataset: its file under the data folder, and what it is made of."""

    file: str
    parts: tuple[Part, ...]
    join: str | None = None


class Loaded(NamedTuple):
    """The rows of a dataset, and what they are."""

    rows: pl.DataFrame
    pinned: Pinned


class Documents(NamedTuple):
    """The documents of a task, and how many rows of it were left out, by reason."""

    documents: list[Document]
    set_aside: dict[str, int]
    pinned: Pinned


def datasets_known() -> dict[str, DatasetSpec]:
    """Return the datasets of ``datasets.yaml``."""
    text = files("udasa_eval.tasks").joinpath("datasets.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, DatasetSpec])


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
        data_dir: folder of files; None reads from the Hub.
        limit: take so many, the same ones for every model: those with the smallest hashes.
        commits: of Hub repositories, known from an earlier start of the run.

    Raises:
        UserError: the file or repository is missing or unreadable, or no row can be read.
    """
    rows, pinned = load_rows(dataset, data_dir=data_dir, commits=commits)
    by_hash: dict[str, Document] = {}
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
        key = document_hash(document)
        if key in by_hash:
            set_aside["duplicate"] += 1
        by_hash.setdefault(key, document)
    if not by_hash:
        columns = ", ".join(rows.columns)
        reason = f"{fault} (columns: {columns})" if fault else f"no row of it serves '{reader}'"
        raise UserError(f"{pinned.id}: {reason}")
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
        return from_hub(spec, commits)
    path = data_dir / spec.file
    if not path.is_file():
        raise UserError(
            f"{path}: missing; to fill {data_dir} from the Hub: "
            f"udasa-eval fetch --data-dir {data_dir} --dataset {dataset}"
        )
    try:
        rows = read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UserError(f"{path}: not a Parquet file that can be read") from error
    digest = hashlib.sha256(read_bytes(path)).hexdigest()
    return Loaded(
        rows, Pinned(id=spec.file, revision=_origin(path), fingerprint=f"sha256:{digest}")
    )


def from_hub(spec: DatasetSpec, commits: Mapping[str, str]) -> Loaded:
    """Return a dataset's rows from the Hub, each repository at one commit.

    Raises:
        UserError: no access, no network, or no such part.
    """
    shas = {part.hub: commits.get(part.hub) for part in spec.parts}
    shas = {hub: sha or _commit(hub, spec) for hub, sha in shas.items()}
    tables = [_part(part, str(shas[part.hub])) for part in spec.parts]
    if spec.join is None:
        rows = pl.concat(tables, how="diagonal_relaxed")
    else:
        rows = tables[0]
        for table in tables[1:]:
            new = [name for name in table.columns if name not in rows.columns]
            rows = rows.join(table.select(spec.join, *new), on=spec.join, how="left")
    ids = ", ".join(dict.fromkeys(shas))
    revision = ", ".join(str(sha) for sha in shas.values())
    return Loaded(rows, Pinned(id=ids, revision=revision, fingerprint=f"commit:{revision}"))


def _commit(hub: str, spec: DatasetSpec) -> str:
    try:
        return commit_of(hub, "main", "dataset")
    except UserError as error:
        raise UserError(
            f"{error}. Offline, give --data-dir DIR that holds {spec.file} "
            "(udasa-eval fetch --data-dir DIR fills it where there is a network)"
        ) from error


def _part(part: Part, commit: str) -> pl.DataFrame:
    import datasets

    try:
        table = datasets.load_dataset(
            part.hub,
            part.config,
            data_dir=part.data_dir,
            data_files=part.data_files,
            split=part.split,
            revision=commit,
        )
    except Exception as error:  # datasets raises many kinds, all of them about the repository
        problem = (str(error).strip().splitlines() or [""])[0]
        raise UserError(
            f"dataset '{part.hub}' cannot be loaded: {type(error).__name__}: {problem}"
        ) from error
    rows: pl.DataFrame = table.to_polars()
    return rows.with_columns(pl.lit(value).alias(name) for name, value in part.add.items())


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
