"""The first pass: what the policy says, or how likely it holds each choice; stored before scored.

Shards of a task are written one by one, whole or not at all, under a name that carries the hash of
all that made them; a task is done when its table is there. A kill costs one shard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl

from udasa_data.engines import Completion, PolicyPrompt, SetAside
from udasa_data.progress import Progress
from udasa_data.runs import Run, key_of
from udasa_data.storage import made_in, read_sealed, write_sealed
from udasa_eval.answers.backend import EngineLM, choice_batch, kl_precision
from udasa_eval.answers.texts import continuation, has_text
from udasa_eval.results import GENERATIONS, task_of_shard, write_table
from udasa_eval.tasks import BuiltTask, Document, requests_of

SHARD: Final = 32  # documents that a kill can cost
TURN_2: Final = "_turn_2"  # of a task whose documents have a follow-up question


class Asked(NamedTuple):
    """Whose answers, in which form: what every row of a run says, and every shard's key holds."""

    model_fingerprint: str
    template_sha256: str | None
    system_prompt: str | None
    engine: str
    template_options: Mapping[str, Any] = MappingProxyType({})


class FirstPass:
    """Fills ``generations/``.

    Args:
        run: the results folder.
        backend: the policy.
        asked: what all rows have in common.
        progress: where each task reports how far it is.
    """

    def __init__(self, run: Run, backend: EngineLM, asked: Asked, progress: Progress) -> None:
        self._run = run
        self._backend = backend
        self._asked = asked
        self._progress = progress

    def run(self, tasks: Sequence[BuiltTask]) -> list[str]:
        """Go through all tasks: first what the engine draws, then what the weights weigh.

        Nothing is done twice, and each of the two is loaded once, and only when it is needed.

        Returns:
            notes: a line for each task with texts longer than the model's window.
        """
        open_tasks = [built for built in tasks if not self._is_done(built)]
        for built in open_tasks:
            if built.decoding is not None:
                self._generate(built)
        for built in open_tasks:
            if self._weighs_own(built):
                self._weigh_own(built)
            elif built.decoding is None:
                self._weigh_choices(built)
            self._finish(built)
            self._remove_shards([built])
        self._remove_shards(tasks)
        cut: dict[str, int] = self._run.manifest.get("cut", {})
        return [
            f"{task}: {n:,} texts were longer than the model's window; cut from the left, as "
            "lm-eval does"
            for task, n in cut.items()
        ]

    def _generate(self, built: BuiltTask) -> None:
        requests = requests_of(built, self._backend.apply_chat_template, self._asked.system_prompt)
        for number, part in self._missing(built, ""):
            rows = self._answers(built, [requests[doc] for doc in part])
            self._write_shard(built, "", number, rows)
        self._progress.finish()

    def _answers(self, built: BuiltTask, requests: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the rows of some documents, second turns included."""
        assert built.decoding is not None
        documents = [built.documents[request.doc_id] for request in requests]
        prompts = [self._backend.prompt(request.args[0]) for request in requests]
        answers = dict(self._backend.ask(prompts, built.decoding, self._progress.advance))
        rows: list[dict[str, Any]] = []
        second: list[tuple[Document, PolicyPrompt]] = []
        for place, document in enumerate(documents):
            name = built.plan.name
            rows += self._rows(name, built, document, prompts[place], answers[place])
            answer = answers[place]
            if "follow_up" in document and not isinstance(answer, SetAside):
                turns = (
                    ("assistant", answer[0].text.strip()),
                    ("user", str(document["follow_up"])),
                )
                first = prompts[place]
                second.append((document, PolicyPrompt(first.turns + turns, first.raw, first.seed)))
        if second:
            prompts = [prompt for _, prompt in second]
            answers = dict(self._backend.ask(prompts, built.decoding, lambda _n: None))
            for place, (document, prompt) in enumerate(second):
                name = built.plan.name + TURN_2
                rows += self._rows(name, built, document, prompt, answers[place])
        return rows

    def _rows(
        self,
        name: str,
        built: BuiltTask,
        document: Document,
        prompt: PolicyPrompt,
        answer: list[Completion] | SetAside,
    ) -> list[dict[str, Any]]:
        messages = [{"role": role, "content": content} for role, content in prompt.turns]
        common = self._common(name, built, document) | {"prompt": messages}
        if isinstance(answer, SetAside):
            return [common | {"sample": 0, "why": f"{answer.why.value}: {answer.detail}"}]
        return [
            common | {"sample": n, **drawn._asdict(), "text": drawn.text.strip()}
            for n, drawn in enumerate(answer)
        ]

    def _common(self, name: str, built: BuiltTask, document: Document) -> dict[str, Any]:
        decoding = msgspec.json.encode(built.decoding).decode()
        return {
            "task": name,
            "axis": built.plan.notes.axis.value,
            "prompt_hash": prompt_hash(document, built.plan.notes.template),
            "document": json.dumps(document, ensure_ascii=False),
            "decoding": decoding if built.decoding else None,
            "template_sha256": self._asked.template_sha256,
            "model_fingerprint": self._asked.model_fingerprint,
        }

    def _weigh_choices(self, built: BuiltTask) -> None:
        requests = requests_of(built, None, None)
        by_document: list[list[Any]] = [[] for _ in built.documents]
        for request in requests:
            by_document[request.doc_id].append(request)
        for number, part in self._missing(built, ""):
            batch = [request for doc in part for request in by_document[doc]]
            weights = self._backend.weights("auto")
            before = weights.cut
            logprobs = weights.loglikelihood(batch)
            self._count_cut(built.plan.name, weights.cut - before)
            rows = [
                self._common(built.plan.name, built, built.documents[request.doc_id])
                | {
                    "sample": request.idx,
                    "prompt": [{"role": "user", "content": request.args[0]}],
                    "text": request.args[1],
                    "text_logprob": logprob,
                }
                for request, (logprob, _) in zip(batch, logprobs, strict=True)
            ]
            self._write_shard(built, "", number, rows)
            self._progress.advance(len(part))
        self._progress.finish()

    def _count_cut(self, task: str, n: int) -> None:
        if n:
            cut: dict[str, int] = self._run.manifest.get("cut", {})
            self._run.save_manifest(cut={**cut, task: cut.get(task, 0) + n})

    def _weigh_own(self, built: BuiltTask) -> None:
        """Add each continuation's log-probability under the policy that wrote it."""
        shards = self._shards(built, "")
        for number, part in self._missing(built, ".own"):
            table = read_sealed(shards[number])
            weighed = self._backend.weights(kl_precision()).weigh(own_pairs(table))
            logprobs = pl.Series("text_logprob", [text.logprob for text in weighed], pl.Float64())
            self._write_shard(built, ".own", number, fill_logprobs(table, logprobs).to_dicts())
            self._progress.advance(len(part))
        self._progress.finish()

    def _weighs_own(self, built: BuiltTask) -> bool:
        """Whether the KL is asked for and the weights are here; a server has none to give."""
        return built.plan.notes.scoring == "sentiment" and self._asked.engine != "openai"

    def _finish(self, built: BuiltTask) -> None:
        """Put a task's shards together, one table a task name."""
        kind = ".own" if self._weighs_own(built) else ""
        table = pl.concat([read_sealed(path) for path in self._shards(built, kind)])
        for (name,), rows in table.group_by("task", maintain_order=True):
            write_table(self._run.folder, f"generations/{name}", rows, GENERATIONS)
        done = {**self._run.manifest.get("done", {}), built.plan.name: self._key(built)}
        self._run.save_manifest(done=done)

    def _remove_shards(self, tasks: Sequence[BuiltTask]) -> None:
        """Delete the shards of tasks that are done, also those that a killed run left."""
        names = {built.plan.name for built in tasks}
        shards = self._run.folder / "shards"
        for path in list(made_in(shards, lambda file: task_of_shard(file) in names)):
            path.unlink()

    def _is_done(self, built: BuiltTask) -> bool:
        done: dict[str, str] = self._run.manifest.get("done", {})
        names = [built.plan.name]
        if any("follow_up" in document for document in built.documents):
            names.append(built.plan.name + TURN_2)
        folder = self._run.folder / "generations"
        return done.get(built.plan.name) == self._key(built) and all(
            _is_table(folder / f"{name}.parquet") for name in names
        )

    def _key(self, built: BuiltTask) -> str:
        decoding = msgspec.to_builtins(built.decoding)
        # of the shards' size too: a shard's number alone does not say which documents it holds
        asked = self._asked if self._asked.template_options else self._asked[:-1]  # as before
        weighed = [choice_batch()] if decoding is None and choice_batch() > 1 else []
        return key_of(built.plan.name, built.fingerprint, decoding, asked, SHARD, *weighed)

    def _missing(self, built: BuiltTask, kind: str) -> Iterator[tuple[int, range]]:
        """Yield the number and the documents of each shard that is not there."""
        shards = self._shards(built, kind)
        missing = [number for number, path in enumerate(shards) if not _is_table(path)]
        n = len(built.documents)
        parts = {number: range(number * SHARD, min((number + 1) * SHARD, n)) for number in missing}
        name = built.plan.name.removeprefix("udasa_")
        self._progress.start(name, n, n - sum(map(len, parts.values())))
        yield from parts.items()

    def _shards(self, built: BuiltTask, kind: str) -> list[Path]:
        stem = f"{built.plan.name}-{self._key(built)[:16]}"
        count = -(-len(built.documents) // SHARD)
        folder = self._run.folder / "shards"
        return [folder / f"{stem}{kind}-{number:05d}.parquet" for number in range(count)]

    def _write_shard(
        self, built: BuiltTask, kind: str, number: int, rows: list[dict[str, Any]]
    ) -> None:
        table = pl.DataFrame(rows, schema=GENERATIONS, orient="row")
        write_sealed(self._shards(built, kind)[number], table)


def _is_table(file: Path) -> bool:
    """Return whether a table is there, as it was written."""
    try:
        read_sealed(file)
    except (OSError, pl.exceptions.PolarsError):
        return False
    return True


def prompt_hash(document: Document, template: str) -> str:
    """Return the sha256 (hex) of what a document asks: the same in every run of its task.

    It leaves out the model's template, its system prompt and its own first turn.
    """
    asked = [document.get(name) for name in ("prompt", "question", "follow_up", "choices")]
    asked += [document.get(f"{name}_targets") for name in ("mc1", "mc2")]
    text = json.dumps([template, asked], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def own_pairs(table: pl.DataFrame) -> list[tuple[str, str]]:
    """Return (prefix, continuation) of each row that has a text, in the table's order."""
    answered = table.filter(has_text())
    return [
        (prompt[-1]["content"], continuation(text))
        for prompt, text in answered.select("prompt", "text").iter_rows()
    ]


def fill_logprobs(table: pl.DataFrame, logprobs: pl.Series) -> pl.DataFrame:
    """Put values of the rows that have a text into their column; null in the others."""
    filled = table.with_row_index("row").filter(has_text()).select("row").with_columns(logprobs)
    return (
        table.drop("text_logprob")
        .with_row_index("row")
        .join(filled, on="row", how="left", maintain_order="left")
        .select(GENERATIONS.names())
    )
