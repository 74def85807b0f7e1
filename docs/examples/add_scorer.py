"""A value scorer of your own: "be brief", beside the scorers of the preset `tiny`."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from udasa_data.config import Scoring, resolve
from udasa_data.schema import PROMPTS, SAMPLES
from udasa_data.scorers import Floats, OnBatch, TextPair
from udasa_data.scorers.loading import Unread, load_scorers
from udasa_data.scoring import score_shard
from udasa_data.storage import locate


class Brevity:
    """P(violation) from the number of words: σ((words − 20) / 5)."""

    name = "brevity"

    def __call__(self, pairs: Sequence[TextPair], on_batch: OnBatch) -> Floats:
        """Return P(violation) of each (prompt, answer), [N] in [0, 1]."""
        words = np.array([len(pair.second.split()) for pair in pairs], dtype=np.float64)
        on_batch(len(pairs))  # so many rows are done
        return np.asarray(1 / (1 + np.exp((20 - words) / 5)))


SHORT = "Air scatters blue light more than red light."
TEXTS = [SHORT, "Because of the sea.", f"{SHORT} So, " + "and so on, " * 7 + "it looks blue."]
messages = [{"role": "user", "content": "Why is the sky blue?"}]
asked = {"prompt_id": "sky", "messages": messages, "mode": "chat", "axis": "helpfulness"}
prompts = pl.DataFrame([asked], schema=PROMPTS)
rows = [{"prompt_id": "sky", "sample_id": k, "text": text} for k, text in enumerate(TEXTS)]
samples = pl.DataFrame(rows, schema=SAMPLES)

config = resolve("tiny", {})
models = {ref.id: locate(ref) for ref in config.scorer_refs}
scorers = load_scorers(config, models, "float32", Unread())
scorers = scorers._replace(value=[*scorers.value, Brevity()])

few = len(TEXTS)  # a build asks for four, to know the noise of a difference
scored = score_shard(prompts, samples, scorers, Scoring(), lambda _share: None, few)
for text, row in zip(TEXTS, scored.scores.iter_rows(named=True), strict=True):
    p = " ".join(f"{p:.2f}" for p in row["p_violation"])
    words = f"{len(text.split())} words"
    print(f"{words}: harm, helpfulness, brevity {p}; u_value {row['u_value']:.2f}")
