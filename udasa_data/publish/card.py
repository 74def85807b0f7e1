"""The dataset card: YAML that ``datasets`` reads, and a page that people read."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any, Final

import yaml

from udasa_data.config import to_yaml
from udasa_data.confounds import told
from udasa_data.publish.manifest import Manifest
from udasa_data.schema import Stage
from udasa_data.splits import SPLITS
from udasa_data.summary import Counts, Summary

# configuration → whose files it has
_PARTS: Final = {
    "all": tuple(str(stage) for stage in Stage),
    **{name: (name,) for name in (*map(str, Stage), "samples", "dropped")},
}


def card(manifest: Manifest, summary: Summary) -> str:
    """Return the README.md of a dataset folder."""
    counts, config = summary.counts, manifest.config
    template = Template(files("udasa_data.publish").joinpath("card.md").read_text(encoding="utf-8"))
    body = template.substitute(
        model=config.model,
        policy=config.policy.id,
        samples=config.sampling.samples,
        temperature=config.sampling.temperature,
        n_prompts=counts.prompts,
        n_samples=counts.samples,
        n_pairs=counts.pairs,
        held_out=f"{manifest.held_out:.0%}",
        splits=_table(("configuration", *SPLITS), _split_rows(manifest)),
        stages=_table(("stage", "pairs", "mean Δu", "Δu from", "to"), _stage_rows(counts)),
        dropped=_table(("what", "why", "count"), _dropped_rows(counts)),
        dimensions=_table(("dimension", "applies to", "scored", "mean u"), _dimension_rows(counts)),
        confounds=_table(("what", "figure"), told(summary.confounds)),
        config=to_yaml(config).rstrip(),
    )
    return f"---\n{yaml.safe_dump(_front_matter(manifest), sort_keys=False)}---\n\n{body}"


def _front_matter(manifest: Manifest) -> dict[str, Any]:
    files = {name: _paths(manifest, *parts) for name, parts in _PARTS.items()}
    configs: list[dict[str, Any]] = [
        {"config_name": name, "data_files": paths} for name, paths in files.items() if paths
    ]
    if configs:
        configs[0]["default"] = True
    return {
        "pretty_name": "UDASA staged preference pairs",
        "tags": ["preference", "dpo", "udasa", "synthetic"],
        "configs": configs,
    }


def _paths(manifest: Manifest, *configs: str) -> list[dict[str, Any]]:
    """Return the files of configurations by split; a split without files is left out."""
    by_split: dict[str, list[str]] = {}
    for split in SPLITS:
        for path, record in manifest.files.items():
            if record.split == split and record.config in configs:
                by_split.setdefault(split, []).append(path)
    return [{"split": split, "path": paths} for split, paths in by_split.items()]


def _split_rows(manifest: Manifest) -> list[tuple[str, ...]]:
    """Return how many rows each configuration has in each split."""
    rows: list[tuple[str, ...]] = []
    for name, parts in _PARTS.items():
        sums = dict.fromkeys(SPLITS, 0)
        for record in manifest.files.values():
            if record.config in parts:
                sums[record.split] += record.rows
        rows.append((name, *(str(n) if n else "no such split" for n in sums.values())))
    return rows


def _stage_rows(counts: Counts) -> list[tuple[str, ...]]:
    return [
        (
            name,
            str(s.pairs),
            _figure(s.mean_delta_u),
            _figure(s.min_delta_u),
            _figure(s.max_delta_u),
        )
        for name, s in counts.stages.items()
    ]


def _dropped_rows(counts: Counts) -> list[tuple[str, ...]]:
    return [
        (what, why.replace("_", " "), str(n))
        for what, reasons in counts.dropped.items()
        for why, n in reasons.items()
    ]


def _dimension_rows(counts: Counts) -> list[tuple[str, ...]]:
    return [
        (name, str(d.applies_to), str(d.finite), _figure(d.mean))
        for name, d in counts.dimensions.items()
    ]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "None."
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
