"""The push, against a Hub on this machine: real clients in processes of their own, and faults."""

import json
import shutil
import threading
import time

import forked
import pytest
from hub_server import READER, TOKEN, Fault, wait_until

from udasa_data.runs.dataset_manifest import read_manifest

PUSH = (
    "import sys\n"
    "from pathlib import Path\n"
    "from udasa_data.errors import UserError\n"
    "from udasa_data.publish.pushing import Target, content_of, find_dataset, push\n"
    "from udasa_data.publish.repository import Patience\n"
    "folder = find_dataset(Path(sys.argv[1]))\n"
    "card = (folder / 'README.md').read_text()\n"
    "tell = lambda told: print(told, file=sys.stderr, flush=True)\n"
    "target = Target(sys.argv[2], *sys.argv[3:5])\n"
    "try:\n"
    "    done = push(content_of(folder, card), target, tell, Patience(tries=3, first_wait=0.1))\n"
    "except UserError as error:\n"
    "    sys.exit(f'error: {error}')\n"
    "print(done.commit, len(done.changed), len(done.removed))\n"
)
COMMIT = r"POST .*/commit/"


@pytest.fixture
def clients(hub, tmp_path):
    """Starts processes that know this Hub alone, with an empty cache."""
    started = []

    def start(*command, token=TOKEN):
        environment = hub.environment(tmp_path / "home", token)
        process = forked.Process(*command, env=environment, libraries=forked.LIBRARIES)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process):
    out, err = process.communicate(timeout=240)
    assert TOKEN not in out + err
    assert READER not in out + err
    assert "Traceback" not in err, err
    return process.returncode, out.strip(), err.strip()


@pytest.fixture
def pushes(clients):
    """Pushes and waits: (exit code, output, errors)."""
    return lambda source, *target, **given: ended(
        clients("-c", PUSH, source, *(target or ("org/name",)), **given)
    )


