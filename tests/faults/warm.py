"""Imported by the process that commands are forked from: all of ours, and what fills caches.

Nothing here may start a thread: none would be there in what is forked.
"""

import importlib
import io

import matplotlib.figure
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

for name in (
    *("udasa_data.cli", "udasa_data.pipeline", "udasa_data.page", "udasa_data.publish"),
    *("udasa_data.runs", "udasa_data.engines.transformers", "udasa_data.scorers.loading"),
    *("udasa_data.scoring", "udasa_eval.cli", "udasa_eval.running", "udasa_recipes.cli"),
    *("udasa_recipes.staged.run", "udasa_data.publish.figures", "udasa_data.publish.releasing"),
    "typer._adapters",
):
    importlib.import_module(name)
get_checkpoint_conversion_mapping("llama")
figure = matplotlib.figure.Figure()
figure.subplots().set_title("fonts")
figure.savefig(io.BytesIO(), format="png")
