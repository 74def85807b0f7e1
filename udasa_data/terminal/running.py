"""How a command line of ours runs and ends: no foreign lines between ours, no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from udasa_data.errors import UserError


def run_app(app: Callable[[], object]) -> None:
    """Run a command line; a user's mistake ends with one line and status 1."""
    quiet()
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command resumes from here\n")
        sys.exit(130)


def quiet() -> None:
    """Keep the libraries' bars and advice out of our own lines; what a user has set stays."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")