@pytest.fixture
def other(run, tmp_path):
    """Another dataset: the run's, with one configuration fewer."""
    folder = tmp_path / "other"
    shutil.copytree(run.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    gone = [path for path, record in manifest["files"].items() if record["config"] == "dropped"]
    for path in gone:
        del manifest["files"][path]
    del manifest["sha256"]  # of the manifest as it was
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def repo_of(hub):
    return hub.store.repo("datasets", "org/name")


def tree_of(hub, revision="main"):
    repo = repo_of(hub)
    return repo.tree(repo.resolve(revision))


def assert_holds(hub, folder, revision="main"):
    """The repository holds the folder's files, byte for byte, and nothing else."""
    repo, tree = repo_of(hub), tree_of(hub, revision)
    local = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    assert set(tree) - {".gitattributes"} == set(local)
    for path, file in local.items():
        assert repo.content(tree[path]) == file.read_bytes()


def test_one_commit_holds_everything_and_the_same_push_does_nothing(hub, run, pushes):
    code, out, err = pushes(run.out)
    assert (code, err) == (0, "")
    commit, changed, removed = out.split()
    assert repo_of(hub).history("main")[0] == commit
    assert len(repo_of(hub).history("main")) == 2  # "initial commit" and this one
    assert_holds(hub, run.folder)
    assert (int(changed), removed) == (len(tree_of(hub)) - 1, "0")
    hub.requests.clear()
    assert pushes(run.out) == (0, f"{commit} 0 0", "")
    assert not [r for r in hub.requests if r.startswith("PUT") or "/commit/" in r]


def test_files_of_the_push_before_go_and_files_of_others_stay(hub, run, other, pushes):
    assert pushes(run.out)[0] == 0
    repo = repo_of(hub)
    repo.commit("main", None, "notes", {"NOTES.txt": repo.put(b"mine")}, [])
    code, out, _ = pushes(other)
    gone = set(read_manifest(run.folder).files) - set(read_manifest(other).files)
    assert (code, out.split()[1:]) == (0, ["1", str(len(gone))])  # the manifest alone is new
    assert not gone & set(tree_of(hub))
    assert repo.content(tree_of(hub)["NOTES.txt"]) == b"mine"


def test_nothing_is_visible_before_the_commit(hub, run, clients):
    fault = Fault(COMMIT, wait=threading.Event())
    hub.faults.append(fault)
    process = clients("-c", PUSH, run.out, "org/name")
    wait_until(lambda: fault.seen, 60)
    assert set(tree_of(hub)) == {".gitattributes"}
    assert len(list((repo_of(hub).root / "lfs").iterdir())) > 5  # uploaded, and not to be seen
    process.kill()
    process.communicate()
    assert set(tree_of(hub)) == {".gitattributes"}
    fault.wait.set()


def test_of_two_pushers_the_second_fails_clearly_and_nothing_is_lost(
    hub, run, other, clients, pushes
):
    fault = Fault(COMMIT, wait=threading.Event())
    hub.faults.append(fault)
    slow = clients("-c", PUSH, run.out, "org/name")
    wait_until(lambda: fault.seen, 60)
    code, out, _ = pushes(other)
    assert code == 0
    fault.wait.set()
    code, _, err = ended(slow)
    assert code == 1
    assert "another dataset was pushed there meanwhile" in err
    assert len(repo_of(hub).history("main")) == 2
    assert repo_of(hub).resolve("main") == out.split()[0]
    # pushed again, it goes on top: both are in the history
    assert pushes(run.out)[0] == 0
    assert len(repo_of(hub).history("main")) == 3
    assert repo_of(hub).history("main")[1] == out.split()[0]


def test_an_edit_of_something_else_meanwhile_is_kept(hub, run, clients):
    fault = Fault(COMMIT, wait=threading.Event())
    hub.faults.append(fault)
    slow = clients("-c", PUSH, run.out, "org/name")
    wait_until(lambda: fault.seen, 60)
    repo = repo_of(hub)
    edit = repo.commit("main", None, "edited", {"LICENSE": repo.put(b"mine")}, [])
    fault.wait.set()
    code, _, err = ended(slow)
    assert (code, len(err.splitlines())) == (0, 1)
    assert "has moved since" in err
    assert repo.history("main")[1] == edit
    assert repo.content(tree_of(hub)["LICENSE"]) == b"mine"
    assert set(read_manifest(run.folder).files) < set(tree_of(hub))


def test_two_pushers_of_the_same_dataset_make_one_commit(hub, run, clients, pushes):
    fault = Fault(COMMIT, wait=threading.Event())
    hub.faults.append(fault)
    slow = clients("-c", PUSH, run.out, "org/name")
    wait_until(lambda: fault.seen, 60)
    assert pushes(run.out)[0] == 0
    fault.wait.set()
    assert ended(slow)[0] == 0
    assert len(repo_of(hub).history("main")) == 2


@pytest.mark.parametrize("where", [COMMIT, r"/lfs/objects/batch", r"POST .*repos/create"])
def test_a_busy_hub_is_waited_for_as_long_as_it_says(hub, run, pushes, where):
    hub.faults.append(Fault(where, status=429, headers={"Retry-After": "2"}))
    started = time.monotonic()
    code, _, err = pushes(run.out)
    assert code == 0
    assert time.monotonic() - started >= 2
    assert "in 2 s" in err or where.startswith(r"/lfs")  # there huggingface_hub itself waits
    assert_holds(hub, run.folder)
    assert len(repo_of(hub).history("main")) == 2


def test_a_hub_that_asks_for_more_patience_than_there_is(hub, run, pushes):
    hub.faults.append(Fault(COMMIT, status=429, headers={"Retry-After": "86400"}, times=99))
    code, _, err = pushes(run.out)
    assert code == 1
    assert "the Hub answers 429" in err
    assert set(tree_of(hub)) == {".gitattributes"}


def test_an_error_in_the_middle_of_an_upload_is_tried_again(hub, run, pushes):
    fault = Fault(r"PUT /lfs/", status=500, body=0.5)
    hub.faults.append(fault)
    assert pushes(run.out)[0] == 0
    assert fault.seen == 1
    assert_holds(hub, run.folder)


@pytest.mark.slow
def test_an_upload_that_never_ends_well_publishes_nothing(hub, run, clients, pushes):
    # huggingface_hub tries each upload six times, with waits of 1, 2, 4, 8 and 8 s
    hub.faults.append(Fault(r"PUT /lfs/", status=500, body=0.5, times=10_000))
    code, _, err = ended(clients("-c", PUSH.replace("tries=3", "tries=1"), run.out, "org/name"))
    assert code == 1
    assert "the Hub answers 500" in err.splitlines()[-1]
    assert "/lfs/" not in err  # the signed address of an upload
    assert set(tree_of(hub)) == {".gitattributes"}
    hub.faults.clear()
    assert pushes(run.out)[0] == 0
    assert_holds(hub, run.folder)


@pytest.mark.parametrize("status", [500, 503])
def test_a_commit_refused_by_a_tired_hub_is_tried_again(hub, run, pushes, status):
    hub.faults.append(Fault(COMMIT, status=status, times=2))
    assert pushes(run.out)[0] == 0
    assert_holds(hub, run.folder)
    assert len(repo_of(hub).history("main")) == 2


@pytest.mark.parametrize("where", [COMMIT, r"PUT /lfs/", r"GET .*/tree/", r"GET .*whoami"])
def test_a_cut_connection_is_taken_up_again(hub, run, pushes, where):
    hub.faults.append(Fault(where, cut=True, body=0.5))
    assert pushes(run.out)[0] == 0
    assert_holds(hub, run.folder)


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub, run, pushes):
    hub.faults.append(Fault(COMMIT, cut=True, after=True))
    code, out, _ = pushes(run.out)
    assert code == 0
    assert len(repo_of(hub).history("main")) == 2
    assert out.split()[0] == repo_of(hub).resolve("main")
    assert int(out.split()[1]) > 0  # told as made, which it was


