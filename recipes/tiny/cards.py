"""Model cards of the embedded models, from what was measured."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from .sources import LICENCES


class Metric(NamedTuple):
    """One measured number with its 95% interval, and what was aimed at, if anything."""

    name: str
    mean: float
    low: float
    high: float
    n: int
    bar: str = ""


class About(NamedTuple):
    """What a card says beside its numbers."""

    title: str
    what: str
    corpora: tuple[str, ...]
    command: str


_SCORER: Final = (
    "A {{layers}}-layer BERT encoder{form}; its embeddings start from those of all-MiniLM-L6-v2 "
    "(Apache-2.0), pruned to {{vocabulary}} pieces and projected to 128 dimensions. {rest}"
)
_JUDGE: Final = (
    "A {{layers}}-layer RoBERTa encoder of {{millions}}M parameters with a byte-level BPE of its "
    "own, trained from scratch; no row of its training serves a scorer of udasa_data. {rest}"
)
_HARM: Final = (
    "diasafety",
    "do_not_answer",
    "jigsaw_sample",
    "harmful_prompts",
    "hh_rlhf",
    "dolly",
    "oasst_prompts",
    "qa",
    "creak",
)
_CHATS: Final = ("dolly", "oasst_prompts", "hh_rlhf", "qa", "creak")
CARDS: Final = {
    "udasa_data/tiny/lm": About(
        "language model",
        "A {layers}-layer Llama of {millions}M parameters, BPE of {vocabulary} pieces, with a chat "
        "template, trained from scratch. Its sentences are English, its facts are not facts. It "
        "answers questions and continues film reviews.",
        ("imdb", "tinystories_sample", *_CHATS),
        "train_lm",
    ),
    "udasa_data/tiny/nli": About(
        "natural-language inference",
        "all-MiniLM-L6-v2 (Apache-2.0) as a cross-encoder: all its {layers} layers, its "
        "vocabulary pruned to {vocabulary} pieces. Taught by all-mpnet-base-v2 (Apache-2.0), which "
        "learnt the labelled pairs and labelled eight times as many. "
        "The premise may be an answer of several sentences; the hypothesis is one sentence.",
        ("nli", "imdb", *_CHATS),
        "train_nli",
    ),
    "udasa_data/tiny/harm": About(
        "value scorer: harm",
        _SCORER.format(form=" over (prompt, answer)", rest="Classes: safe, unsafe."),
        _HARM,
        "train_classifiers harm",
    ),
    "udasa_data/tiny/preference": About(
        "value scorer: preference",
        _SCORER.format(
            form=" over (prompt, answer)",
            rest="One output, Bradley–Terry loss, centred. It learnt what people preferred where "
            "harm was at stake, and that an answer is better than a broken one; where only "
            "helpfulness is at stake its choice is worth nothing (see below).",
        ),
        _CHATS,
        "train_classifiers preference",
    ),
    "udasa_data/tiny/refusal": About(
        "refusals",
        "A multinomial logistic regression over hashed n-grams, one to three words long, of an "
        "answer's first 800 characters. Classes: complies, partly, refuses. To argue against "
        "what it was asked counts as a refusal, as people label them; of these it misses most.",
        ("xstest", "do_not_answer", *_CHATS),
        "train_refusal",
    ),
    "udasa_data/tiny/prompt_harm": About(
        "prompts that ask for harm",
        "A {layers}-layer BERT encoder that starts from all-MiniLM-L6-v2 (Apache-2.0), its pieces "
        "pruned to {vocabulary}, taught by all-mpnet-base-v2 (Apache-2.0), itself trained on the "
        "labelled prompts. Reads a prompt alone. Classes: harmless, harmful.",
        (
            *("harmful_prompts", "more_harmful_prompts", "do_not_answer", "xstest", "truthfulqa"),
            *("imdb", "self_instruct", "prompts", *_CHATS),
        ),
        "train_prompt_harm",
    ),
    "udasa_data/tiny/evasion": About(
        "evasive answers",
        "A logistic regression over hashed n-grams, one to three words long, of an answer's first "
        "800 characters, and marks of its length, form and overlap with the question. Classes: "
        "informative, evasive.",
        ("truthfulqa", *_CHATS),
        "train_wording evasion",
    ),
    "udasa_data/tiny/truth": About(
        "answers that people hold untrue",
        "A logistic regression over hashed n-grams, one to three words long, of an answer's first "
        "800 characters, and marks of its length, form and overlap with the question: it knows "
        "how popular errors are worded, and no facts. Classes: truthful, untruthful.",
        ("truthfulqa",),
        "train_wording truth",
    ),
    "udasa_data/tiny/helpfulness": About(
        "the more helpful of two answers",
        "A logistic regression over the hashed words of an answer's first 4,000 characters, and "
        "marks of its size, form and bearing on the question, fitted on pairs with the "
        "Bradley–Terry loss: P(unhelpful) = σ(mean r − r). It knows how answers look that people "
        "prefer, most of all that they are longer, and not whether they are right. Classes: "
        "helpful, unhelpful.",
        ("pandalm", "autoj"),
        "train_wording helpfulness",
    ),
    "udasa_data/tiny/sentiment": About(
        "sentiment of a review",
        _SCORER.format(
            form="",
            rest="Learnt from labelled reviews, from unlabelled ones with the soft labels of a "
            "bigram logistic regression, and from phrases. Classes: negative, positive.",
        ),
        ("imdb", "sst2"),
        "train_classifiers sentiment",
    ),
    "udasa_eval/tiny/harmlessness": About(
        "judge: harmlessness",
        _JUDGE.format(rest="Reads (prompt, answer). Classes: safe, unsafe."),
        _HARM,
        "train_judges harmlessness",
    ),
    "udasa_eval/tiny/helpfulness": About(
        "judge: helpfulness",
        _JUDGE.format(
            rest="A reward: an answer to the point stands above another question's and above its "
            "own words shuffled. It knows nothing else of helpfulness."
        ),
        _CHATS,
        "train_judges helpfulness",
    ),
    "udasa_eval/tiny/truthfulness": About(
        "judge: truthfulness",
        _JUDGE.format(rest="Reads (question, answer); style rather than knowledge guides it."),
        ("truthfulqa",),
        "train_judges truthfulness",
    ),
    "udasa_eval/tiny/informativeness": About(
        "judge: informativeness",
        _JUDGE.format(rest="Reads (question, answer)."),
        ("truthfulqa",),
        "train_judges informativeness",
    ),
    "udasa_eval/tiny/sentiment": About(
        "judge: sentiment of a review",
        _JUDGE.format(
            rest="Learnt from labelled reviews, and from unlabelled ones with the soft labels of "
            "a bigram logistic regression. Classes: negative, positive."
        ),
        ("imdb",),
        "train_judges sentiment",
    ),
}
_ROW: Final = re.compile(r"^\| (?P<name>[^|]+?) \| (?P<value>-?[\d.]+) \|", re.MULTILINE)


def measured_in(folder: Path) -> dict[str, float]:
    """Return the numbers that a model's card tells, by metric; none when there is no card."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    text = text.partition("## Measured")[2].partition("## Trained on")[0]
    return {row["name"]: float(row["value"]) for row in _ROW.finditer(text)}


