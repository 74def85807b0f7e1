"""How much of a campaign is run, by environment variables; and its log.

UDASA_KILLS, UDASA_FILE_FAULTS and UDASA_FAULTS (mutated inputs of each kind) say how much: by
default a small share, the same each time. UDASA_FAULTS_LOG names a file to which failures are
added as they are found.
"""

import os
import sys
from pathlib import Path


def number(name, default):
    """Return a number of the campaign."""
    return int(os.environ.get(name) or default)


def told(line):
    """Print a line of figures, which ``pytest -rP`` shows, and log it."""
    sys.stdout.write(f"{line}\n")
    log(line)


def log(line):
    """Add a line to the log, where there is one."""
    if path := os.environ.get("UDASA_FAULTS_LOG"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
