"""``manifest.json`` of a dataset folder: what it was made from, and what its files must hold."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from udasa_data.config import BuildConfig, ModelRef, read_bytes
from udasa_data.errors import UserError
from udasa_data.pairing import Confounds
from udasa_data.prompts import Split
from udasa_data.runs.sealing import checked, sealed
from udasa_data.runs.summary import Counts
from udasa_data.schema import Axis
from udasa_data.storage import Located, beginning_of, chat_template_sha256, parse_json

MANIFEST: Final = "manifest.json"
GIVEN: Final = "given"  # the engine of a build from the answers of a file
SCHEMA_VERSION: Final = 1
_DATA: Final = re.compile(r"data(/[A-Za-z0-9_.-]+)+\.parquet")
_FIGURE: Final = re.compile(r"figures(/[A-Za-z0-9_.-]+)+\.png")
R = TypeVar("R", bound=ModelRef)
Role: TypeAlias = Literal[
    "nli", "value", "sentiment", "prompt_harm", "refusal", "embedder", "judge"
]


class PolicyRecord(msgspec.Struct, frozen=True):
    """The model that answered. ``revision`` is a Hub commit; None for a folder's model.

    ``chat_template_sha256`` is of the template's text; None where there is none to be read.
    ``begins_with`` is the control token that its tokenizer puts before every text; "" for none.
    """

    id: str
    revision: str | None
    fingerprint: str
    chat_template_sha256: str | None
    begins_with: str = ""


class ScorerRecord(msgspec.Struct, frozen=True):
    """A model that scored the answers, in one of its roles."""

    role: Role
    id: str
    revision: str | None
    fingerprint: str


class Thresholds(msgspec.Struct, frozen=True):
    """The gaps that separate the stages; None when there were no pairs to take them from."""

    low: float | None
    high: float | None


class FileRecord(msgspec.Struct, frozen=True):
    """A Parquet file: its content's sha256 (hex), its rows, and where they belong."""

    sha256: str
    rows: int
    config: str
    split: Split


class FigureRecord(msgspec.Struct, frozen=True):
    """A picture of the card: its caption, and what it shows for those who do not see it."""

    title: str
    alt: str


class _MergedRun(msgspec.Struct, frozen=True, rename={"from_place": "from"}):
    """What is read of a run that was merged into a dataset."""

    from_place: str
    name: str
    policy: PolicyRecord
    commit: str | None = None


class _Origin(msgspec.Struct, frozen=True, rename={"from_place": "from"}):
    """What is read of the dataset that a build started from."""

    from_place: str
    commit: str | None = None
    merged: tuple[_MergedRun, ...] = ()


class _MadeFrom(msgspec.Struct, frozen=True):
    """What is read of ``made_from``, which may hold more."""

    origin: _Origin | msgspec.UnsetType = msgspec.UNSET
    keys: dict[str, str] = {}
    prompt_commits: dict[str, str] = {}
    engine: dict[str, str] = {}
    code: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True):
    """All that a reader, a check or another build needs to know of a dataset folder.

    Attributes:
        config: the resolved configuration of the build.
        files: by path in the folder; figures: the card's pictures.
        notes: what a user should read.
        made_from: what the run recorded of its inputs: keys, commits of prompts, engine.
    """

    policy: PolicyRecord
    scorers: tuple[ScorerRecord, ...]
    config: BuildConfig
    stages: Thresholds
    held_out: float
    counts: Counts
    confounds: Confounds
    versions: dict[str, str]
    files: dict[str, FileRecord] = {}
    figures: dict[str, FigureRecord] = {}
    notes: tuple[str, ...] = ()
    made_from: dict[str, Any] = {}
    schema_version: int = SCHEMA_VERSION


def answers_were_given(manifest: Manifest) -> bool:
    """Return whether the answers come from a file, and not from a policy that was asked."""
    return bool(manifest.made_from.get("engine", {}).get("name") == GIVEN)


