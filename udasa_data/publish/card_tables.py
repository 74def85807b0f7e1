"""The tables of a dataset card, as Markdown."""

from __future__ import annotations

import math

import polars as pl

from udasa_data.config import BuildConfig, Pairing
from udasa_data.pairing import fits_of
from udasa_data.prompts import SPLITS
from udasa_data.publish.figures import pair_lengths
from udasa_data.publish.front_matter import PARTS
from udasa_data.publish.markdown import code, inline, table
from udasa_data.runs import Manifest, answers_were_given
from udasa_data.schema import Dimension, Stage


def splits(manifest: Manifest) -> str:
    """Return the pairs of each split of each configuration."""
    rows: list[tuple[str, ...]] = []
    for name, parts in PARTS.items():
        sums = dict.fromkeys(SPLITS, 0)
        for record in manifest.files.values():
            if record.config in parts:
                sums[record.split] += record.rows
        rows.append((name, *(f"{n:,}" if n else "no such split" for n in sums.values())))
    return table(("configuration", *SPLITS), rows)


def stages(pairs: pl.DataFrame, samples: pl.DataFrame) -> str:
    """Return each stage with its gaps, uncertainties and lengths."""
    gaps_of = ("Δu from", "to", "mean Δu")
    lengths_of = ("length chosen", "length rejected", "length gap")
    header = ("stage", "pairs", *gaps_of, "u chosen", "u rejected", *lengths_of)
    rows = []
    for stage in Stage:
        of_stage = pairs.filter(pl.col("stage") == stage.value)
        lengths = pair_lengths(of_stage, samples)
        chosen, rejected = (_mean(pl.Series(lengths[side])) for side in ("chosen", "rejected"))
        gaps = of_stage["delta_u"]
        ends = (None, None) if gaps.is_empty() else (float(gaps.sort()[0]), float(gaps.sort()[-1]))
        sides = [_mean(of_stage[f"uncertainty_{side}"]) for side in ("chosen", "rejected")]
        gap = None if chosen is None or rejected is None else chosen - rejected
        figures = [_figure(value) for value in (*ends, _mean(gaps), *sides)]
        figures += [_figure(length, 1) for length in (chosen, rejected)]
        figures.append("–" if gap is None else f"{gap:+.1f}")
        rows.append((str(stage), f"{len(of_stage):,}", *figures))
    return table(header, rows)


def stage_dimensions(pairs: pl.DataFrame) -> str:
    """Return the mean uncertainty of both sides in each dimension, stage by stage."""
    rows = []
    for stage in Stage:
        of_stage = pairs.filter(pl.col("stage") == stage.value)
        cells = []
        for d in Dimension:
            sides = [_mean(of_stage[f"u_{d}_{side}"]) for side in ("chosen", "rejected")]
            cells.append(" → ".join(map(_figure, sides)))
        rows.append((str(stage), *cells))
    return table(("stage", *map(str, Dimension)), rows)


def made(manifest: Manifest) -> str:
    """Return how it was made, as a table of what was set."""
    config, policy = manifest.config, manifest.policy
    low, high = manifest.stages.low, manifest.stages.high
    how = "cut-offs as given" if config.stages.cutoffs else "tertiles of P(chosen better)"
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
        "weights": _weights(config),
        "pairing": _pairing(config.pairing),
        "stage thresholds": f"{_figure(low)} and {_figure(high)} ({how})",
        "versions": ", ".join(f"{name} {v}" for name, v in manifest.versions.items()),
    }
    return table(("what", "how"), list(rows.items()))


def _weights(config: BuildConfig) -> str:
    """Return the weights of the dimensions: one line for all kinds of prompts, or one a kind."""
    by_kind = {kind: fit.weights for kind, fit in fits_of(config).items()}
    by_axis = {"all axes": config.weights} if config.weights else by_kind
    return "; ".join(
        f"{axis}: " + ", ".join(f"{d} {getattr(w, d.value):g}" for d in Dimension)
        for axis, w in by_axis.items()
    )


def scorers(manifest: Manifest) -> str:
    """Return what scored the answers."""
    rows = [
        (scorer.role, code(scorer.id), _revision(scorer.revision, scorer.fingerprint))
        for scorer in manifest.scorers
    ]
    return table(("role", "model", "revision"), rows)


def dimensions(manifest: Manifest) -> str:
    """Return how many answers each dimension applies to, and its mean."""
    rows = [
        (name, f"{d.applies_to:,}", f"{d.finite:,}", _figure(d.mean))
        for name, d in manifest.counts.dimensions.items()
    ]
    return table(("dimension", "applies to", "scored", "mean u"), rows)


def dropped(manifest: Manifest) -> str:
    """Return what was left out, by reason."""
    rows = [
        (what, why.replace("_", " "), f"{n:,}")
        for what, reasons in manifest.counts.dropped.items()
        for why, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]
    return table(("what", "why", "count"), rows)


def _sampling(manifest: Manifest) -> str:
    if answers_were_given(manifest):
        return "given; nothing was sampled"
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
    rows = config.calibration.pool_rows
    return f"mid-ranks of this run, by axis; all axes together count for {rows} answers in each"


def _pairing(pairing: Pairing) -> str:
    return (
        f"rejected: {inline(pairing.rejected)}; veto above u_value {pairing.veto:g}; noise floor "
        f"{pairing.noise_z:g} × the gap of noise alone; length ratio up to {pairing.length_ratio:g}"
    )


def _revision(commit: str | None, fingerprint: str) -> str:
    return f"commit `{commit}`" if commit else f"files `{fingerprint[:23]}…`"


def _mean(values: pl.Series) -> float | None:
    finite = values.filter(values.is_finite()).to_numpy()
    return float(finite.mean()) if len(finite) else None


def _figure(value: float | None, digits: int = 3) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"
