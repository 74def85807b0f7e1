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
from udasa_data.pairing.fitness import with_fitness
from udasa_data.pairing.lengths import answer_tokens
from udasa_data.pairing.reliability import (
    EVIDENCE,
    UNKNOWN,
    UNLOGGED,
    fits_of,
    shipped_fits,
    unmeasured,
)
from udasa_data.pairing.restaging import Restaged, restage
from udasa_data.pairing.selection import MAX_K_FOR_WORST

__all__ = [
    "EVIDENCE",
    "MAX_K_FOR_WORST",
    "UNKNOWN",
    "UNLOGGED",
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
    "fits_of",
    "measure",
    "read_curves",
    "restage",
    "shipped_fits",
    "unmeasured",
    "with_fitness",
]
