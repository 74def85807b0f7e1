"""Rounds: build a dataset, train on it, build again with the policy that came of it."""
