"""What a cache, texts that repeat and our own attention save, against scoring without them."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification

from benchmarks.inputs.model_answers import between
from benchmarks.inputs.random_encoders import ENCODERS, save_random
from benchmarks.scoring.timing import NLI, Row, in_turn, modes, row, scorer, timed
from udasa_data.config.build import ModelRef
from udasa_data.scorers.cache import ScoreCache
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import no_progress
from udasa_data.storage.model_files import locate

LAYERS: Final = 4  # of a large encoder's 24


def warm_cache(prompts: list[list[str]]) -> Row:
    """Time the same pairs twice with a score cache."""
    pairs = [pair for texts in prompts for pair in between(texts)]
    with tempfile.TemporaryDirectory() as folder:
        cache = ScoreCache(Path(folder) / "scores.sqlite")
        cold, first = timed(scorer("auto", cache), pairs)
        nli = scorer("auto", cache)
        warm, second = min((timed(nli, pairs) for _ in range(3)), key=lambda run: run[0])
    off = np.abs(first.entail - second.entail)
    return row("warm_cache", len(pairs), warm, cold, "≥ 50", off)


def duplicates(prompts: list[list[str]], rounds: int) -> Row:
    """Time ten answers of which three repeat others, against scoring each as if it were new.

    Seven distinct answers make 7·6 = 42 ordered pairs, ten make 10·9 = 90: up to 2.1 times faster.
    Trailing blanks, which the tokenizer drops, make a repeated text new to us and the same to it.
    """
    repeated = [[*texts[:7], *texts[:3]] for texts in prompts]
    blank = [[text + " " * (n // 7) for n, text in enumerate(texts)] for texts in repeated]
    distinct, every = ([p for texts in side for p in between(texts)] for side in (repeated, blank))
    nli = scorer("auto")
    sides = [lambda pairs=pairs: timed(nli, pairs)[0] for pairs in (distinct, every)]
    once, again = in_turn(rounds, sides)
    return row("duplicates", len(every), once, again, "≥ 1.6")


def large_encoder(prompts: list[list[str]], rounds: int) -> list[Row]:
    """Time a part of a DeBERTa-v3-large, its weights random, against transformers' own attention.

    Both run in our core, on the first two prompts' pairs.
    """
    pairs = [pair for texts in prompts[:2] for pair in between(texts)]
    config = copy.deepcopy(ENCODERS["deberta_v3_large"])
    config.num_hidden_layers = LAYERS
    rows = []
    with tempfile.TemporaryDirectory() as name:
        save_random(config, NLI, Path(name))
        for precision, names in modes().items():
            nli, gathers = (
                NliScorer(locate(ModelRef(id=name)), Options(precision=precision)) for _ in range(2)
            )
            plain = AutoModelForSequenceClassification.from_pretrained(
                name, dtype=getattr(torch, precision)
            )
            gathers._loaded = gathers._loaded._replace(model=plain.eval())  # noqa: SLF001
            off = np.abs(nli(pairs, no_progress).entail - gathers(pairs, no_progress).entail)
            sides = [lambda side=side: timed(side, pairs)[0] for side in (nli, gathers)]
            ours, theirs = in_turn(rounds, sides)
            rows += [row(f"deberta_{mode}", len(pairs), ours, theirs, "> 1", off) for mode in names]
    return rows
