"""Answers in other languages than the embedded English scorers': no score, and a note of it."""

import json

import numpy as np
import polars as pl
import pytest

from udasa_data import resolve, score_file
from udasa_data.scorers import Entailment, Scorers
from udasa_data.scoring.shard import score_shard

ANSWERS = {
    "中国的首都在哪里？": [
        "北京是中国的首都，位于华北平原。它有超过两千万人口。",
        "中国的首都是北京。北京位于中国北方，人口两千多万。",
        "中国的首都是上海，那里有黄浦江。",
        "首都是北京。北京在明朝成为首都，故宫位于市中心。",
    ],
    "¿Cuál es la capital de Francia?": [
        "La capital de Francia es París.",
        "París es la capital de Francia, una ciudad grande.",
        "Creo que la capital es Lyon.",
        "La capital es Marsella, según dicen.",
    ],
    "What is the capital of France?": [
        "The capital of France is Paris.",
        "Paris is the capital.",
        "The capital is Lyon.",
        "法国的首都是巴黎，它位于塞纳河畔。",
    ],
}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("languages")
    rows = [
        {"prompt": prompt, "text": text, "axis": "truthfulness"}
        for prompt, texts in ANSWERS.items()
        for text in texts
    ]
    file = folder / "answers.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    result = score_file(file, folder / "scored.parquet", resolve("tiny", {}))
    return result, pl.read_parquet(result.out)


def test_what_a_scorer_cannot_read_has_no_score(scored):
    _, table = scored
    chinese = table.head(4)
    assert chinese["n_claims"].to_list() == [2, 2, 1, 2]  # they are claims all the same
    for name in ("u_semantic", "u_factual", "u_value", "uncertainty", "semantic_entropy"):
        assert chinese[name].is_nan().all()
    assert chinese["n_clusters"].is_null().all()
    assert not chinese["homogeneous"].any()
    assert chinese["set_aside"].is_null().all()


def test_one_such_answer_does_not_spoil_the_others(scored):
    _, table = scored
    english = table.tail(4)
    assert english["u_semantic"].is_finite().to_list() == [True, True, True, False]
    assert english["u_factual"].is_finite().to_list() == [True, True, True, False]
    assert english["cluster_id"].is_null().to_list() == [False, False, False, True]


def test_one_note_a_scorer_says_so(scored):
    result, _ = scored
    notes = [note for note in result.summary.notes if "unknown to it" in note]
    assert sum(note.startswith("embedded:nli: ") for note in notes) == 1
    assert sum(note.startswith("embedded:harm: ") for note in notes) == 1


def test_a_language_that_the_scorers_do_not_know_is_noted(scored):
    result, table = scored
    assert table.slice(4, 4)["u_semantic"].is_finite().all()  # of letters that it knows
    (spanish,) = [note for note in result.summary.notes if "'es'" in note]
    assert spanish.startswith("1 prompts are answered in the language 'es', which embedded:nli, ")
    assert not any("'en'" in note for note in result.summary.notes)


def test_sentences_are_split_by_the_language_given_or_found():
    texts = ["Es hat ca. 2 Mio. Einwohner.", "Etwa zwei Mio. leben dort.", "Rund 2 Mio. Menschen."]
    prompts = pl.DataFrame(
        {
            "prompt_id": ["p"],
            "messages": [[{"role": "user", "content": "Wie viele Einwohner hat Paris?"}]],
            "axis": ["truthfulness"],
            "context": [None],
        }
    )
    samples = pl.DataFrame(
        {
            "prompt_id": ["p"] * 4,
            "sample_id": range(4),
            "text": [*texts, texts[0]],
            "mean_logprob": [None] * 4,
            "sum_logprob": [None] * 4,
        },
        schema_overrides={"mean_logprob": pl.Float64, "sum_logprob": pl.Float64},
    )
    found = {}
    for language in ("de", "en", None):
        seen = []

        def nli(pairs, _done, seen=seen):
            seen += pairs
            return Entailment(np.full(len(pairs), 0.5), np.full(len(pairs), 0.2))

        def value(pairs, _done):
            return np.full(len(pairs), 0.5)

        value.name = "half"
        options = resolve("tiny", {"scoring": {"language": language}}).scoring
        scored = score_shard(
            prompts, samples, Scorers(nli, [value], value), options, lambda _s: None
        )
        found[language] = {pair.second for pair in seen}, dict(scored.languages)
    whole = {f"Wie viele Einwohner hat Paris? {text}" for text in texts}
    assert found["de"] == found[None] == (whole, {"de": 1})
    assert "Wie viele Einwohner hat Paris? Einwohner." in found["en"][0]
