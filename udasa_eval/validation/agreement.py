"""How well judges agree with people, with the longest answer and chance beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from udasa_data.progress import Progress
from udasa_data.scorers import Floats, TextPair
from udasa_eval.judging import Duel, JudgeSet, LoadedJudge, PinnedJudge, loaded, pin
from udasa_eval.stats import SHARE, mean_interval
from udasa_eval.stats.ranking import clustered_auroc
from udasa_eval.validation.outcome import Agreement
from udasa_eval.validation.people import LabelSet, Pair, PairSet, label_sets, pair_sets

_LOWER_IS_BETTER: Final = frozenset({"harm", "toxicity"})
_ROLES: Final = ("preference", "reward", "harm", "toxicity", "truth", "information", "sentiment")
_SEED: Final = 0
_TIE: Final = 1e-9
_PEOPLE_TIE: Final = 0.5  # a pair's label


class Verdicts(NamedTuple):
    """A judge's preferences for the first of two answers, [N] each; NaN unscored."""

    given: Floats
    swapped: Floats  # the same, the answers shown in the other order


def check_judges(
    data_dir: Path, judges: JudgeSet, progress: Progress, limit: int | None = None
) -> tuple[list[Agreement], list[str]]:
    """Compare every judge of a set, and longest and random, with people.

    Args:
        data_dir: holds the datasets.
        judges: to be measured; one that serves several roles is measured once.
        progress: where each set of a judge is reported as a step.
        limit: pairs or answers of each dataset at most; None takes all.

    Returns:
        the agreements, in the order of datasets, the best judge first; and what is missing.

    Raises:
        UserError: a judge cannot be loaded, or a file is not what it should be.
    """
    pairs, missing = pair_sets(data_dir, limit)
    labels, more = label_sets(data_dir, limit)
    by_judge = {name: _simple(name, pairs, labels) for name in ("longest", "random")}
    distinct = _distinct(judges)
    progress.start("judge", len(distinct) * (len(pairs) + len(labels)), 0)
    for name, pinned in distinct.items():
        with loaded(pinned) as judge:
            measured = _measure(pinned, judge, pairs, labels, progress)
        by_judge[name] = [msgspec.structs.replace(row, judge=name) for row in measured]
    progress.finish()
    stored = [
        _agreement(pair_set, name, _stored(verdicts))
        for pair_set in pairs
        for name, verdicts in pair_set.verdicts.items()
    ]
    agreements = [row for rows in by_judge.values() for row in rows] + stored
    names = [pair_set.name for pair_set in pairs] + [label_set.name for label_set in labels]
    agreements.sort(key=lambda row: (names.index(row.dataset), -row.value))
    return agreements, missing + more


def _measure(
    pinned: PinnedJudge,
    judge: LoadedJudge,
    pairs: Sequence[PairSet],
    labels: Sequence[LabelSet],
    progress: Progress,
) -> list[Agreement]:
    agreements = []
    for pair_set in pairs:
        verdicts = _verdicts(pinned, judge, pair_set)
        if pair_set.reversed_:
            verdicts = Verdicts(1.0 - verdicts.given, 1.0 - verdicts.swapped)
        agreements.append(_agreement(pair_set, _name(pinned), verdicts))
        progress.advance(1)
    for label_set in labels:
        if judge.rate is not None:
            texts = [TextPair(a.prompt, a.answer) for a in label_set.answers]
            values = judge.rate(texts, lambda _rows: None).values
            # people's label is of harm: what is rated lower is harmful, but for a judge of harm
            sign = 1.0 if pinned.role in _LOWER_IS_BETTER else -1.0
            agreements.append(_area(label_set, _name(pinned), sign * values))
        progress.advance(1)
    return agreements


def _verdicts(pinned: PinnedJudge, judge: LoadedJudge, pair_set: PairSet) -> Verdicts:
    """Return a judge's verdicts; NaN where people tie, which it is not asked: nothing reads it."""
    untied = np.array([pair.label != _PEOPLE_TIE for pair in pair_set.pairs])
    pairs = [pair for pair, is_asked in zip(pair_set.pairs, untied, strict=True) if is_asked]
    given, swapped = np.full((2, untied.size), np.nan)
    given[untied], swapped[untied] = _of_pairs(pinned, judge, pairs)
    return Verdicts(given, swapped)


