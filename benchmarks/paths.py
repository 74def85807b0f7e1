"""Where the project lies, and where the real data lie that some subjects read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DATA: Final = Path(os.environ.get("UDASA_DATA_DIR", ROOT.parent / "shared" / "data"))


def require_data(name: str = "") -> Path:
    """Return a file or folder of the real data, by default the folder of all.

    Raises:
        SystemExit: it is not there.
    """
    path = DATA / name
    if not path.exists():
        raise SystemExit(f"not run: no {path}; set UDASA_DATA_DIR to the folder of real data")
    return path
