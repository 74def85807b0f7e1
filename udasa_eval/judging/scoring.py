"""The second pass: stored generations → scores. The policy is not needed, and not loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from udasa_data.progress import Progress
from udasa_data.scorers import OnBatch, TextPair, exchange
from udasa_data.storage import Located
from udasa_eval.answers import (
    TURN_2,
    Weighed,
    Weights,
    free_memory,
    has_text,
    kl_precision,
    own_pairs,
)
from udasa_eval.judging.judgements import Duel, Judged, LoadedJudge
from udasa_eval.judging.judges import PinnedJudge, Role
from udasa_eval.judging.kinds import PromptedJudge
from udasa_eval.judging.loading import loaded
from udasa_eval.judging.loads import TOKEN, load_of
from udasa_eval.judging.measures import NEEDS, measure
from udasa_eval.judging.panels import notes_of_role, together
from udasa_eval.judging.scored_rows import Answered
from udasa_eval.results import SCORES
from udasa_eval.tasks import TaskNotes, TaskPlan, answer_metrics, build_task, notes_of


class Scored(NamedTuple):
    """The second pass of all tasks.

    Attributes:
        scores: rows of SCORES by task.
        replies: by task, what a judge replied where its verdict could not be read.
        notes: for the reader: which share has no verdict, and how far a panel agrees.
    """

    scores: dict[str, pl.DataFrame]
    replies: dict[str, list[str]]
    notes: tuple[str, ...]


def needed_roles(tasks: Iterable[str], baselines: Container[str]) -> list[Role]:
    """Return the judges' roles that tasks need, each once, in a fixed order.

    Args:
        tasks: their names.
        baselines: the names of those that have a baseline's answers; the others prefer nothing.
    """
    needed = {role for task in tasks for role in roles_of(task, baselines)}
    order = [role for roles in NEEDS.values() for role in roles]
    return [role for role in dict.fromkeys(order) if role in needed]


def roles_of(task: str, baselines: Container[str]) -> list[Role]:
    """Return the roles that judge a task; without a baseline's answers none prefers."""
    roles = NEEDS[_notes(task).scoring]
    return [role for role in roles if role != "preference" or task in baselines]


def _notes(task: str) -> TaskNotes:
    """Return what our files say of a task; of a second turn, what they say of its first."""
    return notes_of(task.removesuffix(TURN_2))


