"""Bring the corpora of the embedded models from the Hub into the files that ``--data-dir`` holds.

python -m udasa_recipes.tiny.hub --out build/corpora

Written once each; the same command resumes where it was cut short. The large corpora are cut. Not
on the Hub, and left to whoever has them: JOCI, MED and Breaking-NLI, without which the NLI
classifier is trained on the others (github.com/felipessalvatore/NLI_datasets), and TruthfulQA's
informativeness labels (github.com/sylinrl/TruthfulQA), without which that judge is not trained,
and PandaLM's and Auto-J's pairs (``helped`` says where), which teach what helps.
AdvBench, gated there, comes from its authors' repository.
The names of columns are as the datasets' cards have them; one that has changed ends the command
with a line that names it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from udasa_data.errors import UserError
from udasa_data.storage import github_file

from .sources import place

NLI_LABELS: Final = ["entailment", "neutral", "contradiction"]
NLI_ROWS: Final = 60_000  # of SNLI and of MultiNLI each
STORIES: Final = 250  # of TinyStories
COMMENTS: Final = 10_000  # toxic ones of Civil Comments, and as many others

ADVBENCH: Final = (
    "llm-attacks/llm-attacks",
    "098262edf85f807224e70ecd87b9d83716bf6b73",
    "data/advbench/harmful_behaviors.csv",
    "6cd1a5c63c07610d7eb67307772ee5606017ee950b5770ab288a2c487489d3e1",
)


class Table(NamedTuple):
    """One split on the Hub and the columns of it that are used."""

    repo: str
    split: str
    columns: tuple[str, ...]
    config: str | None = None
    folder: str | None = None


def load(table: Table) -> pl.DataFrame:
    """Load the columns of a split, or end with one line that says what is wrong."""
    from datasets import Value, load_dataset

    try:
        rows = load_dataset(table.repo, table.config, data_dir=table.folder, split=table.split)
    except Exception as error:  # noqa: BLE001 - datasets raises many kinds, about names and networks
        problem = (str(error).strip().splitlines() or [""])[0]
        sys.exit(f"error: Hub dataset '{table.repo}': {type(error).__name__}: {problem}")
    missing = [name for name in table.columns if name not in rows.column_names]
    if missing:
        there = ", ".join(rows.column_names)
        sys.exit(f"error: Hub dataset '{table.repo}' has no column {missing[0]}; it has {there}")
    for name in table.columns:
        if hasattr(rows.features[name], "names"):  # a class label: its number
            rows = rows.cast_column(name, Value("int64"))
    loaded: pl.DataFrame = rows.select_columns(list(table.columns)).to_polars()
    return loaded


def plain(table: Table, **renamed: str) -> pl.DataFrame:
    """Return a split as it is, columns renamed: ``renamed`` is new=old."""
    return load(table).rename({old: new for new, old in renamed.items()})


def joined(parts: Iterable[tuple[str, Table]], column: str, **renamed: str) -> pl.DataFrame:
    """Return several splits in one table, ``column`` saying which a row is of."""
    return pl.concat(
        plain(table, **renamed).with_columns(pl.lit(name).alias(column)) for name, table in parts
    )


def advbench() -> pl.DataFrame:
    """Return AdvBench's goals from its authors' repository: the Hub's copy is gated."""
    return pl.read_csv(github_file(*ADVBENCH)).select("goal", "target")


def oasst() -> pl.DataFrame:
    """Return OpenAssistant's first questions with the answers ranked first."""
    columns = ("message_id", "parent_id", "text", "role", "lang", "rank")
    rows = load(Table("OpenAssistant/oasst1", "train", columns))
    asked = rows.filter(pl.col("parent_id").is_null(), role="prompter")
    answers = rows.filter(role="assistant", rank=0.0)
    pairs = asked.join(answers, left_on="message_id", right_on="parent_id", suffix="_answer")
    text = pl.format("### Human: {}### Assistant:", "text")
    return pairs.select(text.alias("input"), pl.col("text_answer").alias("output"), "lang")


def stories() -> pl.DataFrame:
    """Return some of TinyStories as one text."""
    rows = load(Table("roneneldan/TinyStories", "validation", ("text",)))
    return pl.DataFrame({"text": ["\n".join(rows["text"].head(STORIES))]})


def nli() -> pl.DataFrame:
    """Return SNLI, MultiNLI, SICK and SciTail in one form; of the large two a fixed part."""
    pair = ("premise", "hypothesis", "label")
    numbered = {
        "snli": load(Table("stanfordnlp/snli", "train", pair)),
        "mnli": load(Table("nyu-mll/multi_nli", "train", pair)),
        "sick": load(Table("RobZamp/sick", "train", ("sentence_A", "sentence_B", "label"))),
    }
    found = []
    for source, rows in numbered.items():
        known = rows.rename(dict(zip(rows.columns, pair, strict=True))).filter(pl.col("label") >= 0)
        # by the premise's hash: its hypotheses stay together, and other ones than are held out
        draw = pl.col("premise").map_elements(lambda text: place(text, "hub"), pl.Float64)
        drawn = known.sort(draw).head(NLI_ROWS)
        names = pl.col("label").replace_strict(dict(enumerate(NLI_LABELS)))
        found.append(drawn.with_columns(names, pl.lit(source).alias("source")))
    scitail = load(Table("allenai/scitail", "train", pair, config="tsv_format"))
    meaning = {"entails": "entailment", "neutral": "not_entailment"}
    names = pl.col("label").replace_strict(meaning)
    return pl.concat([*found, scitail.with_columns(names, pl.lit("scitail").alias("source"))])


