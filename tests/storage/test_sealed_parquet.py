import os
from contextlib import suppress

import polars as pl
import pytest

from udasa_data.config import read_bytes
from udasa_data.storage import parquet_metadata, read_parquet, read_sealed, write_sealed

TABLE = pl.DataFrame({"number": [1, 2, 3], "text": ["a", "b", None]})


def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    file = tmp_path / "t.parquet"
    write_sealed(file, TABLE, {"mine": "{}"})
    content = file.read_bytes()
    for at in range(len(content)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        with suppress(pl.exceptions.PolarsError, OSError):
            assert read_sealed(file).equals(TABLE), at
    file.write_bytes(content[:-1])
    with pytest.raises(pl.exceptions.PolarsError):
        read_sealed(file)


def test_any_reader_of_parquet_reads_it_and_its_metadata(tmp_path):
    write_sealed(tmp_path / "t.parquet", TABLE, {"mine": "{}"})
    assert read_parquet(tmp_path / "t.parquet").equals(TABLE)
    assert parquet_metadata(tmp_path / "t.parquet")["mine"] == "{}"


def test_a_table_without_a_hash_is_somebody_elses_and_read(tmp_path):
    TABLE.write_parquet(tmp_path / "t.parquet")
    assert read_sealed(tmp_path / "t.parquet").equals(TABLE)


@pytest.mark.parametrize("read", [read_bytes, read_parquet, read_sealed, parquet_metadata])
def test_a_pipe_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "t.parquet")
    with pytest.raises(OSError, match="a pipe or a device"):
        read(tmp_path / "t.parquet")
