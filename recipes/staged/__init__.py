"""Staged DPO: one TRL trainer a stage, with guards before it and measures after it."""
