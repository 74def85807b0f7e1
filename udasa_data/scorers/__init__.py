"""Scorers: models that turn texts into probabilities."""
