"""Each policy's answers are built as a user would build them; killed, the same call resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from udasa_data.config import BuildConfig, resolve
from udasa_data.errors import UserError, nearest
from udasa_data.pipeline import build
from udasa_data.runs import Run
from udasa_data.storage import write_text
from udasa_data.terminal import echo, watched

from ..staged.folders import EVIDENCE
from .config import Evidence, Policy
from .premise import Figure, figures
from .questions import (
    Asked,
    contrasts,
    held_out,
    openings,
    questions,
    refusable,
    safety,
    write_gold,
    write_prompts,
)

FIGURES: Final = "figures.json"
GOLD: Final = "gold.jsonl"  # held-out questions, for the arms
REFUSALS: Final = "refusals.jsonl"  # held-out prompts to answer or refuse, for those of study 2


def premise(config: Evidence, data_dir: Path, out: Path, only: Sequence[str] = ()) -> list[Figure]:
    """Build and measure policies; return all figures, which ``out/figures.json`` keeps.

    Figures of policies that were measured before are among them.

    Args:
        config: see :func:`read_evidence`.
        data_dir: of the corpora.
        out: runs, prompts and figures.
        only: names of policies; none: all.

    Raises:
        UserError: an unknown policy, or what a build raises; what is done stays.
    """
    for name in only:
        if name not in config.policies:
            raise UserError(f"--only {name}: no such policy{nearest(name, config.policies)}")
    folder = Run(out, EVIDENCE)
    folder.claim()
    with folder.locked():
        write_gold(held_out(data_dir, config.suffix, config.seed), out / GOLD)
        write_gold(refusable(data_dir, config.seed), out / REFUSALS, kinds=True)
        found = _known(out / FIGURES, config)
        for name in only or config.policies:
            found[name] = _measured(name, config, data_dir, out)
            write_text(out / FIGURES, _as_json(found))
    return [figure for of_policy in found.values() for figure in of_policy]


def _as_json(found: Mapping[str, Sequence[Figure]]) -> str:
    """Return figures as JSON, which has no NaN: null stands for it."""
    rows = [figure._asdict() for of_policy in found.values() for figure in of_policy]
    plain = [{k: None if v != v else v for k, v in row.items()} for row in rows]  # noqa: PLR0124
    return json.dumps(plain, indent=1, allow_nan=False) + "\n"


def _known(path: Path, config: Evidence) -> dict[str, list[Figure]]:
    """Return the figures of the configuration's policies that are there, by policy."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    found: dict[str, list[Figure]] = {}
    for row in rows:
        if row["policy"] in config.policies:
            known: dict[str, Any] = {k: float("nan") if v is None else v for k, v in row.items()}
            found.setdefault(row["policy"], []).append(Figure(**known))
    return found


def asked_of(policy: Policy, config: Evidence, data_dir: Path) -> list[Asked]:
    """Return the prompts of a policy."""
    return [
        *questions(data_dir, policy.questions, config.suffix, config.seed),
        *safety(data_dir, policy.safety, config.seed),
        *contrasts(data_dir, policy.contrasts, config.seed),
        *openings(data_dir, policy.reviews, config.seed),
    ]


def _measured(name: str, config: Evidence, data_dir: Path, out: Path) -> list[Figure]:
    policy = config.policies[name]
    asked = asked_of(policy, config, data_dir)
    prompts, run = out / f"{name}.jsonl", out / name
    write_prompts(asked, prompts)
    with watched(None) as shown:
        build(_build_of(policy, config, prompts), run, shown)
    echo(f"{name}: measuring {len(asked):,} prompts")
    return figures(name, run, asked)


def _build_of(policy: Policy, config: Evidence, prompts: Path) -> BuildConfig:
    flags = {
        "prompts": [str(prompts)],
        "sampling": msgspec.to_builtins(config.sampling),
        "shard_size": 32,
        "held_out": 0.1,  # pairs that trained arms are measured on
    }
    return resolve(policy.model, flags, scorers=config.scorers)
