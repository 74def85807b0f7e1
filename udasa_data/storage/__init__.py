"""Where files are: local folders, object stores, the Hub, and models on any of them."""

from udasa_data.storage.hub import RepoType, cached_folder, card_of, commit_of, dataset_files
from udasa_data.storage.model_files import (
    SERVED,
    Located,
    chat_template_sha256,
    local_folder,
    locate,
    served,
)
from udasa_data.storage.object_stores import Remote, reached
from udasa_data.storage.parquet import parquet_metadata, parquet_schema, read_parquet, scan_parquet
from udasa_data.storage.places import (
    Place,
    locked,
    names_in,
    place_of,
    read_metadata,
    read_tables,
    remove,
    replace_folder,
    user_cache,
    write_atomically,
    write_new,
    write_text,
)

__all__ = [
    "SERVED",
    "Located",
    "Place",
    "Remote",
    "RepoType",
    "cached_folder",
    "card_of",
    "chat_template_sha256",
    "commit_of",
    "dataset_files",
    "local_folder",
    "locate",
    "locked",
    "names_in",
    "parquet_metadata",
    "parquet_schema",
    "place_of",
    "reached",
    "read_metadata",
    "read_parquet",
    "read_tables",
    "remove",
    "replace_folder",
    "scan_parquet",
    "served",
    "user_cache",
    "write_atomically",
    "write_new",
    "write_text",
]