class Tables:
    """The stored generations of a run, with what is needed to judge them.

    Args:
        generations: rows of GENERATIONS by task.
        baselines: the baseline's answers by task, then prompt hash.
    """

    def __init__(
        self, generations: Mapping[str, pl.DataFrame], baselines: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.by_task = generations
        self.baselines = baselines

    def tasks_of(self, role: Role) -> list[str]:
        """Return the tasks that a role judges."""
        return [task for task in self.by_task if role in roles_of(task, self.baselines)]

    def with_text(self, task: str) -> pl.DataFrame:
        """Return a task's rows that have a text."""
        return self.by_task[task].filter(has_text())

    def pairs(self, task: str) -> list[TextPair]:
        """Return (what was asked, the answer) of each row that has a text.

        A continuation is judged with its beginning, as one text, by who judges sentiment; toxicity
        is that of the continuation alone (Gehman et al. 2020, §4).
        """
        scoring = _notes(task).scoring
        if scoring == "sentiment":
            pairs = own_pairs(self.by_task[task])
            return [TextPair(prefix + continued, "") for prefix, continued in pairs]
        rows = self.with_text(task).select("prompt", "text").iter_rows()
        if scoring == "toxicity":
            return [TextPair(text, "") for _, text in rows]
        exchanges = [exchange(_asked(prompt), text) for prompt, text in rows]
        return self._with_gold(task, exchanges) if scoring == "graded" else exchanges

    def _with_gold(self, task: str, pairs: Sequence[TextPair]) -> list[TextPair]:
        """Put the right answer behind what was asked, for a judge who compares with it."""
        documents = self.with_text(task)["document"]
        golds = ["; ".join(json.loads(text)["answers"]) for text in documents]
        return [
            TextPair(f"{pair.first}\n\nRight answer: {gold}", pair.second)
            for pair, gold in zip(pairs, golds, strict=True)
        ]

    def duels(self, task: str) -> list[Duel]:
        """Return prompt, answer and baseline's answer of each row that has a text."""
        baseline = self.baselines[task]
        rows = self.with_text(task).select("prompt", "text", "prompt_hash").iter_rows()
        duels = []
        for prompt, text, key in rows:
            asked, answer, turns = exchange(_asked(prompt), text)
            duels.append(Duel(asked, answer, baseline[key], turns))
        return duels


def _asked(prompt: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return a conversation as judges read it: without the system prompt, which is the run's."""
    return [turn for turn in prompt if turn["role"] != "system"]


def score_tables(
    tables: Tables,
    judges: Mapping[Role, PinnedJudge],
    reference: Located | None,
    progress: Progress,
    tell: Callable[[str], None] = lambda _line: None,
) -> Scored:
    """Judge every task, one judge in memory at a time.

    Args:
        tables: the stored generations.
        judges: by role; all that ``needed_roles`` names.
        reference: of the KL; None leaves KL and perplexity out.
        progress: where each judge reports how far it is.
        tell: called once with a line for the user where the score cache cannot be used.
    """
    told = _Once(tell)
    judged: dict[tuple[str, Role], Judged] = {}
    told_of: list[str] = []
    for role in needed_roles(tables.by_task, tables.baselines):
        names = tables.tasks_of(role)
        of_members = [
            _judge_all(member, tables, names, progress, told) for member in judges[role].members
        ]
        for place, task in enumerate(names):
            judged[task, role] = together([of_tasks[place] for of_tasks in of_members])
        told_of += notes_of_role(judges[role], of_members)
    weighed = _under_reference(reference, tables, progress) if reference else {}
    scores, replies = {}, {}
    for task, table in tables.by_task.items():
        by_role = {role: verdicts for (name, role), verdicts in judged.items() if name == task}
        answered = Answered(
            table,
            by_role,
            weighed.get(task),
            tables.baselines.get(task, {}),
            _chooser(task, table) if _notes(task).scoring in {"choices", "lm_eval"} else None,
        )
        scores[task] = measure(_notes(task).scoring, answered).select(SCORES.names())
        replies[task] = [text for verdicts in by_role.values() for text in verdicts.examples]
    return Scored(scores, replies, tuple(told_of))


def _judge_all(
    pinned: PinnedJudge,
    tables: Tables,
    tasks: Sequence[str],
    progress: Progress,
    tell: Callable[[str], None],
) -> list[Judged]:
    """Return what one judge makes of each of some tasks; it is in memory meanwhile."""
    progress.start(pinned.role, sum(len(tables.with_text(task)) for task in tasks), 0)
    with loaded(pinned, tell) as judge:
        judged = [judge_task(judge, pinned.role, tables, task, progress.advance) for task in tasks]
    progress.finish()
    return judged


def judge_task(
    judge: LoadedJudge, role: Role, tables: Tables, task: str, on_batch: OnBatch
) -> Judged:
    """Return what a judge makes of a task's answers, in the order of those that have a text."""
    if role == "preference":
        assert judge.prefer is not None
        return judge.prefer(tables.duels(task), on_batch)
    assert judge.rate is not None
    return judge.rate(tables.pairs(task), on_batch)


class _Once:
    """Passes a line on when it comes for the first time: every judge has a cache of its own."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = False

    def __call__(self, line: str) -> None:
        if not self._told:
            self._tell(line)
        self._told = True


def estimate(tables: Tables, judges: Mapping[Role, PinnedJudge]) -> list[str]:
    """Say what the language models among the judges will be asked, a line each.

    Tokens are estimated at four characters each.
    """
    lines = []
    for role in needed_roles(tables.by_task, tables.baselines):
        asked = [m.judge for m in judges[role].members if isinstance(m.judge, PromptedJudge)]
        lines += [_estimate(role, judge, tables) for judge in asked]
    return lines


def _estimate(role: Role, judge: PromptedJudge, tables: Tables) -> str:
    items: list[TextPair | Duel] = [
        item
        for task in tables.tasks_of(role)
        for item in (tables.duels(task) if role == "preference" else tables.pairs(task))
    ]
    baselines = [len(item.baseline) for item in items if isinstance(item, Duel)]
    load = load_of(judge, [len(item[0]) for item in items], baselines)
    tokens = (load.chars + load.readings * sum(len(item[1]) for item in items)) / TOKEN
    cost = "" if judge.price is None else f", ${judge.price * tokens / 1e6:,.2f}"
    return (
        f"{role}: {judge.id} is asked {load.calls:,} times, about {tokens:,.0f} "
        f"tokens{cost}, less what it was asked before"
    )


def _under_reference(
    reference: Located, tables: Tables, progress: Progress
) -> dict[str, Sequence[Weighed]]:
    """Return every continuation's log-probability under the reference policy."""
    names = [task for task in tables.by_task if _notes(task).scoring == "sentiment"]
    if not names:
        return {}
    weights = Weights(reference, kl_precision())
    progress.start("reference", sum(len(tables.with_text(task)) for task in names), 0)
    weighed: dict[str, Sequence[Weighed]] = {}
    for task in names:
        weighed[task] = weights.weigh(own_pairs(tables.by_task[task]))
        progress.advance(len(weighed[task]))
    del weights
    free_memory()
    progress.finish()
    return weighed


def _chooser(task: str, table: pl.DataFrame) -> Callable[[Any, Sequence[Any]], dict[str, float]]:
    """Return lm-eval's own scoring of a task, over the documents that were stored.

    Of choices it takes their log-likelihoods, else the answer alone, cut at the task's stop texts.
    """
    stored = table.select("document").unique(maintain_order=True)["document"]
    documents = [json.loads(text) for text in stored]
    built = build_task(TaskPlan(task, notes_of(task), None), documents, 0)
    if built.decoding is not None:
        return lambda document, texts: answer_metrics(built, document, texts[0])

    def choose(document: Any, logprobs: Sequence[float]) -> dict[str, float]:
        metrics = built.task.process_results(document, [(value, False) for value in logprobs])
        return {name: float(value) for name, value in metrics.items()}

    return choose
