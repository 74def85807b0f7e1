"""Build, push, load, verify, push again: as a user would, through a Hub on this machine."""

import json
import shutil
import subprocess
import sys

import forked
import polars as pl
import pytest
from hub_server import TOKEN, Fault

from udasa_data.publish.dataset import Tables, read_pairs, write_dataset
from udasa_data.runs.dataset_manifest import read_manifest
from udasa_data.runs.finished import open_finished

LOAD = (
    "import json, sys\n"
    "from datasets import load_dataset\n"
    "loaded = load_dataset(sys.argv[1], sys.argv[2], revision=sys.argv[3])\n"
    "print(json.dumps([loaded.num_rows, loaded.column_names]))\n"
)


@pytest.fixture
def start(hub, tmp_path):
    """Runs a command in a process that knows this Hub alone."""

    def run(*command, home="home", prefix=()):
        environment = hub.environment(tmp_path / home)
        if prefix:
            given = [*prefix, sys.executable, *map(str, command)]
            options = {"capture_output": True, "text": True, "env": environment}
            done = subprocess.run(given, check=False, **options)
        else:
            done = forked.run(*command, env=environment, libraries=forked.LIBRARIES)
        assert TOKEN not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def udasa(start):
    return lambda *command, **options: start("-m", "udasa_data", *command, **options)


@pytest.fixture
def load(start):
    """Loads in a fresh process; (rows by split, columns by split)."""

    def run(config, revision="main", home="home"):
        done = start("-c", LOAD, "org/name", config, revision, home=home)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def older(run, tmp_path):
    """The same dataset as an earlier version might have written it: pairs know no context."""
    folder = tmp_path / "older"
    shutil.copytree(run.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]  # of this one: it is another's then
    card = (folder / "README.md").read_text()
    for path, record in list(manifest["files"].items()):
        if record["config"] in {"samples", "dropped"}:
            continue
        place = folder / path
        pl.read_parquet(place).drop("context").write_parquet(place)
        from udasa_data.storage import file_sha256

        digest = file_sha256(place)
        new = f"{path.rpartition('-')[0]}-{digest[:12]}.parquet"
        place.rename(folder / new)
        del manifest["files"][path]
        manifest["files"][new] = {**record, "sha256": digest}
        card = card.replace(path, new)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "README.md").write_text(card)
    return folder


def test_push_load_verify_push_again_with_another_schema_tag(hub, run, older, udasa, load):
    done = udasa("push", older, "org/name", "--tag", "v0")
    assert done.returncode == 1  # it is published, and verify says what is odd about it
    assert "columns" in done.stdout
    assert "'context' is not as in the schema" in done.stdout
    assert "context" not in load("conservative")[1]["train"]

    done = udasa("push", run.out, "org/name", "--tag", "v1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("pushed: ")
    assert "FAILED" not in done.stdout
    assert "licence unknown: prompts of prompts.jsonl" in done.stderr

    pairs = read_pairs(run.folder)
    for home in ("home", "fresh"):  # with the cache of the older one, and with none
        rows, columns = load("all", home=home)
        assert sum(rows.values()) == len(pairs)
        assert columns["train"] == pairs.columns
    repo = hub.store.repo("datasets", "org/name")
    files = read_manifest(run.folder).files
    tree = repo.tree(repo.resolve("main"))
    assert {path for path in tree if path.endswith(".parquet")} == set(files)
    assert len(repo.history("main")) == 3

    # by tag, both are still there
    assert load("all", "v1", "fresh")[1]["train"] == pairs.columns
    assert "context" not in load("all", "v0", "fresh")[1]["train"]
    done = udasa("verify", "org/name@v1", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["where"] == f"org/name@{repo.resolve('v1')}"
    assert {check["passed"] for check in told["checks"]} == {True}
    done = udasa("push", run.out, "org/name")
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing to do: org/name holds this dataset already.")
    assert len(repo.history("main")) == 3


def test_the_card_on_the_hub_is_written_for_it(hub, run, udasa, tmp_path):
    answers = open_finished(str(run.out)).answers  # a prompt of empty answers has none there
    texts = answers.unique("prompt_id", maintain_order=True)["prompt"].list.last()
    known = tmp_path / "suite.jsonl"
    rows = [{"prompt": text["content"]} for text in texts[:5]] + [{"prompt": "Something else."}]
    known.write_text("\n".join(map(json.dumps, rows)))
    done = udasa("push", run.out, "org/name", "--private", "--against", f"Mine={known}")
    assert done.returncode == 0, done.stdout + done.stderr
    repo = hub.store.repo("datasets", "org/name")
    assert repo.state["private"]
    card = repo.content(repo.tree(repo.resolve("main"))["README.md"]).decode()
    assert 'load_dataset("org/name", "conservative", split="train")' in card
    assert "hf download org/name config.yaml" in card
    assert "license: unknown" in card
    # 24 prompts "axis: Say something about the WORD.": 6 words, so whole texts are compared
    assert "| Mine | 6 | 5 |" in card


def test_build_and_push_in_one(hub, small_config, tmp_path, udasa):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"Tell me about number {n}." for n in range(12)))
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    out = tmp_path / "run"
    options = ("--config", small_config, "--model", "tiny", "--prompts", prompts, "--out", out)
    done = udasa("build", *options, "--push", "org/name")
    assert done.returncode == 0, done.stdout + done.stderr
    again = udasa("build", *options, "--push", "org/name", "--json")
    told = json.loads(again.stdout)  # one object of both
    assert told["reused"]
    assert told["push"]["repo_id"] == "org/name"
    assert not told["push"]["changed"]
    assert all(check["passed"] for check in told["push"]["checks"] if check["passed"] is not None)
    assert len(hub.store.repo("datasets", "org/name").history("main")) == 2


