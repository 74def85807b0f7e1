"""What is asked: suites, their datasets, and documents."""

from udasa_eval.tasks.building import (
    BuiltTask,
    Scoring,
    TaskNotes,
    TaskPlan,
    answer_metrics,
    build_task,
    cut,
    decoding_of,
    notes_of,
    plan_suite,
    quiet,
    requests_of,
)
from udasa_eval.tasks.documents import (
    Documents,
    UnreadableError,
    documents_in,
    load_rows,
    read_documents,
)
from udasa_eval.tasks.fetching import Fetched, fetch
from udasa_eval.tasks.previews import DatasetFound, look_at_dataset
from udasa_eval.tasks.rows import Document

__all__ = [
    "BuiltTask",
    "DatasetFound",
    "Document",
    "Documents",
    "Fetched",
    "Scoring",
    "TaskNotes",
    "TaskPlan",
    "UnreadableError",
    "answer_metrics",
    "build_task",
    "cut",
    "decoding_of",
    "documents_in",
    "fetch",
    "load_rows",
    "look_at_dataset",
    "notes_of",
    "plan_suite",
    "quiet",
    "read_documents",
    "requests_of",
]
