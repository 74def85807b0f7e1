"""Known answers rerun: our numbers beside what others published, with the difference."""

from __future__ import annotations

from udasa_data.config import Strict


class Check(Strict, frozen=True):
    """One of our numbers beside a published or a certain one.

    Attributes:
        group: what it belongs to.
        name: of the number.
        ours: as computed here.
        theirs: as published.
        tolerance: how far apart they may be.
        n: items behind ours.
        note: what else to know.
    """

    group: str
    name: str
    ours: float
    theirs: float
    tolerance: float
    n: int
    note: str = ""

    @property
    def difference(self) -> float:
        """Return ours − theirs."""
        return self.ours - self.theirs

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.difference) <= self.tolerance


class Agreement(Strict, frozen=True):
    """How well a judge agrees with people on a dataset.

    Attributes:
        dataset: and part.
        judge: an embedded judge, one whose verdicts are stored with the data, longest, or random.
        measure: agreement (share of the pairs that people do not tie; a judge's tie counts ½) or
            AUROC (of what people labelled, against the rest).
        value: in [0, 1]; ½ is chance.
        low: of the 95% interval.
        high: of the 95% interval.
        swapped: the agreement with the two answers shown in the other order; null for AUROC.
        n: items.
        ties: pairs that people tie, left out.
        unscored: items the judge has no verdict on.
        note: what else to know.
    """

    dataset: str
    judge: str
    measure: str
    value: float
    low: float
    high: float
    swapped: float | None
    n: int
    ties: int
    unscored: int
    note: str = ""


class Validation(Strict, frozen=True):
    """All that ``udasa-eval validate`` reports.

    Attributes:
        checks: those that can fail.
        agreements: of judges with people, for which nothing was published.
        not_run: what could not be run here, a line each with the reason.
    """

    checks: tuple[Check, ...]
    agreements: tuple[Agreement, ...]
    not_run: tuple[str, ...]

    @property
    def breaches(self) -> list[Check]:
        """Return the checks that do not hold."""
        return [check for check in self.checks if not check.holds]
