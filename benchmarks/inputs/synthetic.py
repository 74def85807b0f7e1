"""Runs of any size without a model: random scores around real or made-up texts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl

from benchmarks.paths import DATA
from udasa_data.config.build import BuildConfig
from udasa_data.config.presets import resolve
from udasa_data.pairing.confounds import measure
from udasa_data.pairing.restaging import restage
from udasa_data.publish.dataset import Tables, write_dataset
from udasa_data.runs.dataset_manifest import Manifest, PolicyRecord, ScorerRecord, Thresholds
from udasa_data.runs.sealing import key_of
from udasa_data.runs.summary import count
from udasa_data.schema import ANSWERS, CALIBRATED, DROPPED, SCORES, Axis

K: Final = 8


def random_scores(prompts: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a table of random scores, and the other columns of the answers that pairing reads."""
    rng = np.random.default_rng(0)
    n = prompts * K
    ids = pl.Series([f"{number:064x}" for number in range(prompts)])
    scores = pl.DataFrame(
        {
            "prompt_id": ids.gather(np.repeat(np.arange(prompts), K)),
            "sample_id": np.tile(np.arange(K, dtype=np.int32), prompts),
        }
    )
    leave_one_out = {name: rng.random((n, K)) for name in ("semantic", "factual")}
    own = np.arange(n), np.tile(np.arange(K), prompts)
    for values in leave_one_out.values():
        values[own] = np.nan
    scores = scores.with_columns(
        *(pl.Series(f"u_{d}", rng.random(n)) for d in ("semantic", "factual", "value")),
        *(
            pl.Series(f"{name}_leave_one_out", values).arr.to_list()
            for name, values in leave_one_out.items()
        ),
    )
    missing = [name for name in SCORES if name not in scores.columns]
    constant = {name: pl.lit(None, dtype=SCORES[name]) for name in missing}
    constant["homogeneous"] = pl.lit(value=False)
    constant["refusal"] = pl.lit(value=False)
    constant["evasive"] = pl.lit(value=False)
    constant["p_harmful"] = pl.lit(0.0)
    scores = scores.with_columns(**constant).select(SCORES.names())
    axes = pl.Series([axis.value for axis in Axis])
    texts = _texts()
    beside = pl.DataFrame(
        {
            "text": texts.gather(rng.integers(len(texts), size=n)),
            "n_tokens": rng.integers(20, 60, size=n).astype(np.int32),
            "axis": axes.gather(np.repeat(np.arange(prompts) % 4, K)),
        }
    ).with_columns(
        finish_reason=pl.lit("stop"),
        mode=pl.lit("chat"),
        reasoning=pl.lit(None, dtype=pl.String),
        context=pl.lit(""),
        run=pl.lit(0, dtype=pl.Int32),
    )
    return scores, beside


def _texts() -> pl.Series:
    """Return openings of real answers, or made-up ones where there are none."""
    path = DATA / "alpaca_eval" / "model_outputs.parquet"
    if path.is_file():
        return pl.read_parquet(path)["output"].str.slice(0, 200)
    print(f"no {path}: made-up texts")
    return pl.Series([f"answer number {n} of many, " * 6 for n in range(8000)])


def scored_answers(prompts: int, k: int = K) -> pl.DataFrame:
    """Return random scored answers, K a prompt, as a run has them before its last steps."""
    scores, beside = random_scores(prompts)
    number = pl.int_range(pl.len()) // K
    turn = pl.struct(
        role=pl.lit("user"), content=pl.format("Question {}: what of it, and why?", number)
    )
    table = pl.concat([scores, beside], how="horizontal").with_columns(
        prompt=pl.concat_list(turn),
        source=pl.lit("synthetic"),
        cluster_id=pl.col("sample_id"),
        n_clusters=pl.lit(K, dtype=pl.Int32),
        n_claims=pl.lit(1, dtype=pl.Int32),
        run=pl.lit(0, dtype=pl.Int32),
        seed=pl.lit(0, dtype=pl.Int64),
    )
    table = table.with_columns(
        pl.col("semantic_leave_one_out", "factual_leave_one_out").list.head(k)
    )
    raw = {name: dtype for name, dtype in ANSWERS.items() if name not in list(CALIBRATED)[2:]}
    missing = {n: pl.lit(None, dtype=t) for n, t in raw.items() if n not in table.columns}
    return table.with_columns(**missing).filter(pl.col("sample_id") < k).select(*raw)


def write_run(
    folder: Path,
    answers: pl.DataFrame,
    config: BuildConfig | None = None,
    policy: str = "sha256:policy",
) -> None:
    """Pair and stage answers of a policy and write them as a finished dataset folder."""
    config = config or resolve("tiny", {"pairing": {"noise_z": 0.1, "tolerance": 0.8}})
    restaged = restage(answers, config)
    dropped = pl.concat([pl.DataFrame(schema=DROPPED), restaged.dropped])
    thresholds = (restaged.low, restaged.high)
    counts = count(restaged.answers, restaged.pairs, dropped, thresholds)
    scorers = [("nli", config.nli), *(("value", ref) for ref in config.value)]
    manifest = Manifest(
        policy=PolicyRecord(config.policy.id, None, policy, None),
        scorers=tuple(
            msgspec.convert(
                {"role": role, "id": ref.id, "revision": None, "fingerprint": f"sha256:{ref.id}"},
                ScorerRecord,
            )
            for role, ref in scorers
        ),
        config=config,
        stages=Thresholds(*(counts.thresholds or (None, None))),
        held_out=config.held_out,
        counts=counts,
        confounds=measure(restaged.answers, restaged.pairs),
        versions={"udasa": "synthetic"},
        made_from={"keys": {"scores": key_of(policy, answers.hash_rows().to_list())}},
    )
    folder.mkdir(parents=True)
    write_dataset(folder, Tables(restaged.pairs, restaged.answers, dropped), manifest)
