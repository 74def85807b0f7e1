"""The parts that are asked for, in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch

from benchmarks.gpu.encoders import encoders
from benchmarks.gpu.measured import Measured
from benchmarks.gpu.presets import presets
from benchmarks.gpu.sampling import sampling
from benchmarks.report import write_results
from benchmarks.subjects import parser

HEADER: Final = ("what", "n", "ours", "against", "ratio", "target")
PARTS: Final[dict[str, Callable[[], Measured]]] = {
    "encoders": encoders,
    "sampling": sampling,
    "presets": presets,
}


def main() -> None:
    """Print the table and the ratios; without a GPU one line that says so."""
    options = parser("gpu")
    options.add_argument(
        "parts",
        nargs="*",
        choices=[*PARTS, []],
        default=[],
        metavar="PART",
        help=f"{', '.join(PARTS)}; by default all",
    )
    arguments = options.parse_args()
    if not torch.cuda.is_available():
        print("not run: no GPU")
        return
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    for part in arguments.parts or PARTS:
        measured = PARTS[part]()
        rows += measured.rows
        ratios |= measured.ratios
    print(torch.cuda.get_device_name())
    write_results("gpu", HEADER, rows, ratios)


if __name__ == "__main__":
    main()