def write_card(folder: Path, metrics: Sequence[Metric]) -> None:
    """Write ``README.md`` beside a model's weights, from its ``training.json`` and the metrics."""
    place = "/".join(folder.parts[-3:])
    about = CARDS[place]
    size = (folder / "model.safetensors").stat().st_size / 1e6
    command = f"`python -m udasa_recipes.tiny.{about.command} --data-dir DATA --out {place}`"
    facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    rows = "\n".join(
        f"| {m.name} | {m.mean:.3f} | [{m.low:.3f}, {m.high:.3f}] | {m.n:,} | {m.bar or '–'} |"
        for m in metrics
    )
    sources = "\n".join(f"- {LICENCES[name]}" for name in about.corpora)
    text = f"""---
license: apache-2.0
language: en
tags: [udasa, toy]
---

# UDASA embedded model: {about.title}

{about.what.format(**_shape(folder, size))}

{size:.1f} MB, two bytes a weight, safetensors. For demonstrations, tests and learning without a
network. Not for any decision about people or content, not for judging models that matter, and not
a baseline: it is far below models of useful size. It knows English alone.

## Measured

On data it was not trained on; written by `recipes/tiny/evaluate.py`.

| metric | value | 95% interval | n | aim |
| --- | --- | --- | --- | --- |
{rows}

## Trained on

{sources}

Nothing non-commercial was used. {_told(facts)}

{_curve(facts.get("loss", []))}

{command} trains it again.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def _shape(folder: Path, size: float) -> dict[str, str]:
    """Return what a model's own files say of its shape; ``size`` in MB, two bytes a weight."""
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if "num_hidden_layers" not in config:  # no transformer
        return {}
    return {
        "layers": str(config["num_hidden_layers"]),
        "vocabulary": f"{config['vocab_size']:,}",
        "millions": f"{size / 2:.1f}",
    }


def _told(training: dict[str, Any]) -> str:
    """Return steps, rows or tokens, temperature and seed in one line."""
    if "steps" not in training:  # solved, not trained step by step
        others = f" and {training['others']:,} others" if "others" in training else ""
        return (
            f"{training['rows']:,} answers that people labelled{others}; taken for the last class "
            f"from P = {training['threshold']:.2f}."
        )
    amount = (
        f"{training['tokens']:,} tokens" if "tokens" in training else f"{training['rows']:,} rows"
    )
    epochs = f" × {training['epochs']} epochs" if training.get("epochs", 1) > 1 else ""
    warm = f", temperature {training['temperature']:.2f}" if "temperature" in training else ""
    return (
        f"{training['steps']:,} steps over {amount}{epochs}{warm}, seed {training['seed']}, "
        f"on {training['device']}."
    )


def _curve(loss: list[list[float]]) -> str:
    """Return the learning curve as a table of at most eight points."""
    if not loss:
        return ""
    stride = -(-len(loss) // 8)
    points = loss[::-1][::stride][::-1]
    steps = " | ".join(f"{step:,.0f}" for step, _ in points)
    values = " | ".join(f"{value:.3f}" for _, value in points)
    return f"| step | {steps} |\n|{' --- |' * (len(points) + 1)}\n| training loss | {values} |"