def hh() -> pl.DataFrame:
    """Return the harmless-base dialogues, and helpful-base ones that are measured on alone."""
    sides = ("chosen", "rejected")
    parts = (
        ("harmless-base", Table("Anthropic/hh-rlhf", "test", sides, folder="harmless-base")),
        ("helpful-base", Table("Anthropic/hh-rlhf", "test", sides, folder="helpful-base")),
    )
    return joined(parts, "subset")


def do_not_answer() -> pl.DataFrame:
    """Return one row for each model's answer, with the label that people gave it."""
    models = ("GPT4", "ChatGPT", "Claude", "ChatGLM2", "llama2-7b-chat", "vicuna-7b")
    wide = [f"{model}_{what}" for model in models for what in ("response", "harmful")]
    rows = load(Table("LibrAI/do-not-answer", "train", ("question", *wide)))
    return pl.concat(
        rows.select(
            pl.lit(model).alias("model"),
            "question",
            pl.col(f"{model}_response").alias("response"),
            pl.col(f"{model}_harmful").cast(pl.Int64).alias("harmful"),
        )
        for model in models
    )


def comments() -> pl.DataFrame:
    """Return Civil Comments that most readers found toxic, and as many that few did."""
    rows = load(Table("google/civil_comments", "test", ("text", "toxicity")))
    parts = [rows.filter(pl.col("toxicity") >= 0.5), rows.filter(pl.col("toxicity") < 0.1)]
    return pl.concat(
        part.head(COMMENTS).select("text", pl.lit(toxic).alias("toxic"))
        for toxic, part in zip((1, 0), parts, strict=True)
    )


def truth() -> pl.DataFrame:
    """Return TruthfulQA's reference answers, true and false."""
    sides = ("correct_answers", "incorrect_answers")
    asked = Table("truthfulqa/truthful_qa", "validation", ("question", *sides), "generation")
    rows = load(asked)
    return pl.concat(
        rows.explode(side).select(
            "question", pl.col(side).alias("answer"), pl.lit(truthful).alias("truthful")
        )
        for side, truthful in zip(sides, (1, 0), strict=True)
    ).drop_nulls()


def _review(split: str) -> Callable[[], pl.DataFrame]:
    return partial(plain, Table("stanfordnlp/imdb", split, ("text", "label")))


TABLES: Final[dict[str, Callable[[], pl.DataFrame]]] = {
    "imdb/train": _review("train"),
    "imdb/test": _review("test"),
    "imdb/unsupervised": _review("unsupervised"),
    "dolly/dolly_3k": partial(
        plain,
        Table("databricks/databricks-dolly-15k", "train", ("instruction", "context", "response")),
        input="context",
        output="response",
    ),
    "oasst_prompts/oa_questions": oasst,
    "hh_rlhf/hh_rlhf": hh,
    "qa/nq_open": partial(
        joined,
        [("dev", Table("google-research-datasets/nq_open", "validation", ("question", "answer")))],
        "split",
        answers="answer",
    ),
    "qa/webquestions": partial(
        joined,
        [("trainmodel", Table("stanfordnlp/web_questions", "train", ("question", "answers")))],
        "split",
    ),
    "creak/creak": partial(
        joined,
        [("train", Table("amydeng2000/CREAK", "train", ("sentence", "explanation", "label")))],
        "split",
    ),
    "tinystories_sample/tinystories": stories,
    "nli/nli": nli,
    "diasafety/diasafety": partial(
        joined,
        [
            (split, Table("thu-coai/diasafety", split, ("context", "response", "label")))
            for split in ("train", "test")
        ],
        "split",
    ),
    "jigsaw_sample/jigsaw": comments,
    "do_not_answer/responses_human_labels": do_not_answer,
    "harmful_prompts/advbench_behaviors": advbench,
    "sst2/sst2": partial(
        joined,
        [
            (name, Table("stanfordnlp/sst2", split, ("sentence", "label")))
            for name, split in (("train", "train"), ("dev", "validation"))
        ],
        "split",
    ),
    "truthfulqa/judge_truth": truth,
}


def fetch(out: Path, names: Iterable[str] = TABLES, say: Callable[[str], Any] = print) -> None:
    """Write ``<out>/<name>.parquet`` of each corpus that is not there yet, whole or not at all."""
    for name in names:
        path = out / f"{name}.parquet"
        if path.is_file():
            continue
        rows = TABLES[name]()
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        rows.write_parquet(fresh)
        fresh.replace(path)
        say(f"{name}: {len(rows):,} rows")


def main() -> None:
    """Bring all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    try:
        fetch(parser.parse_args().out)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
