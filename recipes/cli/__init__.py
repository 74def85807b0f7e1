"""The command line of training: thin wrappers that parse, call, and print.

Each command is a module of its own; nothing heavy is imported here or on the way to ``--help``.
"""

from .entry import app, main
from .running import quiet, run_command

__all__ = ["app", "main", "quiet", "run_command"]
