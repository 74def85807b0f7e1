"""Where datasets come from: repositories of the Hub, single files of these, and files on GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl
import yaml

from udasa_data.config import Strict
from udasa_data.errors import UserError, first_line
from udasa_data.prompts import read_table
from udasa_data.storage import commit_of, dataset_files, github_file
from udasa_eval.results import Pinned


class Part(Strict, frozen=True):
    """One table of a dataset.

    Attributes:
        hub: a repository of the Hub, of which ``datasets`` loads ``config`` or ``data_dir`` and
            ``split``; or one ``file`` is read.
        github: a repository on GitHub, of which one ``file`` is read.
        revision: of ``hub`` a branch, whose commit is looked up; of ``github`` a commit.
        sha256: of the file's bytes (hex), where somebody wrote it down.
        add: columns that say which part a row is of.
        rename: columns, from theirs to ours.
    """

    hub: str | None = None
    github: str | None = None
    revision: str = "main"
    config: str | None = None
    data_dir: str | None = None
    split: str | None = None
    file: str | None = None
    sha256: str | None = None
    add: dict[str, str] = msgspec.field(default_factory=dict)
    rename: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.hub is None) is (self.github is None):
            raise ValueError("a part is of 'hub' or of 'github'")
        if (self.file is None) is (self.split is None):
            raise ValueError("a part has a 'file' or a 'split'")

    @property
    def place(self) -> str:
        """What the repository is known by in results, and in the commits that a run keeps."""
        if self.github is not None:
            return f"github:{self.github}"
        return str(self.hub) if self.revision == "main" else f"{self.hub}@{self.revision}"

    def lacks(self, missing: Iterable[str], columns: Iterable[str]) -> UserError:
        """Return what it means that columns are missing."""
        return UserError(
            f"{self.place}: {self.file or self.config} has no column {', '.join(missing)} "
            f"(columns: {', '.join(columns)})"
        )


class DatasetSpec(Strict, frozen=True):
    """A dataset: its file under the data folder, and what it is made of.

    Parts are put below each other, or beside the first on the column ``join``.
    """

    file: str
    parts: tuple[Part, ...]
    join: str | None = None


class Loaded(NamedTuple):
    """The rows of a dataset, and what they are."""

    rows: pl.DataFrame
    pinned: Pinned


def datasets_known() -> dict[str, DatasetSpec]:
    """Return the datasets of ``datasets.yaml``."""
    text = files("udasa_eval.tasks").joinpath("datasets.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, DatasetSpec])


def from_sources(spec: DatasetSpec, commits: Mapping[str, str]) -> Loaded:
    """Return a dataset's rows from the network, each repository at one commit.

    Args:
        spec: the dataset.
        commits: of repositories, by ``Part.place``; those not named are looked up.

    Raises:
        UserError: no access, no network, or no such part.
    """
    with _offline_hint(spec):
        shas = {part.place: commits.get(part.place) or _commit(part) for part in spec.parts}
        found = [_github(part) for part in spec.parts]
    tables = [
        _rows(part, shas[part.place], file) for part, file in zip(spec.parts, found, strict=True)
    ]
    if spec.join is None:
        rows = pl.concat(tables, how="diagonal_relaxed")
    else:
        rows = tables[0]
        for table in tables[1:]:
            new = [name for name in table.columns if name not in rows.columns]
            beside = table.select(spec.join, *new).unique(spec.join, keep="first")
            rows = rows.join(beside, on=spec.join, how="left", maintain_order="left")
    revision = ", ".join(shas.values())
    pinned = Pinned(id=", ".join(shas), revision=revision, fingerprint=f"commit:{revision}")
    return Loaded(rows, pinned)


@contextmanager
def _offline_hint(spec: DatasetSpec) -> Iterator[None]:
    """Say what to do without a network, behind what could not be had."""
    try:
        yield
    except UserError as error:
        raise UserError(
            f"{error}. Offline, give --data-dir DIR that holds {spec.file} "
            "(udasa-eval fetch --data-dir DIR fills it where there is a network)"
        ) from error


def _commit(part: Part) -> str:
    return part.revision if part.hub is None else commit_of(part.hub, part.revision, "dataset")


def _github(part: Part) -> Path | None:
    """Return a part's file where it is one of GitHub."""
    if part.github is None:
        return None
    return github_file(part.github, part.revision, str(part.file), part.sha256)


def _rows(part: Part, commit: str, file: Path | None) -> pl.DataFrame:
    """Return a part's rows with the columns it is to have."""
    rows = read_table(file).table if file else _of_hub(part, commit)
    if lacking := [name for name in part.rename if name not in rows.columns]:
        raise part.lacks(lacking, rows.columns)
    rows = rows.rename(dict(part.rename))
    return rows.with_columns(pl.lit(value).alias(name) for name, value in part.add.items())


def _of_hub(part: Part, commit: str) -> pl.DataFrame:
    assert part.hub is not None
    if part.file is not None:
        path = dataset_files(part.hub, commit, [part.file]) / part.file
        if not path.is_file():
            raise UserError(f"dataset '{part.hub}' at {commit[:12]}: has no file {part.file}")
        return read_table(path).table
    return _loaded(part, commit)


def _loaded(part: Part, commit: str) -> pl.DataFrame:
    import datasets

    try:
        table = datasets.load_dataset(
            part.hub, part.config, data_dir=part.data_dir, split=part.split, revision=commit
        )
    except Exception as error:  # datasets raises many kinds, all of them about the repository
        problem = f"{type(error).__name__}: {first_line(error)}"
        raise UserError(f"dataset '{part.hub}' cannot be loaded: {problem}") from error
    rows: pl.DataFrame = table.to_polars()
    return rows
