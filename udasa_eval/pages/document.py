"""An HTML document with the project's style inside, and a policy that allows nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from udasa_data.storage import csp_hash


def document(
    title: str, body: str, *, script: str = "", blocks: str = "", more_style: str = ""
) -> str:
    """Return an HTML document.

    Args:
        title: text.
        body: HTML.
        script: JavaScript that runs at its end.
        blocks: HTML of data elements, before the script.
        more_style: CSS after the project's own.
    """
    css = files("udasa_eval.pages").joinpath("page.css").read_text(encoding="utf-8")
    style = f"\n{css}{more_style}"
    script = f"\n{script}" if script else ""
    scripted = f"<script>{script}</script>\n" if script else ""
    allowed = f"script-src '{csp_hash(script)}'; " if script else ""
    policy = (
        f"default-src 'none'; {allowed}style-src '{csp_hash(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}\n{blocks}{scripted}</body>\n</html>\n"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Return a table of texts, all of them escaped; ``kind`` is its class."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f'<div class="wide"><table class="{escape(kind)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
