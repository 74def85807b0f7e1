"""The table of both comparisons and their ratios."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.evaluation.choices import choices
from benchmarks.evaluation.scoring_again import scoring_again
from benchmarks.paths import require_data
from benchmarks.report import write_results
from benchmarks.subjects import parser


def main() -> None:
    """Print the table and the ratios."""
    options = parser("evaluation")
    options.add_argument("--questions", type=int, default=80, help="of TruthfulQA")
    options.add_argument("--prompts", type=int, default=1000, help="that are answered and scored")
    arguments = options.parse_args()
    questions, prompts = arguments.questions, arguments.prompts
    require_data()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["UDASA_CACHE"] = str(folder / "cache")
        ours, plain, numbers = choices(folder, questions)
        generated, first, again = scoring_again(folder, prompts)
    rows = [
        (f"mc1 and mc2 of {questions} questions, ours", f"{ours:.1f} s", numbers),
        ("the same, plain lm_eval", f"{plain:.1f} s", "the same numbers"),
        (f"generating answers to {prompts:,} prompts", f"{generated:.1f} s", ""),
        ("scoring them, the first time", f"{first:.1f} s", ""),
        ("scoring them again", f"{again:.1f} s", ""),
    ]
    ratios = {
        "choices_time_over_plain_lm_eval": ours / plain,
        "generating_over_first_scoring": generated / first,
        "generating_over_scoring_again": generated / again,
    }
    write_results("evaluation", ("what", "wall time", "note"), rows, ratios)


if __name__ == "__main__":
    main()
