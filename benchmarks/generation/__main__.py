"""The table of all comparisons and their ratios."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.generation.against_distilabel import against_distilabel
from benchmarks.generation.batching import one_request_against_many, sorted_against_unsorted
from benchmarks.generation.rows import not_run
from benchmarks.generation.step_against_loop import step_against_loop
from benchmarks.paths import ROOT
from benchmarks.report import write_results
from benchmarks.subjects import parser

VLLM: Final = ROOT / ".venv-vllm" / "bin" / "python"
HEADER: Final = ("what", "one side", "seconds", "other side", "its seconds", "ratio", "target")


def main() -> None:
    """Print the table and the ratios."""
    options = parser("generation")
    options.add_argument("--prompts", type=int, default=32)
    options.add_argument("--rounds", type=int, default=3, help="times that each side is run")
    arguments = options.parse_args()
    sampling = {"samples": 8, "max_tokens": 64, "top_p": 1.0}
    flags: dict[str, Any] = {
        "prompts": ["tiny"],
        "limit": arguments.prompts,
        "sampling": sampling,
        "vllm": {"max_model_len": 512},
    }
    rows = [step_against_loop(Path(sys.executable), "transformers", flags, arguments.rounds)]
    if VLLM.exists():
        rows.append(step_against_loop(VLLM, "vllm", flags, arguments.rounds))
    else:
        rows.append(not_run("step_over_loop_vllm", "no .venv-vllm; make setup-vllm"))
    rows += [
        one_request_against_many(flags, arguments.rounds),
        sorted_against_unsorted(flags, arguments.rounds),
        against_distilabel(flags, arguments.rounds),
    ]
    ratios = {row.name: row.ratio for row in rows if row.ratio is not None}
    write_results("generation", HEADER, [row.cells for row in rows], ratios)


if __name__ == "__main__":
    main()
