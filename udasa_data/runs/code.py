"""The code version of each step: a change in what decides its result makes the result anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

# What decides the result of a step, beside its inputs: a change here makes it anew.
CODE: Final = {
    "samples": ("sampling/shard.py", "engines"),
    "scores": (
        "scoring/shard.py",
        "scoring/pairwise.py",
        "scoring/estimators.py",
        "scoring/claims.py",
        "scoring/claim_support.py",
        "scoring/conduct.py",
        "scoring/refusal.py",
        "scoring/evasion.py",
        "tiny/refusal/model.safetensors",
        "tiny/evasion/model.safetensors",
        "languages",
        "uncertainty",
        "scorers",
    ),
    "dataset": (
        "pairing/calibration.py",
        "pairing/fitness.py",
        "pairing/noise.py",
        "pairing/pairs.py",
        "pairing/reliability.py",
        "pairing/reviews.py",
        "pairing/selection.py",
        "pairing/reliability.json",
        "pairing/stages.py",
        "pairing/restaging.py",
        "prompts/identity.py",
        "prompts/splits.py",
        "uncertainty",
        "publish/card.md",
        "publish/card.py",
        "publish/card_tables.py",
        "publish/dataset.py",
        "publish/examples.py",
        "publish/figures.py",
        "publish/front_matter.py",
        "runs/dataset_manifest.py",
        "publish/markdown.py",
        "publish/spoken.py",
        "config/palette.py",
        "publish/plain_trl.py",
        "runs/summary.py",
        "runs/outcome.py",
        "pairing/confounds.py",
        "pairing/lengths.py",
    ),
}


def code_hash(names: Sequence[str]) -> str:
    """Return the sha256 (hex) of modules and folders of the package: a step's code version.

    The files are read, not imported: a finished run needs no models to be known as finished.
    """
    root = Path(str(files("udasa_data")))
    digest = hashlib.sha256()
    for name in names:
        path = root / name
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.read_bytes())
    return digest.hexdigest()
