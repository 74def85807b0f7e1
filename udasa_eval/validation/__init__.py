"""Known answers rerun: our numbers beside what others published."""

from udasa_eval.validation.outcome import Validation
from udasa_eval.validation.validating import validate

__all__ = ["Validation", "validate"]
