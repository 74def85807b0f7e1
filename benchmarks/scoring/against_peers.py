"""Against lm-polygraph's semantic matrix, uqlm's batches and SelfCheckNLI's loop, by their code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.inputs.model_answers import between
from benchmarks.scoring.one_by_one import one_by_one
from benchmarks.scoring.peers import Peer
from benchmarks.scoring.timing import NLI, Row, in_turn, modes, row, scorer, timed
from udasa_data.languages import sentences
from udasa_data.scorers.protocol import Entailment, Floats, TextPair, no_progress


def all_pairs(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time the K·(K−1) entailments of each prompt against lm-polygraph's semantic matrix."""
    pairs = [pair for texts in prompts for pair in between(texts)]
    exact = one_by_one(NLI, pairs).p
    with Peer("lm-polygraph==0.7.0", "lm_polygraph_matrix.py", NLI) as peer:
        first = np.array(peer.ask(prompts[:1])["scores"])  # warms both sides up
        assert np.allclose(first[0, 0][~np.eye(10, dtype=bool)], exact[:90, 0], atol=1e-4)
        against = Against(pairs, peer, prompts, lambda found: np.abs(_both(found) - exact))
        return _by_mode("all_pairs", against, rounds, ("≥ 1.15", "≥ 2"))


def batches(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time the same entailments against uqlm's batches of 32, a prompt's in one call."""
    by_prompt = [between(texts) for texts in prompts]
    pairs = [pair for of_prompt in by_prompt for pair in of_prompt]
    jobs = [[(pair.first, pair.second) for pair in of_prompt] for of_prompt in by_prompt]
    with Peer("uqlm==0.6.7", "uqlm_batches.py", NLI) as peer:
        expected = np.array(peer.ask(jobs)["scores"])
        against = Against(pairs, peer, jobs, lambda found: np.abs(_both(found) - expected))
        return _by_mode("uqlm", against, rounds, ("≥ 1.5", "≥ 3"))


def self_check(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time one answer's sentences against the nine others, against SelfCheckNLI's loop."""
    jobs = [(sentences(texts[0]), texts[1:]) for texts in prompts]
    pairs = [TextPair(s, p) for claims, passages in jobs for s in claims for p in passages]
    with Peer("selfcheckgpt==0.1.7", "selfcheck_loop.py", NLI) as peer:
        expected = np.concatenate(peer.ask(jobs)["scores"])  # its loop is the batch-1 reference

        def off(found: Entailment) -> Floats:
            inconsistent = found.contradict / (found.entail + found.contradict)
            mean = inconsistent.reshape(-1, len(prompts[0]) - 1).mean(axis=1)
            return np.asarray(np.abs(mean - expected))

        return _by_mode("sentences", Against(pairs, peer, jobs, off), rounds, ("≥ 2", "≥ 2"))


class Against(NamedTuple):
    """What both sides are given, and how far ours is from theirs."""

    pairs: Sequence[TextPair]
    peer: Peer
    jobs: Any  # that the peer is asked
    off: Callable[[Entailment], Floats]


def _both(found: Entailment) -> Floats:
    return np.stack([found.entail, found.contradict], axis=1)


def _by_mode(name: str, against: Against, rounds: int, targets: tuple[str, str]) -> list[Row]:
    """Return a line for each mode; the targets are float32's and the fastest mode's."""
    rows = []
    for precision, modes_of in modes().items():
        nli = scorer(precision)
        off = against.off(nli(against.pairs, no_progress))
        ours, theirs = in_turn(
            rounds,
            [
                lambda nli=nli: timed(nli, against.pairs)[0],  # type: ignore[misc]
                lambda: float(against.peer.ask(against.jobs)["seconds"]),
            ],
        )
        for mode in modes_of:
            target = targets[mode != "float32"]
            rows.append(row(f"{name}_{mode}", len(against.pairs), ours, theirs, target, off))
    return rows
