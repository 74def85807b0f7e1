"""Datasets of the Hub, by HTTP: which part is meant, and what is said where there is no such."""

import io
import json

import forked
import polars as pl
import pytest
from hub_server import running

ROWS = [{"prompt": "Why is the sky blue?", "text": "Air."}, {"prompt": "Is it?", "text": "No."}]
READ = """
import json, sys
from udasa_data.errors import UserError
from udasa_data.prompts import fingerprint, parse_source, read_rows
for text in sys.argv[1:]:
    try:
        source = parse_source(text)
        print(json.dumps([row.cell for row in read_rows(source, fingerprint(source)).rows]))
    except UserError as error:
        print(json.dumps(str(error)))
"""


def parquet(rows):
    file = io.BytesIO()
    pl.DataFrame(rows).write_parquet(file)
    return file.getvalue()


def card(*configs):
    return f"---\n{json.dumps({'configs': configs})}\n---\n".encode()


def put(hub, repo_id, files):
    hub.store.create("datasets", repo_id, private=False)
    repo = hub.store.repo("datasets", repo_id)
    repo.commit("main", None, "files", {name: repo.put(file) for name, file in files.items()}, [])


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with running(tmp_path_factory.mktemp("hub")) as server:
        files = {
            f"{name}/train.parquet": parquet([row]) for name, row in zip("ab", ROWS, strict=True)
        }
        named = [{"config_name": n, "data_files": f"{n}/train.parquet"} for n in "ab"]
        put(server, "org/multi", {**files, "README.md": card(*named)})
        splits = [
            {"split": f"{name}_prefs", "path": f"{name}.parquet"} for name in ("train", "test")
        ]
        one = {"config_name": "default", "data_files": splits}
        halves = {"train.parquet": parquet(ROWS[:1]), "test.parquet": parquet(ROWS[1:])}
        put(server, "org/prefs", {**halves, "README.md": card(one)})
        lines = {
            f"{n}/train.jsonl": f"{json.dumps(row)}\n".encode()
            for n, row in zip("cd", ROWS, strict=True)
        }
        put(server, "org/folders", lines)
        put(server, "org/broken", {"train.jsonl": b'{"prompt": "a"}\n{"prompt": \n'})
        put(server, "org/array", {"train.json": json.dumps(ROWS).encode()})
        put(server, "org/script", {"script.py": b"print(1)\n"})
        yield server


@pytest.fixture(scope="module")
def read(hub, tmp_path_factory):
    """What comes of each source: its prompts, or the line that says why there are none."""

    def run(*sources):
        environment = hub.environment(tmp_path_factory.mktemp("home"))
        done = forked.run("-c", READ, *sources, env=environment, libraries=forked.LIBRARIES)
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return dict(zip(sources, found, strict=True))

    return run


def test_parts_are_found_or_named(read):
    sky, wet = ([row["prompt"]] for row in ROWS)
    write = "; write org/"
    expected = {
        "org/multi:a": sky,
        "org/multi:b/train": wet,
        "org/multi": f"org/multi has several configurations (known: a, b){write}multi:a",
        "org/multi:fr": f"org/multi has no configuration 'fr' (known: a, b){write}multi:a",
        "org/multi:a/dev": f"org/multi has no split 'dev' (known: train){write}multi:a/train",
        "org/prefs": "org/prefs has no split 'train' (known: train_prefs, test_prefs)"
        f"{write}prefs:/train_prefs",
        "org/prefs:/train_prefs": sky,
        "org/prefs:default/test_prefs": wet,
        "org/prefs:/train_prefs[:1]": sky,
        "org/prefs:/tset_prefs[:1]": "org/prefs has no split 'tset_prefs[:1]' "
        f"(known: train_prefs, test_prefs){write}prefs:/test_prefs",
        "org/prefs:fr": "org/prefs has no configuration or folder 'fr'; leave out ':fr'",
        "org/folders:d": wet,
        "org/folders:e": "org/folders has no configuration or folder 'e'; leave out ':e'",
        "hf://datasets/org/multi/b/train.parquet": wet,
        "hf://datasets/org/folders/*/train.jsonl": sky + wet,
    }
    found = read(*expected)
    for source, what in expected.items():
        assert found[source] == what, source


def test_what_cannot_be_loaded_is_told_as_the_hub_says_it(read):
    found = read("org/script", "org/broken", "org/none", "hf://datasets/org/multi/none.parquet")
    assert found["org/script"].startswith("Hub dataset 'org/script' cannot be loaded: ")
    assert "(JSON parse error" in found["org/broken"]  # not that an error occurred alone
    assert "not on the Hub, or private" in found["org/none"]
    assert (
        "none.parquet: cannot be read (No such file"
        in found["hf://datasets/org/multi/none.parquet"]
    )
    assert all("\n" not in line for line in found.values())


def test_answers_may_be_on_the_hub(hub, tmp_path):
    program = (
        "import sys\nfrom udasa_data.prompts import digest_of, parse_answers\n"
        "from udasa_data.scoring import read_answers\n"
        "source, columns = parse_answers(sys.argv[1])\n"
        "print(read_answers(source, columns=columns).samples['text'].to_list(), digest_of(source))"
    )
    environment = hub.environment(tmp_path)
    command = ("-c", program, "org/multi:b#text")
    done = forked.run(*command, env=environment, libraries=forked.LIBRARIES)
    commit = hub.store.repo("datasets", "org/multi").resolve("main")
    assert done.stdout.splitlines()[-1] == f"['No.'] {commit}", done.stderr


def test_the_beginning_of_a_part_is_seen_without_loading_it(hub, tmp_path):
    program = (
        "import sys\nfrom udasa_data.prompts import peek_hub\n"
        "for repo, config, split in (('multi', 'b', None), ('prefs', None, 'test_prefs[:1]'),\n"
        "                            ('folders', 'd', None), ('array', None, None)):\n"
        "    print(*peek_hub(f'org/{repo}', config, split, 'main')[:2], sep='|')"
    )
    environment = hub.environment(tmp_path)
    done = forked.run("-c", program, env=environment, libraries=forked.LIBRARIES)
    sky, wet = ROWS
    columns = ["prompt", "text"]
    expected = [f"{columns}|{rows}" for rows in ([wet], [wet], [wet], [sky, wet])]
    assert done.stdout.splitlines() == expected, done.stderr
