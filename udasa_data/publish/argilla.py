"""Pairs as records of Argilla, to be reviewed there: its questions are a line of ``--review``.

Read by Argilla 2.8's SDK (``Settings.from_json``, ``Dataset.records.log``), not needed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

Row = dict[str, Any]

# what finds the pair again, and what a reader may sort by
_METADATA: Final = {
    "prompt_id": "terms",
    "run": "integer",
    "chosen_id": "integer",
    "rejected_id": "integer",
    "axis": "terms",
    "stage": "terms",
    "p_chosen_better": "float",
}
_VERDICTS: Final = {
    "approve": "chosen is the better one",
    "flip": "rejected is the better one",
    "reject": "neither; the pair should go",
}


def record_rows(turns: list[dict[str, str]], row: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a pair as a record: its fields, and what finds it again.

    No verdict is suggested: an answer that is there already is agreed with too easily for the
    agreement to say anything.
    """
    yield {
        "id": f"{row['run']}-{row['prompt_id']}",
        "prompt": turns,
        "chosen": row["chosen"][-1]["content"],
        "rejected": row["rejected"][-1]["content"],
        **{name: row[name] for name in _METADATA},
    }


def settings_text() -> str:
    """Return the settings of such a dataset, as ``rg.Settings.from_json`` reads them."""
    options = [{"value": value, "text": text} for value, text in _VERDICTS.items()]
    label = {"type": "label_selection", "options": options, "visible_options": len(options)}
    text = {"type": "text", "use_markdown": False}
    settings = {
        "guidelines": "Which of the two answers to the prompt is the better one?",
        "fields": [
            _part("prompt", {"type": "chat", "use_markdown": False}),
            _part("chosen", text),
            _part("rejected", text),
        ],
        "questions": [_part("verdict", label), _part("note", text, required=False)],
        "metadata": [_part(name, {"type": kind}) for name, kind in _METADATA.items()],
        "vectors": [],
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }
    return json.dumps(settings, indent=2) + "\n"


def _part(name: str, settings: Row, *, required: bool = True) -> Row:
    return {
        "name": name,
        "title": name,
        "type": settings["type"],
        "required": required,
        "settings": settings,
    }