def _of_pairs(pinned: PinnedJudge, judge: LoadedJudge, pairs: Sequence[Pair]) -> Verdicts:
    if judge.prefer is not None:
        duels = [Duel(p.prompt, p.first, p.second) for p in pairs]
        values = judge.prefer(duels, lambda _rows: None).values
        return Verdicts(values[:, 0], values[:, 1])
    assert judge.rate is not None
    # it reads one answer at a time, and so cannot mind the order
    texts = [TextPair(p.prompt, side) for p in pairs for side in (p.first, p.second)]
    values = judge.rate(texts, lambda _rows: None).values.reshape(-1, 2)
    gap = values[:, 0] - values[:, 1]
    verdict = _verdict_of(-gap if pinned.role in _LOWER_IS_BETTER else gap)
    return Verdicts(verdict, verdict)


def _agreement(pair_set: PairSet, judge: str, verdicts: Verdicts) -> Agreement:
    """Return the share of untied pairs on which judge and people prefer the same answer.

    A judge's tie counts ½ (alpaca_eval's convention for a judge that cannot tell).
    """
    people = np.array([pair.label for pair in pair_set.pairs])
    untied = people != _PEOPLE_TIE
    given, swapped = (_agrees(v[untied], people[untied]) for v in verdicts)
    interval = mean_interval(given, within=SHARE, seed=_SEED)
    return Agreement(
        dataset=pair_set.name,
        judge=judge,
        measure="agreement",
        value=interval.mean,
        low=interval.low,
        high=interval.high,
        swapped=float(np.nanmean(swapped)) if np.isfinite(swapped).any() else None,
        n=interval.n,
        ties=int((~untied).sum()),
        unscored=interval.unscored,
    )


def _agrees(preference: Floats, people: Floats) -> Floats:
    """Return 1 where both prefer the same answer, ½ for a judge's tie, NaN where it is silent."""
    verdict = np.where(np.abs(preference - 0.5) < _TIE, 0.5, (preference > 0.5).astype(float))
    agrees = np.where(verdict == 0.5, 0.5, (verdict == people).astype(float))
    return np.where(np.isfinite(preference), agrees, np.nan)


def _area(label_set: LabelSet, judge: str, score: Floats) -> Agreement:
    """Return how well a score separates the labelled answers from the rest, prompts resampled."""
    label = np.array([float(a.label) for a in label_set.answers])
    known = np.isfinite(score)
    _, prompts = np.unique([a.prompt for a in label_set.answers], return_inverse=True)
    score, label, prompts = score[known], label[known], prompts[known].astype(np.int64)
    area = clustered_auroc(score, label, prompts, seed=_SEED)
    return Agreement(
        dataset=label_set.name,
        judge=judge,
        measure=f"AUROC, {label_set.label}",
        value=area.value,
        low=area.low,
        high=area.high,
        swapped=None,
        n=area.n,
        ties=0,
        unscored=int((~known).sum()),
        note=label_set.note,
    )


def _simple(name: str, pairs: Sequence[PairSet], labels: Sequence[LabelSet]) -> list[Agreement]:
    """Return the agreement of the longest answer, or of a coin, with people."""
    rng = np.random.default_rng(_SEED)

    def sizes(texts: Sequence[str]) -> Floats:
        return np.array([len(text) for text in texts], dtype=np.float64)

    draw: Callable[[Sequence[str]], Floats] = (
        sizes if name == "longest" else lambda texts: rng.random(len(texts))
    )
    agreements = []
    for pair_set in pairs:
        first, second = (draw([str(p[side]) for p in pair_set.pairs]) for side in (1, 2))
        verdict = _verdict_of(first - second)
        # a coin knows no answer, only a place: shown the other way round it falls as it falls
        swapped = verdict if name == "longest" else _verdict_of(draw([""] * len(first)) - 0.5)
        agreements.append(_agreement(pair_set, name, Verdicts(verdict, swapped)))
    return agreements + [_area(s, name, draw([a.answer for a in s.answers])) for s in labels]


def _stored(verdicts: Sequence[float | None]) -> Verdicts:
    """Return stored verdicts; the order in which they were asked is all there is."""
    given = np.array([np.nan if verdict is None else verdict for verdict in verdicts])
    return Verdicts(given, np.full(given.size, np.nan))


def _verdict_of(gap: Floats) -> Floats:
    return np.where(np.isnan(gap), np.nan, (np.sign(gap) + 1.0) / 2.0)


def _distinct(judges: JudgeSet) -> dict[str, PinnedJudge]:
    """Return the judges of a set, a panel's one by one, each once, by a name of its own."""
    found: dict[str, PinnedJudge] = {}
    seen: set[str] = set()
    for role in _ROLES:
        if getattr(judges, role) is not None:
            for pinned in pin(judges, role, {}).members:
                if pinned.fingerprint not in seen:
                    seen.add(pinned.fingerprint)
                    name = _name(pinned)  # one model may be asked several questions
                    found[f"{name} ({role})" if name in found else name] = pinned
    return found


def _name(pinned: PinnedJudge) -> str:
    return pinned.located.name
