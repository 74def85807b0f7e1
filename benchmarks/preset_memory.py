"""Peak memory of the presets' adapters, on a CPU: their own configurations, random weights.

Two optimizer steps of full windows (the second has the optimizer's moments beside it), in bfloat16,
in a process of its own. A policy is trained with 2 and with 6 of its layers: what a layer adds is
the same for each, so that two measurements give the whole; and whole, if it fits this machine. A
GPU takes the same tensors, but its kernels' working memory is another: `python -m
benchmarks gpu presets` measures there.
"""

from __future__ import annotations

import copy
import os
from typing import Final

from benchmarks.gpu.policies import SHAPES
from benchmarks.gpu.presets import Trained, preset, trained
from benchmarks.report import write_results
from benchmarks.subjects import in_own_process, parser

FEW: Final = (2, 6)  # layers
HEADER: Final = ("policy", "weights", "2 layers", "6 layers", "a layer", "all by these", "all")
FILLED: Final = 0.8  # of this machine's memory, at most


def main() -> None:
    """Measure each preset and print the table; a preset and layers given: measure these here."""
    options = parser("preset_memory")
    options.add_argument(
        "presets",
        nargs="*",
        choices=[*SHAPES, []],
        default=[],
        metavar="PRESET",
        help=f"{', '.join(SHAPES)}; by default all",
    )
    options.add_argument("--layers", type=int, help="train this many layers in this process")
    arguments = options.parse_args()
    if arguments.layers:
        print(*here(arguments.presets[0], arguments.layers))
        return
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, float] = {}
    for name in arguments.presets or SHAPES:
        cells, gigabytes = measure(name)
        rows.append(cells)
        ratios[f"{name}_peak_gigabytes"] = gigabytes
        print(*cells, flush=True)
    write_results("preset_memory", HEADER, rows, ratios)


def measure(name: str) -> tuple[tuple[str, ...], float]:
    """Return a preset's line, and its peak by two parts."""
    few, more = (apart(name, layers) for layers in FEW)
    each = (more.gigabytes - few.gigabytes) / (FEW[1] - FEW[0])
    in_each = (more.weights - few.weights) // (FEW[1] - FEW[0])
    left = SHAPES[name].num_hidden_layers - FEW[1]
    extended = more.gigabytes + left * each
    fits = 1e9 * extended < FILLED * available()
    whole = apart(name, FEW[1] + left).gigabytes if fits else None
    sizes = [f"{size:.2f} GB" for size in (few.gigabytes, more.gigabytes, each, extended)]
    measured = "does not fit here" if whole is None else f"{whole:.1f} GB"
    weights = f"{(more.weights + left * in_each) / 1e9:.2f}B"
    return (name, weights, *sizes, measured), extended


def here(name: str, layers: int) -> Trained:
    """Train two steps of a preset with some of its policy's layers."""
    shape = copy.deepcopy(SHAPES[name])
    shape.num_hidden_layers = layers
    return trained(preset(name, steps=2, batches=1), shape)


def apart(name: str, layers: int) -> Trained:
    """Do so in a process of its own, with the precision that the recipe has on a GPU."""
    options = (name, "--layers", str(layers))
    printed = in_own_process("preset_memory", *options, ACCELERATE_MIXED_PRECISION="bf16")
    weights, rate, gigabytes = printed.splitlines()[-1].split()
    return Trained(int(weights), float(rate), float(gigabytes))


def available() -> int:
    """Return this machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


if __name__ == "__main__":
    main()