class Provenance(msgspec.Struct, frozen=True):
    """The models behind a dataset."""

    policy: PolicyRecord
    scorers: tuple[ScorerRecord, ...]


def provenance(
    config: BuildConfig,
    models: Mapping[str, Located],
    axes: Collection[str],
    answered: PolicyRecord | None = None,
) -> Provenance:
    """Return who answered and who scored.

    Args:
        config: of the run.
        models: located and pinned, by id.
        axes: of the answers: reviews alone are scored by the sentiment model, and by it alone.
        answered: the policy's record where it is known already, and need not be at hand.
    """
    policy = models[config.policy.id]
    scorers = [_scorer("nli", config.nli, models)]
    if set(axes) - {Axis.SENTIMENT}:
        scorers += [_scorer("value", ref, models) for ref in config.value]
        if config.prompt_harm:
            scorers.append(_scorer("prompt_harm", config.prompt_harm, models))
        if config.refusal:
            scorers.append(_scorer("refusal", config.refusal, models))
    if Axis.SENTIMENT in axes:
        scorers.append(_scorer("sentiment", config.sentiment, models))
    if embedder := config.embedder_in_use:
        scorers.append(_scorer("embedder", embedder, models))
    if config.judge is not None or config.scoring.factual == "p_true":
        scorers.append(_scorer("judge", config.policy, models))
    if answered is None:
        template = chat_template_sha256(policy)
        answered = PolicyRecord(
            config.policy.id, policy.commit, policy.fingerprint, template, beginning_of(policy)
        )
    return Provenance(answered, tuple(scorers))


def pinned(config: BuildConfig, models: Mapping[str, Located]) -> BuildConfig:
    """Return the configuration with every Hub model at the commit that was used."""

    def at(ref: R) -> R:
        commit = models[ref.id].commit
        return ref if commit is None else msgspec.structs.replace(ref, revision=commit)

    embedder, asked, refusal = config.embedder_in_use, config.prompt_harm, config.refusal
    return msgspec.structs.replace(
        config,
        policy=at(config.policy),
        nli=at(config.nli),
        value=tuple(at(ref) for ref in config.value),
        sentiment=at(config.sentiment),
        prompt_harm=at(asked) if asked else None,
        refusal=at(refusal) if refusal else None,
        embedder=at(embedder) if embedder else config.embedder,
    )


def to_json(manifest: Manifest) -> str:
    """Return the manifest as JSON text, its keys in the order of its fields, with its hash."""
    return json.dumps(sealed(msgspec.to_builtins(manifest)), indent=2, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a dataset folder.

    Raises:
        UserError: there is none, it is damaged, or a later version wrote it.
    """
    path = folder / MANIFEST
    try:
        return parse_manifest(read_bytes(path).decode("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read; a dataset folder is what a build writes to RUN/dataset"
        ) from error


def parse_manifest(text: str, where: str) -> Manifest:
    """Return the manifest in a JSON text, which may be a stranger's.

    Raises:
        UserError: damaged, of a version that this one cannot read, or naming files elsewhere than
            below ``data/`` and ``figures/``.
    """
    try:
        plain = checked(parse_json(text))
        version = plain.get("schema_version")
        if version != SCHEMA_VERSION:
            raise UserError(f"{where}: version {version} of the manifest; this reads 1")
        manifest = msgspec.convert(plain, Manifest)
        msgspec.convert(manifest.made_from, _MadeFrom)
    except (ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(f"{where}: not the manifest of a dataset ({error})") from error
    for paths, pattern in ((manifest.files, _DATA), (manifest.figures, _FIGURE)):
        for path in paths:
            if not pattern.fullmatch(path) or ".." in path.split("/"):
                raise UserError(
                    f"{where}: names the file {path[:80]!r}; a dataset's files lie in data/ and "
                    "figures/. Nothing was read or sent"
                )
    return manifest


def _scorer(role: Role, ref: ModelRef, models: Mapping[str, Located]) -> ScorerRecord:
    located = models[ref.id]
    return ScorerRecord(role, ref.id, located.commit, located.fingerprint)