def test_a_hub_that_is_not_there(hub, run, pushes):
    hub.url = "http://127.0.0.1:9"
    code, _, err = pushes(run.out)
    assert code == 1
    assert "cannot be reached (ConnectError)" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("token", "target", "message"),
    [
        (None, "org/name", "no token: sign in with `hf auth login`"),
        ("hf_aTokenThatIsNone", "org/name", "the Hub refuses the token"),
        (READER, "org/name", "the token may not write there"),
        (TOKEN, "elsewhere/name", "the token may not write there"),
        (TOKEN, "no/such/name", "no Hub id"),
    ],
)
def test_who_may_not_push(hub, run, pushes, token, target, message):
    code, out, err = pushes(run.out, target, token=token)
    assert (code, out) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert token is None or token not in err
    assert not list((hub.store.root).rglob("repo.json"))


def test_a_repository_of_something_else_is_refused(hub, run, pushes):
    hub.store.create("datasets", "org/name", private=False)
    repo = repo_of(hub)
    before = repo.commit("main", None, "theirs", {"data.csv": repo.put(b"a,b")}, [])
    code, _, err = pushes(run.out)
    assert code == 1
    assert "holds files that no push made (data.csv, …)" in err
    assert repo.resolve("main") == before


def test_a_model_of_the_same_name_is_no_hindrance(hub, run, pushes):
    hub.store.create("models", "org/name", private=False)
    assert pushes(run.out)[0] == 0
    assert_holds(hub, run.folder)


def test_another_branch_and_tags_that_do_not_move(hub, run, other, pushes):
    code, out, _ = pushes(run.out, "org/name", "dev", "v1")
    assert code == 0
    assert_holds(hub, run.folder, "dev")
    assert_holds(hub, run.folder, "v1")
    assert set(tree_of(hub)) == {".gitattributes"}
    assert pushes(run.out, "org/name", "dev", "v1")[1].split()[1:] == ["0", "0"]
    code, _, err = pushes(other, "org/name", "dev", "v1")
    assert code == 1
    assert "tags do not move" in err
    assert repo_of(hub).resolve("dev") == out.split()[0]


def test_damaged_files_are_not_pushed(hub, run, pushes, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    damaged = min(folder.rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    code, _, err = pushes(folder)
    assert code == 1
    assert "not what manifest.json says" in err
    assert hub.requests == []
