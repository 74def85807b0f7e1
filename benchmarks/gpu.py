"""On a GPU: scoring, sampling and training of large models with random weights, in bfloat16.

python benchmarks/gpu.py [encoders] [sampling] [presets]   (by default all three)

Encoders of the shapes of DeBERTa-v3-large and ModernBERT-large against a pair at a time in float32;
the transformers engine on a model of Llama-3.2-1B's shape against the time that reading its weights
takes; the presets' adapters trained on models of their policies' shapes: peak memory, and speed
against the card's matrix product. Speed does not depend on the weights. Scored texts are real
answers (UDASA_DATA_DIR); those trained on are words by lot.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent / "scoring_parts"))
sys.path.insert(0, str(Path(__file__).parent / "gpu_parts"))

import torch
from encoders import encoders
from found import Found
from presets import presets
from report import write_results
from sampling import sampling

HEADER: Final = ("what", "n", "ours", "against", "ratio", "target")
PARTS: Final[dict[str, Callable[[], Found]]] = {
    "encoders": encoders,
    "sampling": sampling,
    "presets": presets,
}


def main() -> None:
    """Print the table and the ratios; without a GPU one line that says so."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    given = options.parse_args()
    if not torch.cuda.is_available():
        print("not run: no GPU")
        return
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    for part in given.parts or PARTS:
        found = PARTS[part]()
        rows += found.rows
        ratios |= found.ratios
    print(torch.cuda.get_device_name())
    write_results("gpu", HEADER, rows, ratios)


if __name__ == "__main__":
    main()
