"""Logs of other programs: what lm-eval and inspect-ai wrote, compared as our own runs are."""

from udasa_eval.logs.comparison import compare_logs
from udasa_eval.logs.ids import Ids, kinds_note
from udasa_eval.logs.loading import is_log, read_log
from udasa_eval.logs.records import Log, LoggedMetric, LoggedTask, Text

__all__ = [
    "Ids",
    "Log",
    "LoggedMetric",
    "LoggedTask",
    "Text",
    "compare_logs",
    "is_log",
    "kinds_note",
    "read_log",
]
