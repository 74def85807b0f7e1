"""The steps after scoring, without a model: calibration, pairs, stages, confounds."""

from udasa_data.pairing.calibration import (
    Curves,
    apply_curves,
    curves_to_json,
    fit_curves,
    fit_labelled,
    read_curves,
)
from udasa_data.pairing.confounds import Confounds, confound_rows, correlations, measure
from udasa_data.pairing.lengths import answer_tokens
from udasa_data.pairing.pairs import MAX_K_FOR_WORST
from udasa_data.pairing.restaging import Restaged, restage

__all__ = [
    "MAX_K_FOR_WORST",
    "Confounds",
    "Curves",
    "Restaged",
    "answer_tokens",
    "apply_curves",
    "confound_rows",
    "correlations",
    "curves_to_json",
    "fit_curves",
    "fit_labelled",
    "measure",
    "read_curves",
    "restage",
]
