"""Is it the staging? Controls of a staged run, trained at equal numbers of steps, and compared.

``running`` trains them and ``report`` compares them; they need torch, so they are imported from
there.
"""

from .config import VARIANTS, Ablation, read_ablation

__all__ = ["VARIANTS", "Ablation", "read_ablation"]
