"""Where files are: local folders, object stores, the Hub, and models on any of them."""

from udasa_data.storage.github import github_file
from udasa_data.storage.hub import (
    RepoType,
    cached_folder,
    card_of,
    commit_of,
    dataset_files,
    has_folder,
)
from udasa_data.storage.inline_policy import csp_hash
from udasa_data.storage.json_text import HALF_A_CHARACTER, parse_json, parse_row
from udasa_data.storage.locking import LOCK, locked
from udasa_data.storage.model_files import (
    SERVED,
    Located,
    chat_template_sha256,
    local_folder,
    locate,
    served,
    spot_sha256,
    unloadable,
)
from udasa_data.storage.object_stores import Remote, reached
from udasa_data.storage.ownership import (
    IsOurs,
    claim,
    claim_file,
    made_in,
    plain_file,
    remove_left_over,
    remove_left_over_of,
    remove_made,
)
from udasa_data.storage.parquet import parquet_metadata, parquet_schema, read_parquet, scan_parquet
from udasa_data.storage.paths import did_you_mean, reads_as_path
from udasa_data.storage.places import (
    Place,
    file_sha256,
    names_in,
    place_of,
    read_files,
    remove,
    replace_folder,
    user_cache,
    write_atomically,
    write_new,
    write_text,
)
from udasa_data.storage.sealed_parquet import is_whole, read_sealed, write_sealed

__all__ = [
    "HALF_A_CHARACTER",
    "LOCK",
    "SERVED",
    "IsOurs",
    "Located",
    "Place",
    "Remote",
    "RepoType",
    "cached_folder",
    "card_of",
    "chat_template_sha256",
    "claim",
    "claim_file",
    "commit_of",
    "csp_hash",
    "dataset_files",
    "did_you_mean",
    "file_sha256",
    "github_file",
    "has_folder",
    "is_whole",
    "local_folder",
    "locate",
    "locked",
    "made_in",
    "names_in",
    "parquet_metadata",
    "parquet_schema",
    "parse_json",
    "parse_row",
    "place_of",
    "plain_file",
    "reached",
    "read_files",
    "read_parquet",
    "read_sealed",
    "reads_as_path",
    "remove",
    "remove_left_over",
    "remove_left_over_of",
    "remove_made",
    "replace_folder",
    "scan_parquet",
    "served",
    "spot_sha256",
    "unloadable",
    "user_cache",
    "write_atomically",
    "write_new",
    "write_sealed",
    "write_text",
]
