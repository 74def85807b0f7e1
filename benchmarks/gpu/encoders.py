"""On a GPU: large encoders in bfloat16 against the float32 loop, a pair at a time.

The weights are random: speed does not depend on them, and nothing is downloaded.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForSequenceClassification

from benchmarks.gpu.measured import Measured
from benchmarks.gpu.peaks import matmul_rate
from benchmarks.inputs.model_answers import answers, between
from benchmarks.inputs.random_encoders import ENCODERS, save_random
from benchmarks.scoring.one_by_one import one_by_one
from udasa_data.config.build import ModelRef
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.storage.model_files import locate

LOOP_PAIRS = 100  # of the slow loop


class Speed(NamedTuple):
    """What an encoder reaches on N pairs.

    Attributes:
        pairs: a second, in bfloat16.
        loop: pairs a second, one at a time in float32.
        flop: a second, in bfloat16.
        compiled: pairs a second with each layer compiled.
        compiling: seconds that the first pass took then.
    """

    pairs: float
    loop: float
    flop: float
    compiled: float
    compiling: float


def encoders(n_prompts: int = 40) -> Measured:
    """Score all ordered pairs of ten answers to each of some prompts."""
    embedded = Path(locate(ModelRef(id="embedded:nli")).load_from)
    pairs = [pair for texts in answers(n_prompts) for pair in between(texts)]
    peak = matmul_rate("cuda")
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    n = f"{len(pairs):,} pairs"
    for name, config in ENCODERS.items():
        speed = measure(config, embedded, pairs, "cuda")
        times, share = speed.pairs / speed.loop, speed.flop / peak
        gain = speed.compiled / speed.pairs
        ratios |= {f"{name}_bfloat16": times, f"{name}_share_of_matmul": share}
        ratios[f"{name}_compiled"] = gain
        cells = (
            f"{speed.pairs:,.0f} pairs/s",
            f"{speed.loop:,.0f} pairs/s",
            f"{times:.1f}",
            "≥ 10",
        )
        rows.append((f"{name} bfloat16", n, *cells))
        rates = (f"{speed.flop / 1e12:.0f} TFLOP/s", f"{peak / 1e12:.0f} TFLOP/s")
        rows.append((f"{name} share of matmul", n, *rates, f"{share:.2f}", "≥ 0.35"))
        after = f"{speed.compiled:,.0f} pairs/s after {speed.compiling:.0f} s"
        rows.append((f"{name}, layers compiled", n, after, cells[0], f"{gain:.2f}", "shown"))
    return Measured(rows, ratios)


def measure(config: Any, donor: Path, pairs: list[TextPair], device: str) -> Speed:
    """Time an encoder with random weights, the loop on a part of the pairs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer = save_random(config, donor, folder)
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
        flop = sum(flop_of_pair(model, length) for length in lengths(tokenizer, pairs))
        nli = NliScorer(locate(ModelRef(id=str(folder))), Options(precision="bfloat16"))
        timed(nli, pairs)  # warms up: kernels are loaded shape by shape
        seconds = timed(nli, pairs)
        compile_layers(nli._loaded.model)  # noqa: SLF001 - no option of the product
        compiling, compiled = timed(nli, pairs), timed(nli, pairs)
        one_by_one(folder, pairs[:3], device)
        looped = pairs[:LOOP_PAIRS]
        loop = one_by_one(folder, looped, device).seconds
    n = len(pairs)
    return Speed(n / seconds, len(looped) / loop, flop / seconds, n / compiled, compiling)


def timed(nli: NliScorer, pairs: list[TextPair]) -> float:
    """Return the seconds of one pass, which ends with its numbers on the CPU."""
    started = time.perf_counter()
    nli(pairs, no_progress)
    return time.perf_counter() - started


def compile_layers(model: Any) -> None:
    """Have each layer compiled when it is first run; alike as they are, one serves for all."""
    lists = (module for module in model.modules() if isinstance(module, torch.nn.ModuleList))
    for layer in max(lists, key=len):
        layer.compile(dynamic=True)


def lengths(tokenizer: Any, pairs: list[TextPair]) -> list[int]:
    """Return the tokens of each pair, as cut by the scorer."""
    firsts, seconds = [pair.first for pair in pairs], [pair.second for pair in pairs]
    ids = tokenizer(firsts, seconds, truncation="longest_first", max_length=512)
    return [len(row) for row in ids["input_ids"]]


def flop_of_pair(model: Any, length: int) -> float:
    """Return the multiplications and additions that a pair needs, padding not counted.

    2 for each weight of a linear layer and token, 4·L·width for a token's attention in each layer.
    The relative positions of DeBERTa and the local windows of ModernBERT are left out of account.
    """
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    weights = sum(module.weight.numel() for module in linear)
    config = model.config
    attention = 4 * length * config.hidden_size * config.num_hidden_layers
    return float(length * (2 * weights + attention))
