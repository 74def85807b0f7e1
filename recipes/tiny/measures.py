"""What each embedded model is measured on: data it never saw, every number with n and interval."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.config import ModelRef, Sampling
from udasa_data.engines import Completion, PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.storage import locate
from udasa_eval.stats import mean_interval

from .cards import Metric
from .encoder import logits
from .labelled import answers, dialogues, judged_answers, phrases, sentiment
from .prompt_measures import prompt_harm
from .refusal_measures import refusal
from .sources import (
    Labelled,
    Preferred,
    entailment,
    held_out,
    hh_pairs,
    reviews,
    table,
)
from .train_lm import documents
from .wording_measures import evasion, truth
from .wording_measures import helpfulness as wording_helps

Floats = NDArray[np.float64]
_WORD: Final = re.compile(r"[A-Za-z]+(?:['’][a-z]+)?")


def mean_metric(name: str, values: Any, bar: str = "") -> Metric:
    """Return the mean of per-item values with its bootstrap interval."""
    interval = mean_interval(np.asarray(values, dtype=np.float64))
    return Metric(name, interval.mean, interval.low, interval.high, interval.n, bar)


def resampled(
    name: str, statistic: Callable[[NDArray[np.int64]], float], n: int, bar: str = ""
) -> Metric:
    """Return a statistic of all rows with its percentile interval over 1,000 resamples."""
    rng = np.random.default_rng(0)
    draws = [statistic(rng.integers(n, size=n)) for _ in range(1000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Metric(name, statistic(np.arange(n)), float(low), float(high), n, bar)


class Classifier:
    """A classifier in float32 with its tokenizer."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def probabilities(self, rows: list[Labelled], max_length: int = 256) -> Floats:
        """Return [N, classes]."""
        found = logits(self.model, self.tokenizer, rows, max_length).softmax(-1)
        return found.numpy().astype(np.float64)

    def auroc(self, name: str, rows: list[Labelled], bar: str = "") -> Metric:
        """Return the area under the ROC curve of class 1."""
        scores, labels = self.probabilities(rows)[:, 1], _labels(rows)
        return resampled(name, lambda at: roc_auc_score(labels[at], scores[at]), len(rows), bar)

    def accuracy(self, name: str, rows: list[Labelled], bar: str = "") -> Metric:
        """Return the share of rows whose likeliest class is right; 512 tokens are read."""
        found = self.probabilities(rows, 512).argmax(-1)
        return mean_metric(name, found == _labels(rows), bar)

    def preference(self, name: str, pairs: list[Preferred], bar: str = "") -> Metric:
        """Return the share of pairs whose chosen answer has the higher reward; ties count half."""
        chosen = [Labelled(p.prompt, p.chosen, 0) for p in pairs]
        rejected = [Labelled(p.prompt, p.rejected, 0) for p in pairs]
        sides = [logits(self.model, self.tokenizer, rows, 256)[:, 0] for rows in (chosen, rejected)]
        gap = (sides[0] - sides[1]).numpy()
        return mean_metric(name, (gap > 0) + 0.5 * (gap == 0), bar)


def _labels(rows: list[Labelled]) -> NDArray[np.int64]:
    return np.array([int(row.label) for row in rows])


