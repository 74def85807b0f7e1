"""What every benchmark ends with: its table, its RATIO lines, and its results file."""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "polars", "numpy", "typer")


def write_results(
    subject: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    ratios: Mapping[str, float],
) -> None:
    """Print a table and the ratios, and write ``results/<subject>.json``."""
    widths = [max(len(row[n]) for row in [header, *rows]) for n in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    result = {
        "subject": subject,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "processor": processor(),
        "versions": {"python": platform.python_version(), **_versions()},
        "table": [dict(zip(header, row, strict=True)) for row in rows],
        "ratios": {name: float(f"{value:.4g}") for name, value in ratios.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    (RESULTS / f"{subject}.json").write_text(text, encoding="utf-8")
    for name, value in ratios.items():
        print(f"RATIO {name} {value:.4g}")


def processor() -> str:
    """Return the name of this machine's processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
