"""The page of a run: what is in it (``rows``, ``figures``), and the HTML, CSS and JavaScript."""

from udasa_data.page.report import Report, write_report

__all__ = [
    "Report",
    "write_report",
]
