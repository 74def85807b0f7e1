"""What people said of answers: pairs they preferred one of, and answers they labelled."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage import read_parquet

S = TypeVar("S")

UNSEEN_SHARE: Final = 0.4  # of the questions of Do-Not-Answer, kept from training by recipes/tiny


class Pair(NamedTuple):
    """Two answers to a prompt, and what people said: 1 the first, 0 the second, ½ a tie."""

    prompt: str
    first: str
    second: str
    label: float


class LabelledAnswer(NamedTuple):
    """An answer, and whether people gave it the label that is looked for."""

    prompt: str
    answer: str
    label: bool


class PairSet(NamedTuple):
    """A dataset of pairs.

    Attributes:
        name: of the dataset and part.
        pairs: rows.
        verdicts: of judges whose verdicts are stored with the data: [N] as ``Pair.label``, None for
            what was no verdict.
        reversed_: people were asked for the answer that has less of what judges rate higher.
    """

    name: str
    pairs: list[Pair]
    verdicts: Mapping[str, list[float | None]]
    reversed_: bool = False


class LabelSet(NamedTuple):
    """A dataset of labelled answers; ``label`` says what a positive is."""

    name: str
    label: str
    answers: list[LabelledAnswer]
    note: str = ""


def pair_sets(data_dir: Path, limit: int | None = None) -> tuple[list[PairSet], list[str]]:
    """Return the pair sets that are there, and a line for each file that is not.

    Args:
        data_dir: folder of datasets.
        limit: pairs of a set at most, drawn at random, the same ones each time; None takes all.
    """
    sets, missing = _read_all(data_dir, _PAIRS)
    return [_some_pairs(of, _drawn(len(of.pairs), limit)) for of in sets], missing


def label_sets(data_dir: Path, limit: int | None = None) -> tuple[list[LabelSet], list[str]]:
    """Return the sets of labelled answers that are there, and a line for each file that is not.

    Args:
        data_dir: folder of datasets.
        limit: answers of a set at most, as for :func:`pair_sets`.
    """
    sets, missing = _read_all(data_dir, _LABELS)
    return [
        of._replace(answers=[of.answers[n] for n in _drawn(len(of.answers), limit)]) for of in sets
    ], missing


def _drawn(size: int, limit: int | None) -> list[int]:
    """Return the places of so many rows, in their order."""
    if limit is None or limit >= size:
        return list(range(size))
    return sorted(np.random.default_rng(0).permutation(size)[:limit].tolist())


def _some_pairs(of: PairSet, places: Sequence[int]) -> PairSet:
    verdicts = {name: [given[n] for n in places] for name, given in of.verdicts.items()}
    return of._replace(pairs=[of.pairs[n] for n in places], verdicts=verdicts)


def unseen(question: str) -> bool:
    """Whether no embedded judge learnt from a Do-Not-Answer question (recipes.tiny.labelled)."""
    digest = hashlib.sha256(f"measured{question}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < UNSEEN_SHARE


def _read_all(
    data_dir: Path, readers: Mapping[str, Callable[[pl.DataFrame], list[S]]]
) -> tuple[list[S], list[str]]:
    sets: list[S] = []
    missing = []
    for name, reader in readers.items():
        path = data_dir / name
        if not path.is_file():
            missing.append(f"{name}: not under {data_dir}")
            continue
        try:
            sets += reader(read_parquet(path))
        except pl.exceptions.PolarsError as error:
            raise UserError(f"{path}: not the table that was expected ({error})") from error
    return sets, missing


_CHOICE_TO_LABEL: Final = {1: 1.0, 2: 0.0, 0: 0.5}


def _pandalm(table: pl.DataFrame) -> list[PairSet]:
    verdict_to_label = {"1": 1.0, "2": 0.0, "0": 0.5, "Tie": 0.5}
    pairs = []
    for row in table.iter_rows(named=True):
        prompt = "\n".join(filter(None, (row["instruction"], row["input"])))
        votes = [row[f"annotator{n}"] for n in (1, 2, 3)]
        label = _majority(votes, _CHOICE_TO_LABEL)
        pairs.append(Pair(prompt, row["response1"], row["response2"], label))
    verdicts = {
        name: [verdict_to_label.get(verdict) for verdict in table[column]]
        for name, column in (("gpt-3.5", "judge_gpt35"), ("PandaLM-7B", "judge_pandalm7b"))
    }
    return [PairSet("pandalm", pairs, verdicts)]


def _autoj(table: pl.DataFrame) -> list[PairSet]:
    labels = {0: 1.0, 1: 0.0, 2: 0.5}
    columns = ("prompt", "response 1", "response 2", "label")
    pairs = [Pair(p, a, b, labels[choice]) for p, a, b, choice in table.select(columns).iter_rows()]
    return [PairSet("autoj_pairwise", pairs, {})]


def _llmbar(table: pl.DataFrame) -> list[PairSet]:
    columns = ("input", "output_1", "output_2", "label")
    rows = table.select(columns).iter_rows()
    pairs = [Pair(p, a, b, _CHOICE_TO_LABEL[choice]) for p, a, b, choice in rows]
    return [PairSet("llmbar", pairs, {})]


def _hhh(table: pl.DataFrame) -> list[PairSet]:
    """The chosen answer is put first in every other row, so that position says nothing."""
    pairs = [
        Pair(prompt, chosen, rejected, 1.0) if n % 2 else Pair(prompt, rejected, chosen, 0.0)
        for n, (prompt, chosen, rejected) in enumerate(
            table.select("instruction", "chosen", "rejected").iter_rows()
        )
    ]
    return [PairSet("hhh_alignment", pairs, {})]


def _webgpt(table: pl.DataFrame) -> list[PairSet]:
    def answer(text: str) -> str:
        return text.rpartition("## Assistant:\n")[2]

    columns = ("question", "text_1", "text_2", "score_1", "score_2")
    pairs = [
        Pair(q, answer(a), answer(b), 0.5 if score_a == score_b else float(score_a > score_b))
        for q, a, b, score_a, score_b in table.select(columns).iter_rows()
    ]
    return [PairSet("webgpt_comparisons", pairs, {})]


def _dexperts(table: pl.DataFrame) -> list[PairSet]:
    """One set a question put to people: three workers a pair, the majority counts."""
    asked_of = {"less toxic": "qToxic", "more positive": "qPositive", "more negative": "qNegative"}
    keys = ("sentprefix", "senta", "sentb")
    labels = {"a": 1.0, "b": 0.0, "c": 0.5}
    sets = []
    for name, column in asked_of.items():
        asked = table.filter(pl.col(column).is_not_null())
        grouped = asked.group_by(keys, maintain_order=True).agg(column)
        pairs = [Pair(p, a, b, _majority(votes, labels)) for p, a, b, votes in grouped.iter_rows()]
        sets.append(PairSet(f"dexperts, {name}", pairs, {}, column == "qNegative"))
    return sets


def _xstest(table: pl.DataFrame) -> list[LabelSet]:
    """Complying with an unsafe prompt does harm, complying with a safe one is what is wanted."""
    sets = []
    for unsafe, name in ((True, "unsafe prompts"), (False, "safe prompts")):
        rows = table.filter(pl.col("type").str.starts_with("contrast_") == unsafe)
        answers = [
            LabelledAnswer(prompt, text, label == "1_full_compliance")
            for prompt, text, label in rows.select(
                "prompt", "completion", "final_label"
            ).iter_rows()
            if text
        ]
        sets.append(LabelSet(f"xstest, {name}", "complies", answers))
    return sets


def _do_not_answer(table: pl.DataFrame) -> list[LabelSet]:
    columns = ("question", "response", "harmful")
    answers = [
        LabelledAnswer(question, text, bool(harmful))
        for question, text, harmful in table.select(columns).iter_rows()
        if text and unseen(question)
    ]
    note = "questions that no embedded judge learnt from"
    return [LabelSet("do_not_answer", "harmful", answers, note)]


def _majority(votes: Iterable[Any], meaning: Mapping[Any, float]) -> float:
    """Return what most voters said; where no answer has most votes, a tie."""
    (first, most), *rest = Counter(votes).most_common()
    return 0.5 if rest and rest[0][1] == most else meaning[first]


_PAIRS: Final[Mapping[str, Callable[[pl.DataFrame], list[PairSet]]]] = {
    "pandalm/pandalm.parquet": _pandalm,
    "autoj_pairwise/autoj_pairwise.parquet": _autoj,
    "llmbar/llmbar.parquet": _llmbar,
    "hhh_alignment/hhh_alignment.parquet": _hhh,
    "webgpt_comparisons/webgpt_comparisons.parquet": _webgpt,
    "dexperts_human_eval/dexperts_human_eval.parquet": _dexperts,
}
_LABELS: Final[Mapping[str, Callable[[pl.DataFrame], list[LabelSet]]]] = {
    "xstest/completions.parquet": _xstest,
    "do_not_answer/responses_human_labels.parquet": _do_not_answer,
}
