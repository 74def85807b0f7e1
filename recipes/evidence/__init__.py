"""Does it teach? Studies whose plan is docs/evidence/plan.md; numbers are in docs/evidence.

``premise`` asks, without any training, whether chosen answers are the better ones, by estimator
and by stage. The arms are trained by ``udasa-train ablate`` with ``recipes/evidence/arms.yaml``.
"""

from .config import Evidence, Policy, read_evidence

__all__ = ["Evidence", "Policy", "read_evidence"]
