"""Supervised fine-tuning of a base model, so that there is a policy for a build to ask.

``tuning`` trains; it needs torch, so it is imported from there.
"""

from .config import Tuning, read_tuning

__all__ = ["Tuning", "read_tuning"]
