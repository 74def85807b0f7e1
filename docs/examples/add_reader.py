"""A reader of your own: the harmless half of the embedded prompts, without short ones."""

from collections import Counter

from udasa_eval.tasks import Document, load_rows
from udasa_eval.tasks.rows import MalformedError, Row


def long_question(row: Row) -> Document | None:
    """Return a harmless request of eight words or more."""
    if row["part"] != "harmless":
        return None  # not one of this task's rows
    prompt = row.get("prompt")
    if not isinstance(prompt, str):
        raise MalformedError("no text in 'prompt'")  # should be one, and cannot be read
    return {"prompt": prompt, "words": len(prompt.split())} if len(prompt.split()) >= 8 else None


found: list[Document] = []
left_out: Counter[str] = Counter()
for row in load_rows("tiny", data_dir=None, commits={}).rows.iter_rows(named=True):
    try:
        document = long_question(row)
    except MalformedError as error:
        left_out[str(error)] += 1
        continue
    if document is None:
        left_out["not of this task"] += 1
    else:
        found.append(document)

print(found[0])
print(f"{len(found)} documents; left out: {dict(left_out)}")
