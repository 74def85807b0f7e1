"""What a command will need, looked at before the first token: all faults at once, a line each."""

from udasa_data.preflight.builds import (
    POLICY,
    Asked,
    Checked,
    check_build,
    needs_of,
    nli_need,
    value_need,
)
from udasa_data.preflight.lines import lines_of
from udasa_data.preflight.model_config import ModelNeed
from udasa_data.preflight.models import ModelFound, look_at_model
from udasa_data.preflight.projection import (
    Interval,
    Prices,
    exactly,
    money_of,
    seconds_of,
    sum_of,
    total_of,
)
from udasa_data.preflight.rendering import Pair, look_at_pair
from udasa_data.preflight.report import Item, Lookups, Report, collected, require
from udasa_data.preflight.resources import (
    Demand,
    Room,
    disk_items,
    loaded_bytes,
    memory_here,
    memory_items,
    size,
    width_of_scorers,
)

__all__ = [
    "POLICY",
    "Asked",
    "Checked",
    "Demand",
    "Interval",
    "Item",
    "Lookups",
    "ModelFound",
    "ModelNeed",
    "Pair",
    "Prices",
    "Report",
    "Room",
    "check_build",
    "collected",
    "disk_items",
    "exactly",
    "lines_of",
    "loaded_bytes",
    "look_at_model",
    "look_at_pair",
    "memory_here",
    "memory_items",
    "money_of",
    "needs_of",
    "nli_need",
    "require",
    "seconds_of",
    "size",
    "sum_of",
    "total_of",
    "value_need",
    "width_of_scorers",
]
