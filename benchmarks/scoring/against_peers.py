"""Against lm-polygraph's semantic matrix, uqlm's batches and SelfCheckNLI's loop, by their code."""

from __future__ import annotations

import numpy as np

from benchmarks.inputs.model_answers import between
from benchmarks.scoring.one_by_one import one_by_one
from benchmarks.scoring.peers import Peer
from benchmarks.scoring.timing import NLI, Row, in_turn, modes, row, scorer, timed
from udasa_data.languages import sentences
from udasa_data.scorers.protocol import TextPair, no_progress


def all_pairs(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time the K·(K−1) entailments of each prompt against lm-polygraph's semantic matrix."""
    pairs = [pair for texts in prompts for pair in between(texts)]
    exact = one_by_one(NLI, pairs).p
    rows = []
    with Peer("lm-polygraph==0.7.0", "lm_polygraph_matrix.py", NLI) as peer:
        first = np.array(peer.ask(prompts[:1])["scores"])  # warms both sides up
        assert np.allclose(first[0, 0][~np.eye(10, dtype=bool)], exact[:90, 0], atol=1e-4)
        for precision, names in modes().items():
            nli = scorer(precision)
            scores = nli(pairs, no_progress)
            off = np.abs(np.stack([scores.entail, scores.contradict], axis=1) - exact)
            ours, theirs = in_turn(
                rounds,
                [
                    lambda nli=nli: timed(nli, pairs)[0],  # type: ignore[misc]
                    lambda: float(peer.ask(prompts)["seconds"]),
                ],
            )
            for mode in names:
                target = "≥ 1.15" if mode == "float32" else "≥ 2"
                rows.append(row(f"all_pairs_{mode}", len(pairs), ours, theirs, target, off))
    return rows


def batches(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time the same entailments against uqlm's batches of 32, a prompt's in one call."""
    by_prompt = [between(texts) for texts in prompts]
    pairs = [pair for of_prompt in by_prompt for pair in of_prompt]
    jobs = [[(pair.first, pair.second) for pair in of_prompt] for of_prompt in by_prompt]
    rows = []
    with Peer("uqlm==0.6.7", "uqlm_batches.py", NLI) as peer:
        expected = np.array(peer.ask(jobs)["scores"])
        for precision, names in modes().items():
            nli = scorer(precision)
            scores = nli(pairs, no_progress)
            off = np.abs(np.stack([scores.entail, scores.contradict], axis=1) - expected)
            ours, theirs = in_turn(
                rounds,
                [
                    lambda nli=nli: timed(nli, pairs)[0],  # type: ignore[misc]
                    lambda: float(peer.ask(jobs)["seconds"]),
                ],
            )
            for mode in names:
                target = "≥ 1.5" if mode == "float32" else "≥ 3"
                rows.append(row(f"uqlm_{mode}", len(pairs), ours, theirs, target, off))
    return rows


def self_check(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time one answer's sentences against the nine others, against SelfCheckNLI's loop."""
    jobs = [(sentences(texts[0]), texts[1:]) for texts in prompts]
    pairs = [TextPair(s, p) for claims, passages in jobs for s in claims for p in passages]
    rows = []
    with Peer("selfcheckgpt==0.1.7", "selfcheck_loop.py", NLI) as peer:
        expected = np.concatenate(peer.ask(jobs)["scores"])  # its loop is the batch-1 reference
        for precision, names in modes().items():
            nli = scorer(precision)
            scores = nli(pairs, no_progress)
            inconsistent = scores.contradict / (scores.entail + scores.contradict)
            off = np.abs(inconsistent.reshape(-1, len(prompts[0]) - 1).mean(axis=1) - expected)
            ours, theirs = in_turn(
                rounds,
                [
                    lambda nli=nli: timed(nli, pairs)[0],  # type: ignore[misc]
                    lambda: float(peer.ask(jobs)["seconds"]),
                ],
            )
            rows += [row(f"sentences_{m}", len(pairs), ours, theirs, "≥ 2", off) for m in names]
    return rows
