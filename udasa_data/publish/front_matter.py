"""The YAML at the head of a dataset card: configurations, splits and their files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from udasa_data.prompts import SPLITS
from udasa_data.publish.licence import OTHER, Licences
from udasa_data.runs import Manifest
from udasa_data.schema import Stage

# configuration → whose files it has
PARTS: Final = {
    "all": tuple(str(stage) for stage in Stage),
    **{name: (name,) for name in (*map(str, Stage), "samples", "dropped")},
}
_SIZES: Final = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"))


def front_matter(
    manifest: Manifest, licences: Licences, languages: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what ``datasets`` and the Hub read of a card.

    Args:
        manifest: of the dataset.
        licences: of what it is made from.
        languages: of its answers, by ISO 639-1 code.
    """
    paths = {name: _paths(manifest, parts) for name, parts in PARTS.items()}
    configs: list[dict[str, Any]] = [
        {"config_name": name, "data_files": found} for name, found in paths.items() if found
    ]
    if configs:
        configs[0]["default"] = True
    n = manifest.counts.pairs
    size = next((name for limit, name in _SIZES if n < limit), "1M<n<10M")
    return {
        "pretty_name": f"UDASA staged preference pairs ({manifest.config.model})",
        **_front_licence(licences),
        **({"language": list(languages)} if languages else {}),
        "source_datasets": _sources(manifest),
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["preference", "dpo", "udasa", "synthetic", "trl"],
        "configs": configs,
    }


def _sources(manifest: Manifest) -> list[str]:
    """Return the Hub datasets that prompts were read from; ``original`` where there is none."""
    commits: dict[str, str] = manifest.made_from.get("prompt_commits", {})
    return [place for place, commit in commits.items() if commit != "local"] or ["original"]


def _front_licence(licences: Licences) -> dict[str, Any]:
    found = licences.identifiers
    named = next((source for source in licences.sources if source.identifier == OTHER), None)
    extra = {}
    if found == (OTHER,) and named is not None:
        extra = {"license_name": named.name or OTHER}
        extra |= {"license_link": named.link} if named.link else {}
    return {"license": found[0] if len(found) == 1 else list(found), **extra}


def _paths(manifest: Manifest, parts: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the files of configurations by split; a split without files is left out."""
    by_split: dict[str, list[str]] = {}
    for split in SPLITS:
        for path, record in manifest.files.items():
            if record.split == split and record.config in parts:
                by_split.setdefault(split, []).append(path)
    return [{"split": split, "path": paths} for split, paths in by_split.items()]
