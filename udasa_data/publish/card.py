"""The dataset card: YAML that ``datasets`` reads, and a page that people read."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any, Final

import polars as pl
import yaml

from udasa_data.config import BuildConfig, Pairing
from udasa_data.confounds import told
from udasa_data.presets import to_yaml
from udasa_data.publish.examples import examples
from udasa_data.publish.figures import pair_lengths
from udasa_data.publish.licence import OTHER, UNKNOWN, Licences
from udasa_data.publish.manifest import Manifest
from udasa_data.publish.markdown import block, code, inline, table
from udasa_data.publish.suites import Contamination
from udasa_data.schema import Dimension, Stage
from udasa_data.splits import SPLITS

# configuration → whose files it has
PARTS: Final = {
    "all": tuple(str(stage) for stage in Stage),
    **{name: (name,) for name in (*map(str, Stage), "samples", "dropped")},
}
_SIZES: Final = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"))


@dataclass(frozen=True)
class CardFacts:
    """What a card tells.

    Attributes:
        manifest: of the dataset, with its files and figures.
        pairs: the staged pairs.
        samples: every sample; ``prompt_id, sample_id, n_tokens`` are read.
        licences: of the model and the prompts.
        contamination: against evaluation suites.
        repo_id: where it is pushed to; None for a folder.
    """

    manifest: Manifest
    pairs: pl.DataFrame
    samples: pl.DataFrame
    licences: Licences
    contamination: Contamination
    repo_id: str | None = None


def card(facts: CardFacts) -> str:
    """Return the README.md of a dataset."""
    manifest = facts.manifest
    config, counts = manifest.config, manifest.counts
    template = Template(files("udasa_data.publish").joinpath("card.md").read_text(encoding="utf-8"))
    place = facts.repo_id or "PATH_OR_REPO"
    body = template.substitute(
        model=inline(config.model),
        policy=code(config.policy.id),
        place=place,
        samples=config.sampling.samples,
        n_prompts=f"{counts.prompts:,}",
        n_pairs=f"{counts.pairs:,}",
        held_out=f"{manifest.held_out:.0%}",
        stages=_stages(facts),
        stage_dimensions=_stage_dimensions(facts.pairs),
        factual_note="The factual dimension applies to answers that assert something checkable, "
        "and not to reviews.",
        splits=table(("configuration", *SPLITS), _splits(manifest)),
        made=_made(manifest),
        scorers=_scorers(manifest),
        dimensions=_dimensions(manifest),
        examples=examples(facts.pairs),
        confounds=table(("what", "figure"), told(manifest.confounds)),
        dropped=_dropped(manifest),
        contamination=_contamination(facts.contamination, counts.prompts),
        notes="\n".join(f"- {inline(note)}" for note in manifest.notes),
        licence=_licence(facts.licences),
        rebuild=_rebuild(manifest, facts.repo_id),
        rebuild_notes=_rebuild_notes(manifest),
        config=block(to_yaml(config).rstrip(), "yaml"),
        figures_stages=_pictures(manifest, "gaps"),
        figures_scores=_pictures(manifest, "uncertainty"),
        figures_confounds=_pictures(manifest, "lengths", "correlation"),
        figures_dropped=_pictures(manifest, "dropped"),
    )
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{body}"


def _front_matter(facts: CardFacts) -> dict[str, Any]:
    manifest = facts.manifest
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
        **_front_licence(facts.licences),
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["preference", "dpo", "udasa", "synthetic", "trl"],
        "configs": configs,
    }


def _front_licence(licences: Licences) -> dict[str, Any]:
    found = licences.identifiers
    named = next((one for one in licences.sources if one.identifier == OTHER), None)
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


def _splits(manifest: Manifest) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, parts in PARTS.items():
        sums = dict.fromkeys(SPLITS, 0)
        for record in manifest.files.values():
            if record.config in parts:
                sums[record.split] += record.rows
        rows.append((name, *(f"{n:,}" if n else "no such split" for n in sums.values())))
    return rows


def _stages(facts: CardFacts) -> str:
    gaps_of = ("Δu from", "to", "mean Δu")
    lengths_of = ("length chosen", "length rejected", "length gap")
    header = ("stage", "pairs", *gaps_of, "u chosen", "u rejected", *lengths_of)
    rows = []
    for stage in Stage:
        pairs = facts.pairs.filter(pl.col("stage") == stage.value)
        lengths = pair_lengths(pairs, facts.samples)
        chosen, rejected = (_mean(pl.Series(lengths[side])) for side in ("chosen", "rejected"))
        gaps = pairs["delta_u"]
        ends = (None, None) if gaps.is_empty() else (float(gaps.sort()[0]), float(gaps.sort()[-1]))
        sides = [_mean(pairs[f"uncertainty_{side}"]) for side in ("chosen", "rejected")]
        gap = None if chosen is None or rejected is None else chosen - rejected
        figures = [*(_figure(one) for one in (*ends, _mean(gaps), *sides))]
        figures += [_figure(one, 1) for one in (chosen, rejected)]
        figures.append("–" if gap is None else f"{gap:+.1f}")
        rows.append((str(stage), f"{len(pairs):,}", *figures))
    return table(header, rows)


def _stage_dimensions(pairs: pl.DataFrame) -> str:
    rows = []
    for stage in Stage:
        of_stage = pairs.filter(pl.col("stage") == stage.value)
        cells = []
        for d in Dimension:
            sides = [_mean(of_stage[f"u_{d}_{side}"]) for side in ("chosen", "rejected")]
            cells.append(" → ".join(map(_figure, sides)))
        rows.append((str(stage), *cells))
    return table(("stage", *map(str, Dimension)), rows)


def _made(manifest: Manifest) -> str:
    """Return how it was made, as a table of what was set."""
    config, policy = manifest.config, manifest.policy
    low, high = manifest.stages.low, manifest.stages.high
    how = "cut-offs as given" if config.stages.cutoffs else "tertiles of Δu"
    template = policy.chat_template_sha256
    rows = {
        "policy": code(policy.id),
        "its revision": _revision(policy.revision, policy.fingerprint),
        "chat template": f"sha256 `{template[:16]}…`" if template else "none of its own",
        "prompts": ", ".join(map(inline, config.prompts)),
        "sampling": _sampling(manifest),
        "system prompt": inline(config.system_prompt) if config.system_prompt else "none",
        "estimators": f"semantic: {config.scoring.semantic}; factual: {config.scoring.factual}",
        "calibration": _calibration(config),
        "weights": ", ".join(f"{d} {getattr(config.weights, d.value):g}" for d in Dimension),
        "pairing": _pairing(config.pairing),
        "stage thresholds": f"{_figure(low)} and {_figure(high)} ({how})",
        "versions": ", ".join(f"{name} {v}" for name, v in manifest.versions.items()),
    }
    return table(("what", "how"), list(rows.items()))


def _sampling(manifest: Manifest) -> str:
    sampling = manifest.config.sampling
    nucleus = "" if sampling.top_p == 1 else f", nucleus {sampling.top_p:g}"
    engine = manifest.made_from.get("engine", {}).get("name", manifest.config.engine)
    return (
        f"K = {sampling.samples}, temperature {sampling.temperature:g}{nucleus}, up to "
        f"{sampling.max_tokens} tokens, seed {manifest.config.seed}, engine {inline(engine)}"
    )


def _calibration(config: BuildConfig) -> str:
    if config.calibration.curves:
        return "curves of an earlier run"
    least = config.calibration.min_axis_rows
    return f"mid-ranks of this run; an axis has its own curve from {least} answers on"


def _pairing(pairing: Pairing) -> str:
    return (
        f"rejected: {inline(pairing.rejected)}; veto above u_value {pairing.veto:g}; noise floor "
        f"{pairing.noise_z:g} standard errors; length ratio up to {pairing.length_ratio:g}"
    )


def _scorers(manifest: Manifest) -> str:
    rows = [
        (one.role, code(one.id), _revision(one.revision, one.fingerprint))
        for one in manifest.scorers
    ]
    return table(("role", "model", "revision"), rows)


def _revision(commit: str | None, fingerprint: str) -> str:
    return f"commit `{commit}`" if commit else f"files `{fingerprint[:23]}…`"


def _dimensions(manifest: Manifest) -> str:
    rows = [
        (name, f"{d.applies_to:,}", f"{d.finite:,}", _figure(d.mean))
        for name, d in manifest.counts.dimensions.items()
    ]
    return table(("dimension", "applies to", "scored", "mean u"), rows)


def _dropped(manifest: Manifest) -> str:
    rows = [
        (what, why.replace("_", " "), f"{n:,}")
        for what, reasons in manifest.counts.dropped.items()
        for why, n in sorted(reasons.items(), key=lambda one: -one[1])
    ]
    return table(("what", "why", "count"), rows)


def _contamination(found: Contamination, prompts: int) -> str:
    parts = []
    if found.checked:
        parts.append(
            f"Prompts of this dataset ({prompts:,}) that share {found.n_words} words in a row with "
            "a prompt of the suite (or are the same, where one is shorter). None was removed."
        )
        rows = [(inline(o.suite), f"{o.suite_prompts:,}", f"{o.found:,}") for o in found.checked]
        parts.append(table(("suite", "its prompts", "found here"), rows))
    if found.not_checked:
        parts.append(f"Not checked: {', '.join(map(inline, found.not_checked))}.")
    return "\n\n".join(parts)


def _licence(licences: Licences) -> str:
    rows = [
        (inline(one.what), inline(one.name or one.identifier), inline(one.stated))
        for one in licences.sources
    ]
    meaning = {
        True: "**Unknown**, since that of a source is: find out before you use this dataset.",
        False: f"`{'`, `'.join(licences.identifiers)}`, from what it is made of; where the sources "
        "differ, the terms of each hold.",
    }[licences.identifiers == (UNKNOWN,)]
    return f"{meaning}\n\n{table(('source', 'licence', 'read from'), rows)}"


def _rebuild(manifest: Manifest, repo_id: str | None) -> str:
    version = manifest.versions.get("udasa", "")
    lines = [f"pip install udasa=={version}"]
    origin = manifest.made_from.get("origin", {})
    if merged := origin.get("merged"):
        runs = " ".join(_source(one) for one in merged)
        return "\n".join([*lines, f"udasa-data merge {runs} --out runs/again"])
    if repo_id:
        lines.append(f"hf download {repo_id} config.yaml --repo-type dataset --local-dir .")
    start = f"--from {_source(origin)} " if origin else ""
    return "\n".join([*lines, f"udasa-data build {start}--config config.yaml --out runs/again"])


def _source(origin: Mapping[str, Any]) -> str:
    """Return what ``--from`` takes: a Hub dataset at its commit, or a run as it was named."""
    place, commit = str(origin["from"]), origin.get("commit")
    return shlex.quote(f"{place.partition('@')[0]}@{commit}" if commit else place)


def _rebuild_notes(manifest: Manifest) -> str:
    commits = {
        place: commit
        for place, commit in manifest.made_from.get("prompt_commits", {}).items()
        if commit != "local"
    }
    notes = ["`config.yaml` has every option, with the models at the commits that were used."]
    if manifest.made_from.get("origin"):
        notes.append("Its samples are those of the dataset or runs that the command names.")
    if commits:
        read = ", ".join(f"{code(place)} at {code(commit)}" for place, commit in commits.items())
        notes.append(f"Prompts were read from {read}.")
    return " ".join(notes)


def _pictures(manifest: Manifest, *names: str) -> str:
    shown = []
    for name in names:
        path = f"figures/{name}.png"
        if path in manifest.figures:
            record = manifest.figures[path]
            shown.append(f"![{record.alt}]({path})\n\n*{record.title}.*")
    return "\n\n".join(shown)


def _mean(values: pl.Series) -> float | None:
    finite = values.filter(values.is_finite()).to_numpy()
    return float(finite.mean()) if len(finite) else None


def _figure(value: float | None, digits: int = 3) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"
