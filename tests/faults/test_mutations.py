"""Files that are almost right: each is read, or refused by one line; UDASA_FAULTS sets how many."""

import random
import resource
import shutil
import time
import traceback
import zlib
from collections import Counter

import pytest
from faults.campaign import number as number_of
from faults.campaign import told
from faults.mutations import mutated
from faults.readers import kinds

from udasa_data.errors import UserError

INPUTS = number_of("UDASA_FAULTS", 60)  # of each kind
SECONDS = 10.0
MEMORY = 2**20  # KiB
KINDS = (
    *("answers_csv", "answers_jsonl", "answers_parquet", "calibration_json", "compare_jsonl"),
    *("config_yaml", "constitution", "dataset_manifest", "eval_results", "judges_yaml"),
    *("prompts_csv", "prompts_json", "prompts_jsonl", "prompts_parquet", "prompts_txt"),
    *("recipe_yaml", "run_manifest", "run_pairs", "run_shards"),
    *("chats", "eval_table", "score_cache", "scored_file", "stages_json"),
)


@pytest.mark.parametrize("name", KINDS)
def test_a_mutated_file_is_read_or_refused_by_one_line(tmp_path_factory, name):
    kind = kinds(tmp_path_factory.mktemp("examples"))[name]
    for example in kind.examples:
        try:
            kind.read(tmp_path_factory.mktemp("valid"), example)
        except UserError:
            assert name == "prompts_txt" or name.startswith("run_")
    failures: dict[str, bytes] = {}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = Counter()
    folder = tmp_path_factory.mktemp("inputs") / "input"
    for number in range(INPUTS):
        seed = zlib.crc32(f"{name} {number}".encode())
        content = mutated(random.Random(seed).choice(kind.examples), seed)
        started = time.monotonic()
        try:
            folder.mkdir()
            kind.read(folder, content)
        except UserError as error:
            refused["refused"] += 1
            if "\n" in str(error):
                failures[f"more than one line: {error}"] = content
        except BaseException as error:  # a panic of polars is no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            failures["".join(traceback.format_exception(error)[-3:])] = content
        finally:
            shutil.rmtree(folder)
        if time.monotonic() - started > SECONDS:
            failures[f"took more than {SECONDS:g} s"] = content
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > memory + MEMORY:
            failures["took more than 1 GiB"] = content
            memory += MEMORY
    tried = f"{INPUTS} inputs tried, {refused['refused']} refused, {len(failures)} failures"
    told(f"{name}: {tried}")
    assert not failures, "\n".join(f"{what}\n  {c[:300]!r}" for what, c in failures.items())
