"""The table of all comparisons and their ratios."""

from __future__ import annotations

from typing import Final

import torch

from benchmarks.inputs.model_answers import answers
from benchmarks.report import write_results
from benchmarks.scoring.against_ourselves import duplicates, large_encoder, warm_cache
from benchmarks.scoring.against_peers import all_pairs, batches, self_check
from benchmarks.subjects import parser
from udasa_data.scorers.models import resolve_precision

HEADER: Final = (
    "what",
    "pairs",
    "pairs/s",
    "peer's pairs/s",
    "ratio",
    "target",
    "max|Δp|",
    "mean|Δp|",
)


def main() -> None:
    """Print the table and the ratios."""
    options = parser("scoring")
    options.add_argument("--prompts", type=int, default=6, help="of ten answers each")
    options.add_argument("--rounds", type=int, default=3, help="times that each side is run")
    arguments = options.parse_args()
    prompts = answers(arguments.prompts)
    print(f"fastest mode here: {resolve_precision('auto')}; {torch.get_num_threads()} threads")
    rows = [
        *all_pairs(prompts, arguments.rounds),
        *batches(prompts, arguments.rounds),
        warm_cache(prompts),
        duplicates(prompts, arguments.rounds),
        *self_check(prompts, arguments.rounds),
        *large_encoder(prompts, arguments.rounds),
    ]
    table = [row.cells for row in rows]
    write_results("scoring", HEADER, table, {row.name: row.ratio for row in rows})


if __name__ == "__main__":
    main()
