"""The results folder: its files, its metrics, and how two of them compare."""

from udasa_eval.results.categories import (
    CategoryRate,
    category_of,
    rates_by_category,
    truncated_of,
)
from udasa_eval.results.comparison import RunComparison, compare_runs, pair_of
from udasa_eval.results.folder import (
    GENERATIONS,
    SCORES,
    null_unless_finite,
    read_results,
    read_tables,
    write_results,
    write_table,
)
from udasa_eval.results.layout import (
    DIFFICULTIES,
    EVALUATION,
    FRONTIER,
    VALIDATION,
    task_of_shard,
)
from udasa_eval.results.length_control import with_length_control
from udasa_eval.results.metrics import (
    ADJUSTED,
    ARROWS,
    CONTROLLED,
    LENGTHS,
    judges_of_metric,
)
from udasa_eval.results.origins import Origins, origins_of
from udasa_eval.results.records import (
    SCHEMA_VERSION,
    Decoding,
    Direction,
    JudgeRecord,
    MetricRecord,
    Pinned,
    Results,
    TaskRecord,
)
from udasa_eval.results.runs import Run, comparable, labels_of, read_runs
from udasa_eval.results.summary import metrics_of, unscored_of
from udasa_eval.results.verdicts import (
    MetricComparison,
    Paired,
    PromptDifference,
    shortened,
    verdicts,
)

__all__ = [
    "ADJUSTED",
    "ARROWS",
    "CONTROLLED",
    "DIFFICULTIES",
    "EVALUATION",
    "FRONTIER",
    "GENERATIONS",
    "LENGTHS",
    "SCHEMA_VERSION",
    "SCORES",
    "VALIDATION",
    "CategoryRate",
    "Decoding",
    "Direction",
    "JudgeRecord",
    "MetricComparison",
    "MetricRecord",
    "Origins",
    "Paired",
    "Pinned",
    "PromptDifference",
    "Results",
    "Run",
    "RunComparison",
    "TaskRecord",
    "category_of",
    "comparable",
    "compare_runs",
    "judges_of_metric",
    "labels_of",
    "metrics_of",
    "null_unless_finite",
    "origins_of",
    "pair_of",
    "rates_by_category",
    "read_results",
    "read_runs",
    "read_tables",
    "shortened",
    "task_of_shard",
    "truncated_of",
    "unscored_of",
    "verdicts",
    "with_length_control",
    "write_results",
    "write_table",
]
