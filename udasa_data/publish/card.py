"""The dataset card: YAML that ``datasets`` reads, and a page that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from udasa_data.config import BuildConfig, to_yaml
from udasa_data.confounds import told
from udasa_data.schema import Stage
from udasa_data.summary import Counts, Summary


def card(config: BuildConfig, summary: Summary, written: Mapping[str, str]) -> str:
    """Return the README.md of a dataset folder.

    Args:
        config: of the run.
        summary: what to tell.
        written: the Parquet file of each configuration but ``all``, relative to the folder.
    """
    counts = summary.counts
    template = Template(files("udasa_data.publish").joinpath("card.md").read_text(encoding="utf-8"))
    body = template.substitute(
        model=config.model,
        policy=config.policy.id,
        samples=config.sampling.samples,
        temperature=config.sampling.temperature,
        n_prompts=counts.prompts,
        n_samples=counts.samples,
        n_pairs=counts.pairs,
        stages=_table(("stage", "pairs", "mean Δu", "Δu from", "to"), _stage_rows(counts)),
        dropped=_table(("what", "why", "count"), _dropped_rows(counts)),
        dimensions=_table(("dimension", "applies to", "scored", "mean u"), _dimension_rows(counts)),
        confounds=_table(("what", "figure"), told(summary.confounds)),
        config=to_yaml(config).rstrip(),
    )
    return f"---\n{yaml.safe_dump(_front_matter(written), sort_keys=False)}---\n\n{body}"


def _front_matter(written: Mapping[str, str]) -> dict[str, Any]:
    stages = [{"split": "train", "path": [written[stage] for stage in Stage]}]
    return {
        "pretty_name": "UDASA staged preference pairs",
        "tags": ["preference", "dpo", "udasa", "synthetic"],
        "configs": [
            {"config_name": "all", "data_files": stages, "default": True},
            *(
                {
                    "config_name": name,
                    "data_files": [{"split": "train", "path": path}],
                }
                for name, path in written.items()
            ),
        ],
    }


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
