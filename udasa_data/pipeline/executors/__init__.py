"""Executors: where the shards of a run are made."""
