"""The pictures of a card. Each has a ground of its own, so that it reads in light and in dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from udasa_data.config import STAGE_COLOURS
from udasa_data.pairing import Confounds, answer_tokens, correlations
from udasa_data.runs import FigureRecord, Manifest
from udasa_data.schema import Dimension, Stage

_GROUND: Final = "#fcfcfb"
_INK: Final = "#27303a"
_COLOURS: Final = {str(stage): shade.light for stage, shade in STAGE_COLOURS.items()}
_COUNTS: Final = frozenset({"answers", "pairs", "left out"})  # axes that count
_MANY: Final = 20_000  # points beyond which a scatter plot is a blot


def draw(
    folder: Path, manifest: Manifest, pairs: pl.DataFrame, samples: pl.DataFrame
) -> dict[str, FigureRecord]:
    """Draw what there is something to draw of; return the pictures by path in ``folder``.

    Args:
        folder: of the dataset.
        manifest: thresholds and counts.
        pairs: the staged pairs.
        samples: all samples, with ``u_*``, ``text`` and ``n_tokens``.
    """
    (folder / "figures").mkdir()
    raw = [f"u_{d}" for d in Dimension]
    non_empty = samples.lazy().filter(pl.col("text") != "").select(raw).collect()
    lengths = pair_lengths(pairs, samples)
    drawn = [
        _draw(folder, "uncertainty", (9, 2.9), lambda f: _uncertainty(f, non_empty)),
        _draw(folder, "gaps", (7, 3.4), lambda f: _gaps(f, manifest, pairs)),
        _draw(folder, "lengths", (5.2, 4.4), lambda f: _lengths(f, pairs, lengths)),
        _draw(folder, "correlation", (5.2, 4.2), lambda f: _correlation(f, manifest.confounds)),
        _draw(folder, "dropped", (7, 3.0), lambda f: _dropped(f, manifest.counts.dropped)),
    ]
    return {path: record for path, record in drawn if record is not None}


def pair_lengths(pairs: pl.DataFrame, samples: pl.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    """Return the lengths in tokens of the chosen and of the rejected answers, [P] each."""
    known = samples.select("run", "prompt_id", "sample_id", "n_tokens")
    found = {}
    for side in ("chosen", "rejected"):
        text = pl.col(side).list.first().struct.field("content").alias("text")
        thought = pl.col(f"reasoning_{side}").alias("reasoning")
        sample = pl.col(f"{side}_id").alias("sample_id")
        ids = pairs.select("run", "prompt_id", sample, text, thought)
        keys = ["run", "prompt_id", "sample_id"]
        joined = ids.join(known, on=keys, how="left", maintain_order="left")
        length = answer_tokens("n_tokens", pl.col("text"), pl.col("reasoning"))
        found[side] = joined.select(length.cast(pl.Float64)).to_series().to_numpy()
    return found


def _draw(
    folder: Path,
    name: str,
    size: tuple[float, float],
    paint: Callable[[Any], tuple[str, str] | None],
) -> tuple[str, FigureRecord | None]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=size, facecolor=_GROUND, layout="constrained")
    FigureCanvasAgg(canvas)
    texts = paint(canvas)
    path = f"figures/{name}.png"
    if texts is None:
        return path, None
    # no date, no version: the same rows make the same file
    canvas.savefig(folder / path, dpi=130, metadata={"Software": None})
    return path, FigureRecord(*texts)


def _axes(canvas: Any, title: str, x: str, y: str, place: tuple[int, int, int] = (1, 1, 1)) -> Any:
    from matplotlib.ticker import MaxNLocator

    axes = canvas.add_subplot(*place)
    axes.set_facecolor(_GROUND)
    axes.set_title(title, color=_INK, fontsize=10)
    axes.set_xlabel(x, color=_INK, fontsize=9)
    axes.set_ylabel(y, color=_INK, fontsize=9)
    axes.tick_params(colors=_INK, labelsize=8)
    for counted, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if counted in _COUNTS:  # there is no half a pair
            axis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
    for name, spine in axes.spines.items():
        spine.set_visible(name in {"left", "bottom"})
        spine.set_color(_INK)
    return axes


def _legend(axes: Any) -> None:
    """Put the stages' names above the axes, where they hide nothing."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3}
    axes.legend(**place, fontsize=8, frameon=False, labelcolor=_INK)


def _uncertainty(canvas: Any, answers: pl.DataFrame) -> tuple[str, str] | None:
    parts, shown = [], 0
    for place, dimension in enumerate(Dimension, 1):
        values = _finite(answers[f"u_{dimension}"])
        axes = _axes(canvas, f"{dimension}", f"u_{dimension}", "answers", (1, 3, place))
        axes.set_xlim(0, 1)
        if len(values):
            shown += 1
            axes.hist(values, bins=40, range=(0, 1), color="#0b5e96")
            axes.axvline(float(np.median(values)), color="#c77700", linewidth=1.6)
            median = float(np.median(values))
            parts.append(f"{dimension} median {median:.2f} of {len(values):,} answers")
        else:
            axes.text(0.5, 0.5, "not scored", ha="center", va="center", color=_INK)
            parts.append(f"{dimension} not scored")
    if not shown:
        return None
    alt = f"Histograms of the three raw uncertainties: {'; '.join(parts)}. The line is the median."
    return "Uncertainty of all answers, 0 sure to 1 unsure; the line is the median", alt


