"""A Hub and a GitHub of the shapes of all that ships."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path

from github_server import github
from hub_server import running
from shaped_datasets import GITHUB, HUB
from shaped_models import MODELS, as_pickle, files_of

from udasa_eval.tasks.sources import datasets_known


@contextmanager
def shapes(root: Path):
    """Serve them all from a folder; gives (the Hub, the address for UDASA_GITHUB_RAW)."""
    _put_github(root / "github")
    with running(root / "hub") as hub, github(root / "github") as address:
        for repo_id, made in HUB.items():
            files = made()
            main, converted = files if isinstance(files, tuple) else (files, {})
            _put(hub, "datasets", repo_id, main, {"refs/convert/parquet": converted})
        made = {}
        for repo_id, shape in MODELS.items():
            if shape not in made:
                with tempfile.TemporaryDirectory() as folder:
                    made[shape] = files_of(shape, Path(folder))
            main, other = made[shape], {}
            if shape.pickled:
                main, other = as_pickle(main), {shape.pickled: main}
            _put(hub, "models", repo_id, main, other)
        yield hub, address


def _put(hub, kind, repo_id, main, others):
    hub.store.create(kind, repo_id, private=False)
    repo = hub.store.repo(kind, repo_id)

    def commit(files):
        gone = [name for name in repo.tree(repo.resolve("main")) if name != ".gitattributes"]
        added = {name: repo.put(content) for name, content in files.items()}
        return repo.commit("main", None, "files", added, [n for n in gone if n not in files])

    for ref, files in others.items():
        if files:
            repo.set_ref("branches", ref, commit(files))
    commit(main)


def _put_github(root):
    pinned = {
        part.github: part.revision
        for spec in datasets_known().values()
        for part in spec.parts
        if part.github
    }
    for repository, files in GITHUB.items():
        for name, content in files.items():
            path = root / repository / pinned[repository] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
