"""HTML pages of the evaluation: one file each, which asks nothing of any network."""

from udasa_eval.pages.document import document, table

__all__ = ["document", "table"]
