"""Where the corpora are, for the tests that need real texts."""

import os
from pathlib import Path

DATA = Path(os.environ.get("UDASA_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))
