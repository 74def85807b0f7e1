"""From a run to the Hub: what is looked up before the push, and what is done after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from udasa_data.errors import UserError
from udasa_data.publish.dataset import card_of_folder, read_prompts
from udasa_data.publish.licence import Licence, Licences, licences_of
from udasa_data.publish.pushing import Content, Pushed, Target, content_of, find_dataset, push
from udasa_data.publish.repository import Patience, Tell
from udasa_data.publish.suites import Contamination, contamination
from udasa_data.publish.verification import Verified, verify
from udasa_data.runs import read_manifest
from udasa_data.storage import card_of


@dataclass(frozen=True)
class Prepared:
    """A dataset ready to be pushed: its files with the card, and what the card says of it."""

    content: Content
    licences: Licences
    contamination: Contamination

    def warnings(self) -> tuple[str, ...]:
        """Return what a user should know before others see the dataset."""
        warnings = [
            f"licence unknown: {source.what} ({source.stated}); the card says so{_remedy(source)}"
            for source in self.licences.unknown
        ]
        if self.contamination.not_checked:
            suites = ", ".join(self.contamination.not_checked)
            warnings.append(f"contamination not checked: {suites} (--against, or $UDASA_DATA_DIR)")
        return tuple(warnings)


def _remedy(source: Licence) -> str:
    return " (--license names that of your own)" if source.what.startswith("prompts") else ""


@dataclass(frozen=True)
class Released:
    """A push, and the check of what it published."""

    pushed: Pushed
    verified: Verified


def prepare(
    source: Path,
    repo_id: str,
    against: Sequence[str] = (),
    *,
    look_up: bool = True,
    licence: str | None = None,
) -> Prepared:
    """Write the card for ``repo_id`` and gather the files; touches neither run nor repository.

    Args:
        source: a run, or a dataset folder.
        repo_id: where it is to go.
        against: files of evaluation prompts, beside those in ``$UDASA_DATA_DIR``.
        look_up: whether licences of Hub repositories are looked up there.
        licence: of the files of prompts that state none.

    Raises:
        UserError: no finished run, one without pairs, damaged files, or too many of them.
    """
    folder = find_dataset(source)
    manifest = read_manifest(folder)
    if not manifest.counts.pairs:
        said = (note for note in manifest.notes if note.startswith(("no pairs", "no samples")))
        raise UserError(f"{folder}: nothing to push: {next(said, 'it has no pairs')}")
    licences = licences_of(manifest, card_of if look_up else None, licence)
    found = contamination(read_prompts(folder), against)
    card = card_of_folder(folder, repo_id, licences, found)
    return Prepared(content_of(folder, card), licences, found)


def release(
    prepared: Prepared, target: Target, tell: Tell, patience: Patience | None = None
) -> Released:
    """Push, then load it all back at the very commit and check it.

    Raises:
        UserError: see :func:`udasa_data.publish.pushing.push` and
            :func:`udasa_data.publish.verification.verify`.
    """
    pushed = push(prepared.content, target, tell, patience)
    source = f"{pushed.repo_id}@{pushed.commit}"
    return Released(pushed, verify(source, tell, patience=patience))