def test_dry_run_asks_nobody(hub, run, udasa):
    done = udasa("push", run.out, "org/name", "--dry-run")
    assert done.returncode == 0, done.stderr
    count = len(read_manifest(run.folder).files)
    assert f"{count + 8} files in one commit" in done.stdout  # 5 pictures, card, manifest, config
    assert hub.requests == []
    sizes = json.loads(udasa("push", run.out, "org/name", "--dry-run", "--json").stdout)["files"]
    assert sizes["manifest.json"] == (run.folder / "manifest.json").stat().st_size


def test_what_cannot_be_verified_is_one_clear_line(hub, run, udasa, tmp_path):
    hub.store.create("models", "org/model", private=False)
    hub.store.create("datasets", "org/empty", private=False)
    expected = {
        "org/none": "not on the Hub as a dataset",
        "org/model": "not on the Hub as a dataset",
        "org/empty": "holds no manifest.json",
        "org/empty@v9": "no such revision",
        "./nowhere": "no such folder, and no Hub id",
        tmp_path: "holds no finished run",
    }
    for source, message in expected.items():
        done = udasa("verify", source)
        assert (done.returncode, done.stdout) == (1, ""), source
        assert message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_cut_download_is_taken_up_again(hub, run, udasa):
    assert udasa("push", run.out, "org/name").returncode == 0
    hub.faults.append(Fault(r"GET /lfs/", cut=True))
    hub.faults.append(Fault(r"GET /lfs/", status=503))
    done = udasa("verify", "org/name", home="fresh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [fault.seen for fault in hub.faults] == [1, 1]


def can_mount():
    """Whether a small disk can be had, in a mount namespace of its own."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs"]
    try:
        done = subprocess.run([*command, "none", "/mnt"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no mount namespaces here: no disk can be filled")
def test_a_full_disk_leaves_nothing_that_passes_for_whole(hub, run, udasa, tmp_path):
    """On a disk of 64 kB; then it grows, and the same command resumes: every hash is right."""
    assert udasa("push", run.out, "org/name").returncode == 0
    sizes = [path.stat().st_size for path in run.folder.rglob("*.parquet")]
    assert sum(sizes) > 64_000
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=64k none {small} && "
        f'"$@"; echo "first: $?"; '
        f'mount -o remount,size=64m {small} && "$@"; echo "second: $?"'
    )
    prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    done = udasa("verify", "org/name", home="small", prefix=prefix)
    assert "first: 1" in done.stdout, done.stdout + done.stderr
    assert "no space left for the download" in done.stderr
    assert "second: 0" in done.stdout, done.stdout + done.stderr
    assert "FAILED" not in done.stdout


def test_another_manifest_version_is_refused(run, tmp_path, udasa):
    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 2}))
    done = udasa("verify", folder)
    assert done.returncode == 1
    assert "version 2 of the manifest" in done.stderr


def test_a_dataset_written_again_has_the_same_files(run, tmp_path):
    """Parquet, pictures and card are the same bytes: so the same push is no push."""
    manifest = read_manifest(run.folder)
    samples = pl.concat(
        [
            pl.read_parquet(run.folder / p)
            for p, r in manifest.files.items()
            if r.config == "samples"
        ]
    )
    order = pl.read_parquet(run.out / "prompts.parquet")["prompt_id"].to_list()
    rank = pl.col("prompt_id").replace_strict(order, range(len(order)), return_dtype=pl.Int64)
    samples = samples.sort(rank, "sample_id")
    pairs = pl.read_parquet(run.out / "pairs.parquet")
    dropped = pl.read_parquet(run.out / "dropped.parquet")
    (tmp_path / "again").mkdir()
    write_dataset(tmp_path / "again", Tables(pairs, samples, dropped), manifest)
    for path in run.folder.rglob("*"):
        if path.is_file():
            twin = tmp_path / "again" / path.relative_to(run.folder)
            assert twin.read_bytes() == path.read_bytes(), path


def test_a_published_dataset_is_enough_to_start_from(run, udasa, tmp_path):
    assert udasa("push", run.out, "org/name", "--tag", "v1").returncode == 0
    options = ("--rejected", "median", "--z", "0", "--json")
    done = udasa("build", "--from", "org/name@v1", *options, "--out", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    here = udasa("build", "--from", run.out, *options, "--out", tmp_path / "here")
    assert here.returncode == 0, here.stderr
    tables = [pl.read_parquet(tmp_path / name / "pairs.parquet") for name in ("new", "here")]
    assert tables[0].height > 0
    assert tables[0].sort("prompt_id").equals(tables[1].sort("prompt_id"))
    told = read_manifest(tmp_path / "new" / "dataset").made_from["origin"]
    assert told["from"] == "org/name@v1"
    assert len(told["commit"]) == 40
    unknown = udasa("build", "--from", "org/nothing", "--out", tmp_path / "x")
    assert unknown.returncode == 1
    assert len(unknown.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()
