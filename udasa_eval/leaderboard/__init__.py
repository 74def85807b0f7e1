"""The leaderboard: results folders as one table, a page, and a Hub dataset."""

from udasa_eval.leaderboard.building import build_leaderboard
from udasa_eval.leaderboard.folder import PAGE, claim_folder, content_of, write_folder
from udasa_eval.leaderboard.markdown import cells, header, notes, to_markdown
from udasa_eval.leaderboard.pushing import push

__all__ = [
    "PAGE",
    "build_leaderboard",
    "cells",
    "claim_folder",
    "content_of",
    "header",
    "notes",
    "push",
    "to_markdown",
    "write_folder",
]
