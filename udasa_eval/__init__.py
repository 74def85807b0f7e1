"""Scores a model on four axes: harmlessness, helpfulness, truthfulness, controlled sentiment."""

from __future__ import annotations

__all__: list[str] = []
__version__ = "0.1.0"
