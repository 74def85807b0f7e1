"""Where files are damaged: what lies there, which files, and the command that then meets them."""

import re
import shutil
from typing import NamedTuple

from faults.jobs import Job

REPEATS, READS, TAKES = "repeats", "reads", "takes"
RUN = re.compile(r"out/([a-z.]+\.(json|yaml|parquet)|dataset/.*)")
EVALUATION = re.compile(r"out/([a-z.]+\.json|(generations|scores)/.*)")
POLICY = re.compile(r"out/[a-z_]+\.(json|safetensors|jinja|parquet)")
ALL_OF_RUN = re.compile(
    r"out/([a-z.]+\.(json|yaml|parquet)|dataset/.*|(scores|samples)/.*(parquet|json))"
)


class Scene(NamedTuple):
    """A place, and a command.

    Attributes:
        name: of the scene.
        job: the command and what it starts from.
        files: patterns of the files that are damaged.
        how: REPEATS a command that makes the files, and makes a damaged one again; READS them, and
            must not believe one that is damaged; TAKES them from a user, whose they are.
        own: the names that must be as they are undisturbed; other files are not read any more.
    """

    name: str
    job: Job
    files: tuple
    how: str
    own: re.Pattern = re.compile("(?!)")


def _finished(ground, job):
    """Return the job again, in what it left when it ended."""
    return _left(ground, job, f"{job.name}-finished")


def _half(ground, job, at):
    """Return the job again, in what it left when it was killed at an operation."""
    return _left(ground, job, f"{job.name}-half", at=at)


def _left(ground, job, name, **plan):
    place = ground.root / name
    if not place.is_dir():  # another scene's
        ground.lay_out(job, place)
        process, _, err = ground.run(job.command, place, **plan)
        assert process.returncode == (-9 if plan else 0), err
        if job.name != "score":
            shutil.rmtree(place / "cache", ignore_errors=True)
    starts = {path.name: path for path in place.iterdir() if path.name != "mine.txt"}
    return job._replace(starts=starts, foreign=("mine.txt",), layout=None)


def _reader(ground, *command):
    starts = {"source": ground.source, "other": ground.other}
    return Job(" ".join(command[:2]), command, starts, ("mine.txt", "source/mine/a.txt"))


def build_again(ground):
    return Scene("build-again", _finished(ground, ground.build()), ("out/**/*",), REPEATS, RUN)


def build_on(ground):
    return Scene("build-on", _half(ground, ground.build(), 100), ("out/**/*",), REPEATS, RUN)


def rebuild(ground):
    """Read the samples and scores of a finished run."""
    files = ("out/scores/*", "out/samples/*", "out/*")
    return Scene("rebuild", ground.rebuild(), files, REPEATS, ALL_OF_RUN)


def from_again(ground):
    files = ("out/*", "source/dataset/**/*")
    return Scene("from-again", _finished(ground, ground.restage()), files, REPEATS, RUN)


def report(ground):
    job = _reader(ground, "udasa-data", "report", "source", "--out", "page.html")
    return Scene("report", job, ("source/dataset/**/*", "source/*.json"), READS)


def show(ground):
    job = _reader(ground, "udasa-data", "show", "source")
    return Scene("show", job, ("source/dataset/**/*", "source/*.parquet"), READS)


def verify(ground):
    job = _reader(ground, "udasa-data", "verify", "source")
    return Scene("verify", job, ("source/dataset/**/*",), READS)


def diff(ground):
    job = _reader(ground, "udasa-data", "diff", "source", "other")
    return Scene("diff", job, ("source/*", "source/dataset/**/*"), READS)


def merge(ground):
    job = _reader(ground, "udasa-data", "merge", "source", "other", "--out", "out")
    return Scene("merge", job, ("source/dataset/**/*",), READS)


def score_again(ground):
    files = ("scores.*",)
    return Scene(
        "score-again", _finished(ground, ground.score()), files, REPEATS, re.compile("scores.*")
    )


def score_cached(ground):
    """Find scores in the cache."""
    done = _left(ground, ground.score(), "score-cached")
    starts = {name: done.starts[name] for name in ("answers.jsonl", "cache")}
    return Scene("score-cached", done._replace(starts=starts), ("cache/*",), REPEATS)


def answers(ground):
    return Scene("answers", ground.score(), ("answers.jsonl",), TAKES)


def eval_again(ground):
    return Scene(
        "eval-again", _finished(ground, ground.evaluation()), ("out/**/*",), REPEATS, EVALUATION
    )


def eval_on(ground):
    return Scene(
        "eval-on", _half(ground, ground.evaluation(), 40), ("out/**/*",), REPEATS, EVALUATION
    )


def compare(ground):
    done = _finished(ground, ground.evaluation())
    command = ("udasa-eval", "compare", "out", "before")
    starts = {**done.starts, "before": done.starts["out"]}
    job = Job("compare", command, starts, ("mine.txt",))
    return Scene("compare", job, ("out/**/*",), READS)


def dpo_again(ground):
    return Scene("dpo-again", _finished(ground, ground.dpo()), ("out/**/*",), REPEATS, POLICY)


def dpo_on(ground):
    return Scene("dpo-on", _half(ground, ground.dpo(), 200), ("out/**/*",), REPEATS, POLICY)


def inputs(ground):
    """Prompts, configuration and recipe, as the user's files that they are."""
    job = ground.build()
    names = ("prompts.jsonl", "small.yaml", ground.parquet_prompts)
    starts = {name: name for name in names}
    command = ("udasa-data", "build", "--model", "tiny", "--config", "small.yaml")
    command = (*command, "--prompts", "prompts.jsonl", "--prompts", "more.parquet", "--out", "out")
    job = job._replace(command=command, starts=starts, foreign=("mine.txt",), layout=None)
    return Scene("inputs", job, names, TAKES)


SCENES = {
    scene.__name__: scene
    for scene in (
        *(
            build_again,
            build_on,
            rebuild,
            from_again,
            report,
            show,
            verify,
            diff,
            merge,
            score_again,
        ),
        *(score_cached, answers, eval_again, eval_on, compare, dpo_again, dpo_on, inputs),
    )
}
