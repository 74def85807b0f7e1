"""What is looked at in a published dataset: its files, and then its pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from udasa_data.progress import Progress, Silent
from udasa_data.publish.check import Check, DatasetCopy
from udasa_data.publish.file_checks import check_card, check_files, check_loads, check_schema
from udasa_data.publish.pair_checks import (
    check_from_samples,
    check_splits,
    check_stages,
    check_texts,
    check_trl,
    pairs_of,
)


def check_all(copy: DatasetCopy, max_length: int, progress: Progress | None = None) -> list[Check]:
    """Return every check, in order; rows are not looked at where files or columns are wrong.

    Args:
        copy: the dataset.
        max_length: tokens at which TRL would cut.
        progress: shows how many are done; its steps count checks.
    """
    progress = progress or Silent()
    pairs = pairs_of(copy)
    first = [partial(look, copy) for look in (check_files, check_schema, check_card, check_loads)]
    of_rows: list[Callable[[], Check]] = [
        partial(check_splits, copy),
        partial(check_texts, pairs),
        partial(check_stages, copy, pairs),
        partial(check_from_samples, copy, pairs),
    ]
    progress.start("checks", len(first) + len(of_rows) + 1, 0)
    checks = _looked(first, progress)
    if checks[0].passed and checks[1].passed:
        checks += _looked(of_rows, progress)
        checks += check_trl(copy, pairs, max_length)
    else:
        checks.append(Check("rows", None, "not looked at: files or columns are not what they were"))
    progress.finish()
    return checks


def _looked(looks: Sequence[Callable[[], Check]], progress: Progress) -> list[Check]:
    checks = []
    for look in looks:
        checks.append(look())
        progress.advance(1)
    return checks
