"""The run directory, and finished runs and datasets read back."""

from udasa_data.runs.code import CODE, code_hash
from udasa_data.runs.dataset_manifest import (
    GIVEN,
    MANIFEST,
    FigureRecord,
    FileRecord,
    Manifest,
    PolicyRecord,
    ScorerRecord,
    Thresholds,
    answers_were_given,
    parse_manifest,
    pinned,
    provenance,
    read_manifest,
    to_json,
)
from udasa_data.runs.difference import Difference, Example, compare
from udasa_data.runs.finished import Finished, open_finished
from udasa_data.runs.layout import BUILD, GIVEN_ROWS, LOG, Layout
from udasa_data.runs.local_copy import local_dataset
from udasa_data.runs.openings import opening_notes
from udasa_data.runs.origin import Origin, origin_of
from udasa_data.runs.outcome import Loadable, loadable, stage_notes, why_no_pairs
from udasa_data.runs.pair_views import PairView, read_pairs
from udasa_data.runs.parts import Part, Parts
from udasa_data.runs.sealing import checked, key_of, sealed
from udasa_data.runs.shards import DamagedShardError, ShardFacts, Shards
from udasa_data.runs.store import Run, differing
from udasa_data.runs.summary import (
    ScoreSummary,
    StepCost,
    Summary,
    as_notes,
    count,
    count_dimensions,
)

__all__ = [
    "BUILD",
    "CODE",
    "GIVEN",
    "GIVEN_ROWS",
    "LOG",
    "MANIFEST",
    "DamagedShardError",
    "Difference",
    "Example",
    "FigureRecord",
    "FileRecord",
    "Finished",
    "Layout",
    "Loadable",
    "Manifest",
    "Origin",
    "PairView",
    "Part",
    "Parts",
    "PolicyRecord",
    "Run",
    "ScoreSummary",
    "ScorerRecord",
    "ShardFacts",
    "Shards",
    "StepCost",
    "Summary",
    "Thresholds",
    "answers_were_given",
    "as_notes",
    "checked",
    "code_hash",
    "compare",
    "count",
    "count_dimensions",
    "differing",
    "key_of",
    "loadable",
    "local_dataset",
    "open_finished",
    "opening_notes",
    "origin_of",
    "parse_manifest",
    "pinned",
    "provenance",
    "read_manifest",
    "read_pairs",
    "sealed",
    "stage_notes",
    "to_json",
    "why_no_pairs",
]
