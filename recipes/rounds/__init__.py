"""Rounds: build a dataset, train on it, build again with the policy that came of it.

``running`` runs them and ``figure`` draws them; they need torch and matplotlib, so they are
imported from there.
"""

from .config import Rounds, read_rounds

__all__ = ["Rounds", "read_rounds"]
