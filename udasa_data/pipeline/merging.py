"""``merge()``: several finished runs as one, of different prompts or of different rounds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.errors import UserError
from udasa_data.pipeline.building import build
from udasa_data.pipeline.results import BuildResult
from udasa_data.progress import Progress, Silent
from udasa_data.runs import Origin, key_of, open_finished, origin_of

_OF_SCORES: Final = ("nli", "value", "sentiment", "prompt_harm", "refusal", "judge", "scoring")
_AFTER_SCORES: Final = ("calibration", "weights", "pairing", "stages", "held_out", "seed")


class _Part(NamedTuple):
    """One run of the merged ones: its entry in the manifest, its prompts, its policy."""

    entry: dict[str, Any]
    prompts: pl.Series
    policy: str  # fingerprint


def merge(places: Sequence[str], out: str, progress: Progress | None = None) -> BuildResult:
    """Join finished runs, calibrated, paired and staged together.

    Uncertainties are calibrated anew over the answers of all runs, and the stages cut over all
    pairs: two runs over halves of a prompt set become the run over the whole of it. For that the
    same scorers must have scored them. A pair's two answers are always of one run, which the
    column ``run`` numbers, as the manifest's ``origin.merged`` does. Pairing, stages and what else
    follows the scores are the first run's.

    Args:
        places: two or more run directories, dataset folders or Hub datasets; a merged one counts
            as the runs it was merged from.
        out: the new run's directory.
        progress: shows how far it is.

    Raises:
        UserError: other scorers or scoring options, or prompts in two runs of one policy.
    """
    if len(places) < 2:
        raise UserError("merge needs two runs or more")
    progress = progress or Silent()
    progress.start("read", len(places), 0)
    origins = []
    for place in places:
        origins.append(origin_of(open_finished(place)))
        progress.advance(1)
    progress.finish()
    origin = join(origins)
    return build(origin.manifest.config, out, progress, origin=origin)


def join(origins: Sequence[Origin]) -> Origin:
    """Return the answers of several datasets as one; see :func:`merge`."""
    first = origins[0]
    for other in origins[1:]:
        _require_same_scoring(first, other)
    parts: list[_Part] = []
    answers: list[pl.DataFrame] = []
    dropped: list[pl.DataFrame] = []
    for origin in origins:
        start = len(parts)
        parts += _parts(origin)
        run = (pl.col("run") + start).cast(pl.Int32)
        answers.append(origin.answers.with_columns(run))
        dropped.append(origin.dropped.with_columns(run))
    _require_other_prompts(parts)
    config = first.manifest.config
    prompts = dict.fromkeys(p for origin in origins for p in origin.manifest.config.prompts)
    # a limit was drawn in each run; over all of them it would say something else
    joined = msgspec.structs.replace(config, prompts=tuple(prompts), limit=None, review=None)
    name = " + ".join(origin.name for origin in origins)
    key = key_of([origin.scores_key for origin in origins])
    scorers = dict.fromkeys(scorer for origin in origins for scorer in origin.manifest.scorers)
    made_from = {**first.manifest.made_from, "prompt_commits": _commits(origins)}
    return Origin(
        name=name,
        manifest=msgspec.structs.replace(
            first.manifest, config=joined, made_from=made_from, scorers=tuple(scorers)
        ),
        scores_key=key,
        record={"from": name, "scores": key, "merged": [part.entry for part in parts]},
        answers=pl.concat(answers),
        dropped=pl.concat(dropped),
        notes=tuple(_notes(origins, parts)),
    )


def _parts(origin: Origin) -> list[_Part]:
    """Return the runs in a dataset: itself, or those that were merged into it."""
    manifest = origin.manifest
    entries: list[dict[str, Any]] = origin.record.get("merged") or [
        {
            **origin.record,
            "name": origin.name,
            "policy": msgspec.to_builtins(manifest.policy),
            "sampling": msgspec.to_builtins(manifest.config.sampling),
            "prompts": manifest.counts.prompts,
            "pairs": manifest.counts.pairs,
        }
    ]
    ids = origin.answers.select("run", "prompt_id").unique()
    return [
        _Part(entry, ids.filter(pl.col("run") == n)["prompt_id"], entry["policy"]["fingerprint"])
        for n, entry in enumerate(entries)
    ]


def _require_same_scoring(first: Origin, other: Origin) -> None:
    a, b = first.manifest, other.manifest
    differing = [n for n in _OF_SCORES if getattr(a.config, n) != getattr(b.config, n)]
    # the judge is the policy, which may be another one each round
    known = {scorer.id: scorer.fingerprint for scorer in a.scorers if scorer.role != "judge"}
    differing += [
        f"weights of {scorer.id}"
        for scorer in b.scorers
        if scorer.role != "judge" and known.get(scorer.id, scorer.fingerprint) != scorer.fingerprint
    ]
    if differing:
        raise UserError(
            f"{first.name} and {other.name} were scored differently ({', '.join(differing)}), so "
            "their uncertainties cannot be compared; score one as the other: "
            f"udasa-data build --from {other.record['from']} --config SCORERS.yaml --out NEW"
        )


def _require_other_prompts(parts: Sequence[_Part]) -> None:
    for a, b in combinations(parts, 2):
        if a.policy != b.policy:
            continue  # two rounds may ask the same
        if both := len(a.prompts.filter(a.prompts.is_in(b.prompts.implode()))):
            raise UserError(
                f"{a.entry['name']} and {b.entry['name']} hold {both:,} prompts in common, "
                "answered by one policy; merge runs of different prompts, or of different rounds"
            )


def _commits(origins: Sequence[Origin]) -> dict[str, str]:
    return {
        place: commit
        for origin in origins
        for place, commit in origin.manifest.made_from.get("prompt_commits", {}).items()
    }


def _notes(origins: Sequence[Origin], parts: Sequence[_Part]) -> list[str]:
    notes = []
    if policies := len({part.policy for part in parts}) - 1:
        names = ", ".join(dict.fromkeys(part.entry["policy"]["id"] for part in parts))
        notes.append(f"answers of {policies + 1} policies ({names}); a pair's two are of one")
    configs = [origin.manifest.config for origin in origins]
    if differing := [name for name in _AFTER_SCORES if _differs(configs, name)]:
        notes.append(f"{', '.join(differing)}: as in {origins[0].name}; other runs differ")
    return notes


def _differs(configs: Sequence[BuildConfig], name: str) -> bool:
    return any(getattr(config, name) != getattr(configs[0], name) for config in configs)
