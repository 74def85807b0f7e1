"""Engines: what draws a policy's answers."""
