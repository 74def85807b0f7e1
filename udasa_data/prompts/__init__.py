"""The first step: files and Hub datasets → the prompts table."""

from udasa_data.prompts.contamination import N_WORDS, overlap, text_sha256
from udasa_data.prompts.loading import LoadedPrompts, NoPrompt, load_prompts, prompt_id, turns_of
from udasa_data.prompts.row_files import FileTable, read_table
from udasa_data.prompts.sources import Row, Source, fingerprint, parse_source, read_rows
from udasa_data.prompts.splits import SPLITS, Split, split_of, splits_of, with_split

__all__ = [
    "N_WORDS",
    "SPLITS",
    "FileTable",
    "LoadedPrompts",
    "NoPrompt",
    "Row",
    "Source",
    "Split",
    "fingerprint",
    "load_prompts",
    "overlap",
    "parse_source",
    "prompt_id",
    "read_rows",
    "read_table",
    "split_of",
    "splits_of",
    "text_sha256",
    "turns_of",
    "with_split",
]