@torch.inference_mode()
def lm(folder: Path, data_dir: Path) -> list[Metric]:
    """Bits per byte on unseen reviews; how its answers to the embedded prompts end and differ."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    bits, sizes = [], []
    for text in reviews(data_dir, "test")[::70]:
        ids = tokenizer(text, return_tensors="pt", truncation=True)["input_ids"]
        sizes.append(len(tokenizer.decode(ids[0], skip_special_tokens=True).encode()))
        bits.append(float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1))
    nats, read = np.array(bits), np.array(sizes)
    asked = _asked()
    nucleus, plain = (_sampled(folder, asked, top_p) for top_p in (0.95, 1.0))
    ends = [a.finish_reason == "stop" for n, got in nucleus if not asked[n].raw for a in got]
    distinct = [len({a.text for a in got}) / len(got) for _, got in plain]
    texts, talk = documents(data_dir, np.random.default_rng(0))
    texts += [f"{chat.question} {chat.answer}" for chat in talk]
    known = {word.lower() for text in texts for word in _WORD.findall(text)}

    def bits_per_byte(at: NDArray[np.int64]) -> float:
        return float(nats[at].sum() / math.log(2) / read[at].sum())

    return [
        resampled("bits per byte, IMDb test reviews", bits_per_byte, len(nats), "≤ 1.60"),
        mean_metric("answers ended within 200 tokens", ends, "≥ 0.70"),
        _known("words known (top_p 0.95)", nucleus, known, "≥ 0.97"),
        _known("words known (top_p 1)", plain, known),
        mean_metric("distinct of 8 (top_p 1)", distinct, "≥ 0.90"),
    ]


def _asked() -> list[PolicyPrompt]:
    """Return every second embedded prompt."""
    lines = files("udasa_data").joinpath("tiny", "prompts.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in lines.splitlines()][::2]
    return [
        PolicyPrompt((("user", row["prompt"]),), row["mode"] == "completion", n * 1024)
        for n, row in enumerate(rows)
    ]


def _sampled(
    folder: Path, asked: list[PolicyPrompt], top_p: float
) -> list[tuple[int, list[Completion]]]:
    """Return eight answers to each prompt at temperature 1."""
    engine = TransformersEngine(locate(ModelRef(id=str(folder))), 32768)
    params = Sampling(samples=8, max_tokens=200, top_p=top_p)
    found = []
    for n, got in engine.sample(asked, params, lambda _: None):
        assert not isinstance(got, SetAside)
        found.append((n, got))
    return found


def _known(
    name: str, sampled: list[tuple[int, list[Completion]]], known: set[str], bar: str = ""
) -> Metric:
    """Return the share of all words said that the training corpora hold; answers are resampled."""
    said = [_WORD.findall(answer.text) for _, got in sampled for answer in got]
    words = np.array([len(answer) for answer in said])
    found = np.array([sum(word.lower() in known for word in answer) for answer in said])
    return resampled(name, lambda at: found[at].sum() / words[at].sum(), len(said), bar)


def nli(folder: Path, data_dir: Path) -> list[Metric]:
    """Accuracy and calibration on the held-out pairs that set no temperature."""
    held = entailment(data_dir, held=True)
    rows = held[1::2]
    short = {row["premise"] for row in _sick(data_dir)}
    model = Classifier(folder)
    p = model.probabilities(rows)
    correct, sure = p.argmax(-1) == _labels(rows), p.max(-1)
    main = np.array([row.first not in short for row in rows])
    same = [Labelled(row.first, row.first, 0) for row in rows[:500]]
    identity = model.probabilities(same)[:, 0] >= 0.95

    def calibration_error(at: NDArray[np.int64]) -> float:
        bins = np.minimum((sure[at] * 15).astype(int), 14)
        return float(
            sum(
                abs(correct[at][bins == b].mean() - sure[at][bins == b].mean()) * (bins == b).mean()
                for b in np.unique(bins)
            )
        )

    return [
        mean_metric("accuracy, held-out MNLI + SNLI", correct[main], "≥ 0.72"),
        mean_metric("accuracy, held-out SICK", correct[~main]),
        resampled("expected calibration error", calibration_error, len(rows), "≤ 0.05"),
        mean_metric("identical sentences entail, p ≥ .95", identity, "= 1"),
    ]


def _sick(data_dir: Path) -> list[dict[str, Any]]:
    rows = table(data_dir, "nli/nli")
    return rows.filter(rows["source"].str.to_lowercase() == "sick").to_dicts()


def _harmful(dialogue_bar: str, answer_bar: str) -> Callable[[Path, Path], list[Metric]]:
    def measure(folder: Path, data_dir: Path) -> list[Metric]:
        """AUROC on DiaSafety's test split, and on people's labels of unseen questions' answers."""
        model = Classifier(folder)
        judged = judged_answers(data_dir, test=True)
        return [
            model.auroc("AUROC, DiaSafety test", dialogues(data_dir, test=True), dialogue_bar),
            model.auroc("AUROC, Do-Not-Answer, unseen questions", judged, answer_bar),
        ]

    return measure


def preference(folder: Path, data_dir: Path) -> list[Metric]:
    """Accuracy on held-out HH harmless pairs, and on helpful ones, which it never learnt from."""
    model = Classifier(folder)
    unseen = [pair for pair in hh_pairs(data_dir, "harmless") if held_out(pair.prompt, 0.2)]
    return [
        model.preference("accuracy, held-out HH harmless pairs", unseen, "≥ 0.60"),
        model.preference("accuracy, HH helpful pairs", hh_pairs(data_dir, "helpful")),
    ]


def helpfulness(folder: Path, data_dir: Path) -> list[Metric]:
    """Accuracy on HH helpful pairs, which it never learnt from."""
    pairs = hh_pairs(data_dir, "helpful")
    return [Classifier(folder).preference("accuracy, HH helpful pairs", pairs)]


def _judged(label: str, bar: str) -> Callable[[Path, Path], list[Metric]]:
    def measure(folder: Path, data_dir: Path) -> list[Metric]:
        """AUROC on answers to TruthfulQA questions that it never saw."""
        rows = answers(data_dir, label, "test")
        return [Classifier(folder).auroc("AUROC, TruthfulQA, unseen questions", rows, bar)]

    return measure


def _feeling(film_bar: str, short_bar: str) -> Callable[[Path, Path], list[Metric]]:
    def measure(folder: Path, data_dir: Path) -> list[Metric]:
        """Accuracy on a fixed 5,000 of the IMDb test reviews, and on SST-2 dev sentences."""
        films = sentiment(data_dir, "test")
        drawn = np.random.default_rng(0).choice(len(films), size=5000, replace=False)
        model = Classifier(folder)
        return [
            model.accuracy("accuracy, IMDb test", [films[n] for n in drawn], film_bar),
            model.accuracy("accuracy, SST-2 dev", phrases(data_dir, dev=True), short_bar),
        ]

    return measure


MEASURES: Final[dict[str, Callable[[Path, Path], list[Metric]]]] = {
    "udasa_data/tiny/lm": lm,
    "udasa_data/tiny/nli": nli,
    "udasa_data/tiny/harm": _harmful("≥ 0.75", "≥ 0.85"),
    "udasa_data/tiny/preference": preference,
    "udasa_data/tiny/prompt_harm": prompt_harm,
    "udasa_data/tiny/refusal": refusal,
    "udasa_data/tiny/evasion": evasion,
    "udasa_data/tiny/truth": truth,
    "udasa_data/tiny/helpfulness": wording_helps,
    "udasa_data/tiny/sentiment": _feeling("≥ 0.87", "≥ 0.78"),
    "udasa_eval/tiny/harmlessness": _harmful("≥ 0.80", ""),
    "udasa_eval/tiny/helpfulness": helpfulness,
    "udasa_eval/tiny/truthfulness": _judged("truth", "≥ 0.68"),
    "udasa_eval/tiny/informativeness": _judged("info", ""),
    "udasa_eval/tiny/sentiment": _feeling("≥ 0.85", ""),
}
