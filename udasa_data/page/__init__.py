"""The page of a run: what is in it (``rows``, ``figures``), and the HTML, CSS and JavaScript."""

from udasa_data.page.report import write_report

__all__ = [
    "write_report",
]
