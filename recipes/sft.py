"""``udasa-train sft``, for a launcher that wants a file or a module to start.

accelerate launch -q -m udasa_recipes.sft --model ORG/BASE --data chats.jsonl --out OUT
python recipes/sft.py --model ORG/BASE --data chats.jsonl --out OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:  # started as a file, whatever its folder is called
    _own = Path(__file__).resolve().parent
    sys.path[0] = str(_own.parent)
    __package__ = _own.name

from .cli import run_command
from .cli.sft import sft


def main() -> None:
    """Run the command line; a user's mistake ends with one line and status 1."""
    run_command(sft)


if __name__ == "__main__":
    main()
