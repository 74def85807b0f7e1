"""Sentence embeddings, and the semantic estimator over them."""

import numpy as np
import polars as pl
import pytest
import torch
from rounding import rounding
from small_models import SUMMANDS
from transformers import AutoModel, AutoTokenizer

from udasa_data import build, resolve
from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_data.runs.dataset_manifest import read_manifest
from udasa_data.scorers.embedding import Embedder
from udasa_data.scorers.models import Options
from udasa_data.scorers.protocol import no_progress
from udasa_data.scoring.existing_answers import score_file
from udasa_data.storage.model_files import locate
from udasa_data.uncertainty.semantic import cosine

# of a token's state, whose numbers are below 4; of the cosine of two
STATE_ROUNDING, COSINE_ROUNDING = rounding(SUMMANDS, size=4.0), rounding(SUMMANDS)
TEXTS = ["A cat sat.", "The dog ran away from the cat.", "No.", "A cat sat."]


@pytest.fixture(scope="module")
def embed(small):
    """Embeds with a small encoder."""
    return Embedder(locate(ModelRef(id=str(small["nli"]))), Options(precision="float32"))


def test_an_embedding_is_the_mean_of_the_token_states(small, embed):
    tokenizer = AutoTokenizer.from_pretrained(small["nli"])
    plain = AutoModel.from_pretrained(small["nli"], dtype=torch.float32).eval()
    with torch.inference_mode():
        expected = [
            plain(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0).numpy()
            for text in TEXTS
        ]
    found = embed(TEXTS, no_progress)
    assert found == pytest.approx(np.array(expected), abs=STATE_ROUNDING)
    assert found[::-1] == pytest.approx(embed(TEXTS[::-1], no_progress), abs=STATE_ROUNDING)
    assert embed([], no_progress).shape == (0, found.shape[1])


def test_a_long_text_is_the_mean_of_its_parts(small):
    embed = Embedder(
        locate(ModelRef(id=str(small["nli"]))), Options(max_length=24, precision="float32")
    )
    parts = ["The cat sat on the mat all day.", "The dog lay below it at night."]
    whole = embed([" ".join(parts)], no_progress)[0]
    expected = embed(parts, no_progress).mean(axis=0)
    assert whole == pytest.approx(expected, abs=STATE_ROUNDING)


def test_a_build_scores_by_cosine(small, small_config, embed, tmp_path):
    given = {
        "scoring": {"semantic": "cosine", "precision": "float32"},
        "embedder": {"id": str(small["nli"])},
        "limit": 4,
    }
    run = build(resolve("tiny", given, file=small_config), tmp_path / "run")
    scores, samples = (
        pl.concat(
            pl.read_parquet(path)
            for path in sorted((tmp_path / "run" / step).glob("*.parquet"))
            if not path.stem.endswith("dropped")
        )
        for step in ("scores", "samples")
    )
    texts = samples.join(scores, on=["prompt_id", "sample_id"]).filter(pl.col("text") != "")
    assert len(texts) > 8
    for (_,), rows in texts.group_by("prompt_id"):
        expected = cosine(embed(rows["text"].to_list(), no_progress))
        assert rows["u_semantic"].to_numpy() == pytest.approx(expected, abs=COSINE_ROUNDING)
    scorers = {one.role: one.id for one in read_manifest(run.folder).scorers}
    assert scorers["embedder"] == str(small["nli"])


def test_existing_answers_are_scored_by_cosine(small, small_config, embed, tmp_path):
    file = tmp_path / "answers.parquet"
    pl.DataFrame({"prompt_id": ["a"] * 4, "prompt": ["Why?"] * 4, "text": TEXTS}).write_parquet(
        file
    )
    given = {
        "scoring": {"semantic": "cosine", "precision": "float32"},
        "embedder": {"id": str(small["nli"])},
    }
    score_file(file, tmp_path / "out.parquet", resolve("tiny", given, file=small_config))
    found = pl.read_parquet(tmp_path / "out.parquet")["u_semantic"].to_numpy()
    assert found == pytest.approx(cosine(embed(TEXTS, no_progress)), abs=COSINE_ROUNDING)


def test_cosine_without_an_encoder_is_one_line(small_config):
    with pytest.raises(UserError, match="cosine needs a sentence encoder"):
        resolve("tiny", {"scoring": {"semantic": "cosine"}}, file=small_config)


def test_what_is_no_encoder_is_one_line(tmp_path):
    folder = tmp_path / "none"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="none"):
        Embedder(locate(ModelRef(id=str(folder))), Options())
