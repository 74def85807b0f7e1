"""The first step: files and Hub datasets → the prompts table."""

from udasa_data.prompts.cells import cell_of, is_blank
from udasa_data.prompts.columns import (
    PROMPT_COLUMNS,
    Columns,
    choose_columns,
    prompt_columns,
    spelt_otherwise,
)
from udasa_data.prompts.contamination import N_WORDS, overlap, text_sha256
from udasa_data.prompts.decoding import decoded, lines_of
from udasa_data.prompts.hub_rows import Peeked, peek, peek_hub
from udasa_data.prompts.identity import canonical, prompt_id, question_of, shows_nothing
from udasa_data.prompts.literals import looks_like_turns, parse_literal
from udasa_data.prompts.loading import LeftOut, LoadedPrompts, load_prompts
from udasa_data.prompts.messages import read_answer
from udasa_data.prompts.rows import Row, read_prompt, turns_of
from udasa_data.prompts.side_columns import side_columns, word_of
from udasa_data.prompts.source_rows import SourceRows, read_rows, source_digest
from udasa_data.prompts.sources import (
    Source,
    file_source,
    fingerprint,
    parse_answers,
    parse_source,
)
from udasa_data.prompts.splits import SPLITS, Split, split_of, splits_of, with_split
from udasa_data.prompts.storable import unstorable
from udasa_data.prompts.tables import FileTable, digest_of, read_table
from udasa_data.prompts.turns import NoPrompt, excerpt, malformed

__all__ = [
    "N_WORDS",
    "PROMPT_COLUMNS",
    "SPLITS",
    "Columns",
    "FileTable",
    "LeftOut",
    "LoadedPrompts",
    "NoPrompt",
    "Peeked",
    "Row",
    "Source",
    "SourceRows",
    "Split",
    "canonical",
    "cell_of",
    "choose_columns",
    "decoded",
    "digest_of",
    "excerpt",
    "file_source",
    "fingerprint",
    "is_blank",
    "lines_of",
    "load_prompts",
    "looks_like_turns",
    "malformed",
    "overlap",
    "parse_answers",
    "parse_literal",
    "parse_source",
    "peek",
    "peek_hub",
    "prompt_columns",
    "prompt_id",
    "question_of",
    "read_answer",
    "read_prompt",
    "read_rows",
    "read_table",
    "shows_nothing",
    "side_columns",
    "source_digest",
    "spelt_otherwise",
    "split_of",
    "splits_of",
    "text_sha256",
    "turns_of",
    "unstorable",
    "with_split",
    "word_of",
]
