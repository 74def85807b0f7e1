"""The fenced Python of the pages of docs/, to be run."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def snippets(page):
    """Each ```python block of a page that is not marked `no-run`: its name and its code."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(f"{page} #{number}", code) for number, code in enumerate(found, 1)]
