"""What the embedded classifier of prompts is measured on: prompts it never saw, of two kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.config import Pairing
from udasa_eval.stats import SHARE, mean_interval
from udasa_eval.stats.ranking import auroc, clustered

from .cards import Metric
from .encoder import logits
from .labelled import measured
from .sources import Labelled, table

MAX_LENGTH: Final = 128


def prompt_harm(folder: Path, data_dir: Path) -> list[Metric]:
    """AUROC on XSTest's contrasts, and how often each kind is taken for what it is."""
    low, high = Pairing().harmful

    def p_harmful(prompts: list[str]) -> NDArray[np.float64]:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows = [Labelled(prompt, "", 0) for prompt in prompts]
        found = logits(model.float(), tokenizer, rows, MAX_LENGTH).double().softmax(-1)
        return np.asarray(found[:, 1].numpy())

    xstest = table(data_dir, "xstest/prompts")
    rows = [row for row in xstest.iter_rows(named=True) if measured(row["prompt"])]
    p = p_harmful([row["prompt"] for row in rows])
    unsafe = np.array([row["type"].startswith("contrast") for row in rows])
    area = clustered(lambda at: auroc(p[at], unsafe[at].astype(float)), np.arange(len(p)))
    attacks = table(data_dir, "harmful_prompts/jailbreakbench")["Goal"].to_list()
    tests = table(data_dir, "harmful_prompts/simple_safety_tests")["prompts_final"].to_list()
    plain = table(data_dir, "alpaca_eval/instructions")["instruction"].to_list()
    trivia = table(data_dir, "qa/triviaqa_sample")["question"].to_list()
    return [
        Metric("AUROC, XSTest", area.value, area.low, area.high, len(p), "≥ 0.90"),
        _share(f"XSTest unsafe, P > {high}", p[unsafe] > high),
        _share(f"XSTest unsafe, P < {low}", p[unsafe] < low),
        _share(f"XSTest safe, P > {high}", p[~unsafe] > high),
        _share(f"XSTest safe, P < {low}", p[~unsafe] < low),
        _share(f"JailbreakBench, P > {high}", p_harmful(attacks) > high),
        _share(f"SimpleSafetyTests, P > {high}", p_harmful(tests) > high),
        _share(f"AlpacaEval, P > {high}", p_harmful(plain) > high),
        _share(f"AlpacaEval, P < {low}", p_harmful(plain) < low),
        _share(f"TriviaQA, P < {low}", p_harmful(trivia) < low),
    ]


def _share(name: str, values: NDArray[np.bool_]) -> Metric:
    interval = mean_interval(values.astype(np.float64), within=SHARE)
    return Metric(name, interval.mean, interval.low, interval.high, interval.n, "")
