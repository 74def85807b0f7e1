"""Measure the embedded models on held-out data and print one table.

python -m udasa_recipes.tiny.evaluate --data-dir DATA           fails when a card says otherwise
python -m udasa_recipes.tiny.evaluate --data-dir DATA --write   writes the cards
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from .cards import measured_in, write_card
from .measures import MEASURES

ROOT: Final = Path(__file__).parents[2]
TOLERANCE: Final = 0.005  # what another processor's arithmetic may change


def main() -> None:
    """Measure, print, and compare with the cards or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--root", type=Path, default=ROOT, help="holds udasa_data, udasa_eval")
    parser.add_argument("--only", help="measure the folders whose path holds this word")
    parser.add_argument("--write", action="store_true", help="write the cards")
    args = parser.parse_args()
    print(f"{'model':30} {'metric':39} {'value':>6}  {'95% interval':14} {'n':>6}  {'bar':7} card")
    differing = 0
    for place, measure in MEASURES.items():
        if args.only and args.only not in place:
            continue
        metrics = measure(args.root / place, args.data_dir)
        recorded = {} if args.write else measured_in(args.root / place)
        for m in metrics:
            agrees = args.write or abs(recorded.get(m.name, float("inf")) - m.mean) <= TOLERANCE
            differing += not agrees
            interval = f"[{m.low:.3f}, {m.high:.3f}]"
            card = "written" if args.write else "same" if agrees else "DIFFERS"
            print(
                f"{place:30} {m.name:39} {m.mean:6.3f}  {interval:14} {m.n:6}  {m.bar:7} {card}",
                flush=True,
            )
        if args.write:
            write_card(args.root / place, metrics)
    if differing:
        sys.exit(f"error: {differing} numbers differ from their cards; --write writes them anew")


if __name__ == "__main__":
    main()
