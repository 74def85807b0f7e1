"""The results folder: its files, its metrics, and how two of them compare."""

from udasa_eval.results.comparison import RunComparison, compare_runs
from udasa_eval.results.folder import (
    GENERATIONS,
    SCORES,
    read_results,
    read_tables,
    write_results,
    write_table,
)
from udasa_eval.results.layout import EVALUATION, FRONTIER, VALIDATION, task_of_shard
from udasa_eval.results.length_control import ADJUSTED, CONTROLLED, with_length_control
from udasa_eval.results.metrics import ARROWS
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
    "EVALUATION",
    "FRONTIER",
    "GENERATIONS",
    "SCHEMA_VERSION",
    "SCORES",
    "VALIDATION",
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
    "comparable",
    "compare_runs",
    "labels_of",
    "metrics_of",
    "origins_of",
    "read_results",
    "read_runs",
    "read_tables",
    "shortened",
    "task_of_shard",
    "unscored_of",
    "verdicts",
    "with_length_control",
    "write_results",
    "write_table",
]
