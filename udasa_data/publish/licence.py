"""The licence of a dataset: that of the model and of the prompts, read where they state it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import yaml

from udasa_data.config import EMBEDDED
from udasa_data.errors import UserError
from udasa_data.prompts import parse_source
from udasa_data.runs import Manifest, PolicyRecord
from udasa_data.storage import SERVED, RepoType, card_of, folder_of

UNKNOWN: Final = "unknown"
OTHER: Final = "other"
_NOT_YET: Final = "not looked up before the push"
_OWN: Final = "apache-2.0"  # of the prompts that come with this package (its LICENSE)

CardOf: TypeAlias = Callable[[str, str, RepoType], dict[str, Any]]


class Licence(NamedTuple):
    """The licence of one source, as its own card states it; ``identifier`` is ``unknown`` else."""

    what: str  # "answers of …" | "prompts of …"
    identifier: str
    stated: str  # where it was read, or why it is not known
    name: str | None = None  # of an ``other`` licence
    link: str | None = None


class Licences(NamedTuple):
    """The licences behind a dataset, and what follows for it."""

    sources: tuple[Licence, ...]

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The dataset's licence: those of all its sources, ``unknown`` if one of them is.

        Nothing is weighed: where the sources differ, the terms of each hold.
        """
        found = tuple(dict.fromkeys(source.identifier for source in self.sources))
        return (UNKNOWN,) if UNKNOWN in found or not found else found

    @property
    def unknown(self) -> tuple[Licence, ...]:
        """The sources whose licence is not known."""
        return tuple(source for source in self.sources if source.identifier == UNKNOWN)


def licences_of(
    manifest: Manifest, look_up: CardOf | None = card_of, said: str | None = None
) -> Licences:
    """Return the licences of the policy and of every source of prompts.

    Args:
        manifest: of the dataset.
        look_up: gives the card data of a Hub repository; None looks nothing up.
        said: by the user, of the files of prompts that state none; None: as the build was told.
    """
    said = said or manifest.config.license
    policy, config = manifest.policy, manifest.config
    of_model = _of_model(policy, look_up)
    commits = manifest.made_from.get("prompt_commits", {})
    of_prompts = [_or_said(_of_prompts(text, commits, look_up), said) for text in config.prompts]
    return Licences((of_model, *dict.fromkeys(of_prompts)))


def _or_said(found: Licence, said: str | None) -> Licence:
    """Return a licence that the user said in the place of one that is stated nowhere."""
    if said is None or found.identifier != UNKNOWN or found.stated == _NOT_YET:
        return found
    return Licence(found.what, said.lower(), "said by who built it (--license)")


def _of_model(policy: PolicyRecord, look_up: CardOf | None) -> Licence:
    what = f"answers of {policy.id}"
    if policy.revision is not None:
        return _of_hub(what, policy.id, policy.revision, "model", look_up)
    if policy.fingerprint.startswith(SERVED):
        return Licence(what, UNKNOWN, "a server's model: no card to read")
    try:
        folder = folder_of(policy.id)
    except UserError:  # built on another machine, or moved since
        return Licence(what, UNKNOWN, "its folder is not here")
    return _of_folder(what, folder) if folder else Licence(what, UNKNOWN, "no card to read")


def _of_prompts(text: str, commits: dict[str, str], look_up: CardOf | None) -> Licence:
    try:
        source = parse_source(text)
    except UserError:  # built on another machine, or moved since
        return Licence(f"prompts of {text}", UNKNOWN, "its file is not here")
    what = f"prompts of {source.name}"
    if source.place.startswith(EMBEDDED):
        return Licence(what, _OWN, "this package")
    if source.is_local:
        path = Path(source.place).resolve()
        return _of_folder(what, path if path.is_dir() else path.parent)
    commit = commits.get(source.place) or "main"
    return _of_hub(what, source.place, commit, "dataset", look_up)


def _of_folder(what: str, folder: Path) -> Licence:
    """Read the front matter of a folder's README.md."""
    card = folder / "README.md"
    if not card.is_file():
        return Licence(what, UNKNOWN, "no README.md beside it")
    text = card.read_text(encoding="utf-8", errors="replace")
    try:
        front = yaml.safe_load(text.split("---\n", 2)[1]) if text.startswith("---\n") else None
    except (IndexError, yaml.YAMLError, ValueError, TypeError, RecursionError):  # a stranger's
        front = None
    return _stated(what, front if isinstance(front, dict) else {}, "its README.md")


def _of_hub(
    what: str, repo_id: str, commit: str, kind: RepoType, look_up: CardOf | None
) -> Licence:
    if look_up is None:
        return Licence(what, UNKNOWN, _NOT_YET)
    return _stated(what, look_up(repo_id, commit, kind), f"its card on the Hub ({repo_id})")


def _stated(what: str, card: dict[str, Any], where: str) -> Licence:
    found = card.get("license")
    if isinstance(found, list):
        found = found[0] if len(found) == 1 else None
    if not isinstance(found, str) or not found.strip():
        return Licence(what, UNKNOWN, f"{where} states none")
    extra = [card.get(key) for key in ("license_name", "license_link")]
    name, link = (str(value) if value else None for value in extra)
    return Licence(what, found.strip().lower(), where, name, link)
