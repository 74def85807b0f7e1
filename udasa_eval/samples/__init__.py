"""A page of samples: what one run answered, or two side by side, with scores and filters."""

from udasa_eval.samples.page import is_page, samples_page, write_samples
from udasa_eval.samples.reading import of_place, of_run
from udasa_eval.samples.records import Sample, SampledTask, ShownRun

__all__ = [
    "Sample",
    "SampledTask",
    "ShownRun",
    "is_page",
    "of_place",
    "of_run",
    "samples_page",
    "write_samples",
]
