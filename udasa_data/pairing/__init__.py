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
from udasa_data.pairing.noise import gap_words
from udasa_data.pairing.reliability import (
    EVIDENCE,
    UNKNOWN,
    UNLOGGED,
    fits_of,
    shipped_fits,
    unmeasured,
)
from udasa_data.pairing.restaging import Restaged, restage
from udasa_data.pairing.reviews import ReviewSummary, read_reviews
from udasa_data.pairing.selection import MAX_K_FOR_WORST

__all__ = [
    "EVIDENCE",
    "MAX_K_FOR_WORST",
    "UNKNOWN",
    "UNLOGGED",
    "Confounds",
    "Curves",
    "Restaged",
    "ReviewSummary",
    "answer_tokens",
    "apply_curves",
    "confound_rows",
    "correlations",
    "curves_to_json",
    "fit_curves",
    "fit_labelled",
    "fits_of",
    "gap_words",
    "measure",
    "read_curves",
    "read_reviews",
    "restage",
    "shipped_fits",
    "unmeasured",
    "with_fitness",
]
