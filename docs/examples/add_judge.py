"""A judge of your own: a language model that is to end the review it has just read."""

from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from udasa_data.scorers import TextPair, no_progress
from udasa_eval.judging import judge_set, loaded, pin

# any Hub id or folder; here the embedded policy, as a folder
MODEL = files("udasa_data").joinpath("tiny", "lm")
JUDGES = f"""
sentiment:
  kind: question
  id: {MODEL}
  engine: transformers
  raw: true  # plain text to be continued, not a chat turn
  prompt: "{{prompt}}{{answer}} All in all, this film is"
  "yes": [" great", " good", " wonderful"]
  "no": [" bad", " terrible", " boring"]
"""
REVIEWS = [
    "The acting is warm and the story moved me to tears.",
    "A waste of time.",
    "The plot is dull and I left after an hour.",
]

with TemporaryDirectory() as folder:
    mine = Path(folder) / "mine.yaml"  # what `udasa-eval run --judges mine.yaml` takes
    mine.write_text(JUDGES)
    judges = judge_set(str(mine), "tiny")

with loaded(pin(judges, "sentiment", {})) as judge:
    assert judge.rate is not None  # a pairwise judge has `prefer` in its place
    judged = judge.rate([TextPair(review, "") for review in REVIEWS], no_progress)
for review, p, why in zip(REVIEWS, judged.values, judged.why, strict=True):
    print(f"P(positive) {p:.2f}  {why or review}")
