"""What a folder holds, in a form that two runs of the same command have in common.

Rows of tables, text, and JSON without what tells of time: how long a step took, and the hashes of
files that say so.
"""

import hashlib
import json

import polars as pl

TIMES = {"seconds", "loading"}
SEAL = {"sha256"}  # over the times, too
# of files that hold times; the files themselves are compared
HASHES = {"facts", "sampled_from", "evaluated"}
CACHES = ("cache/", "home/")
LOG = "log.txt"  # of when each start was
CURVES = "training.parquet"
SPEED = "tokens_per_second"


def contents(folder):
    """Return every file below a folder, caches left out: path → what it holds, comparably."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name == LOG or name.startswith(CACHES):
            continue
        if path.is_symlink() or not path.is_dir():
            found[name] = content(path)
    return found


def content(path):
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if not path.is_file():
        return "no file"
    data = path.read_bytes()
    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(data)
            if path.name == CURVES:
                table = table.drop(SPEED)
            data = repr((table.schema, table.rows())).encode()
        elif path.suffix == ".json" and path.name != "calibration.json":
            data = json.dumps(timeless(json.loads(data)), sort_keys=True).encode()
    except (ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass  # as it is, then
    return hashlib.sha256(data).hexdigest()


def timeless(value):
    """Return a JSON value without what no two runs have in common."""
    if isinstance(value, dict):
        left_out = TIMES | (SEAL if value.keys() > SEAL else set())
        left_out |= {"files"} if HASHES & value.keys() else set()
        return {name: timeless(one) for name, one in value.items() if name not in left_out}
    return [timeless(one) for one in value] if isinstance(value, list) else value


def differences(expected, found):
    """Return the paths that differ between two folders' contents, with how."""
    return [
        f"{path}: {_how(path, expected, found)}"
        for path in sorted(expected.keys() | found.keys())
        if expected.get(path) != found.get(path)
    ]


def _how(path, expected, found):
    if path not in found:
        return "missing"
    return "differs" if path in expected else "not expected"