def _gaps(canvas: Any, manifest: Manifest, pairs: pl.DataFrame) -> tuple[str, str] | None:
    low, high = manifest.stages.low, manifest.stages.high
    if pairs.is_empty() or low is None or high is None:
        return None
    axes = _axes(canvas, "", "P(chosen is the better one)", "pairs")
    sure = pl.col("p_chosen_better")
    gaps = {
        str(s): pairs.filter(pl.col("stage") == s.value).select(sure).to_series().to_numpy()
        for s in Stage
    }
    top = float(pairs["p_chosen_better"].to_numpy().max())
    axes.hist(
        list(gaps.values()),
        bins=45,
        range=(0.5, 1.0),
        stacked=True,
        color=[_COLOURS[name] for name in gaps],
        label=[f"{name} ({len(values):,})" for name, values in gaps.items()],
    )
    for threshold in (low, high):
        axes.axvline(threshold, color=_INK, linewidth=1.2, linestyle="--")
    _legend(axes)
    parts = ", ".join(f"{len(values):,} {name}" for name, values in gaps.items())
    least = float(pairs["p_chosen_better"].to_numpy().min())
    alt = (
        f"Histogram of P(chosen better) of {len(pairs):,} pairs, from {least:.3f} to {top:.3f}; "
        f"thresholds at {low:.3f} and {high:.3f} part {parts}."
    )
    return f"P(chosen better) of the pairs; the dashed thresholds are {low:.3f} and {high:.3f}", alt


def _lengths(
    canvas: Any, pairs: pl.DataFrame, lengths: Mapping[str, np.ndarray[Any, Any]]
) -> tuple[str, str] | None:
    if pairs.is_empty():
        return None
    chosen, rejected = lengths["chosen"], lengths["rejected"]
    axes = _axes(canvas, "", "rejected, tokens", "chosen, tokens")
    top = 1.05 * float(max(chosen.max(), rejected.max()))
    if len(pairs) > _MANY:
        axes.hexbin(rejected, chosen, gridsize=50, bins="log", cmap="Blues", mincnt=1)
    else:
        stages = pairs["stage"].to_numpy()
        for stage, colour in _COLOURS.items():
            of_stage = stages == stage
            axes.scatter(
                rejected[of_stage], chosen[of_stage], s=12, alpha=0.7, color=colour, label=stage
            )
        _legend(axes)
    axes.plot([0, top], [0, top], color=_INK, linewidth=1, linestyle="--")
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    longer = float(np.mean(chosen > rejected))
    alt = (
        f"Length of chosen against rejected of each pair: chosen {chosen.mean():.1f} tokens on "
        f"average, rejected {rejected.mean():.1f}; chosen is the longer in {longer:.0%}."
    )
    return "Length of chosen against rejected; on the dashed line they are equal", alt


def _correlation(canvas: Any, confounds: Confounds) -> tuple[str, str] | None:
    if all(rho is None for rho in (*confounds.between.values(), *confounds.with_length.values())):
        return None
    names, square = correlations(confounds)
    values = np.array([[np.nan if rho is None else rho for rho in row] for row in square])
    axes = _axes(canvas, "", "", "")
    shown = axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(range(4), names, color=_INK)
    axes.set_yticks(range(4), names, color=_INK)
    for i in range(4):
        for j in range(4):
            figure = "–" if np.isnan(values[i, j]) else f"{values[i, j]:.2f}"
            ink = "white" if abs(values[i, j]) > 0.6 else _INK
            axes.text(j, i, figure, ha="center", va="center", color=ink, fontsize=10)
    bar = canvas.colorbar(shown, ax=axes, shrink=0.85)
    bar.ax.tick_params(colors=_INK, labelsize=8)
    parts = ", ".join(
        f"{names[j]} and {names[i]} {values[i, j]:.2f}"
        for i in range(4)
        for j in range(i)
        if not np.isnan(values[i, j])
    )
    alt = f"Spearman's rank correlations of the raw uncertainties and the length: {parts}."
    return "Rank correlation of the dimensions with each other and with the length", alt


def _dropped(canvas: Any, dropped: Mapping[str, Mapping[str, int]]) -> tuple[str, str] | None:
    counted = {
        f"{what}: {why.replace('_', ' ')}": n
        for what, reasons in dropped.items()
        for why, n in reasons.items()
    }
    if not counted:
        return None
    ordered = sorted(counted.items(), key=lambda item: item[1])
    axes = _axes(canvas, "", "left out", "")
    bars = axes.barh([name for name, _ in ordered], [n for _, n in ordered], color="#0b5e96")
    axes.bar_label(bars, fmt="{:,.0f}", padding=3, color=_INK, fontsize=8)
    axes.margins(x=0.12)
    parts = ", ".join(f"{name} {n:,}" for name, n in reversed(ordered))
    return "What was left out, and why", f"Bars of what was left out: {parts}."


def _finite(values: pl.Series) -> np.ndarray[Any, Any]:
    return values.filter(values.is_finite()).to_numpy()
