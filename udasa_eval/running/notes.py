"""What a run tells its reader of itself, a line each: its model, and its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from udasa_data.config import BuildConfig
from udasa_data.storage import Located
from udasa_eval.answers import Baseline
from udasa_eval.running.options import Stored
from udasa_eval.tasks import TaskPlan


def of_model(
    policy: Located, config: BuildConfig, plans: Sequence[TaskPlan], engine: str
) -> Iterable[str]:
    """Yield what is loaded in the model's place, and what its template adds to every prompt."""
    if policy.note:
        yield policy.note
    chats = any(plan.notes.template == "chat" for plan in plans)
    if chats and engine != "openai" and config.system_prompt is None:
        from udasa_data.engines.preflight import system_note

        if note := system_note(policy, config.sampling.chat_template_kwargs):
            yield note


def of_tasks(
    stored: Stored, plans: Sequence[TaskPlan], left_out: Sequence[TaskPlan], baseline: Baseline
) -> Iterable[str]:
    """Yield what is left out of a run, and what its numbers cannot be relied on for."""
    for plan in left_out:
        if lacking := plan.notes.lacking:
            needed = ", ".join(lacking)
            yield f"{plan.name} is left out: it needs {needed} (pip install -e '.[ifeval]')"
    if unweighed := [plan.name for plan in left_out if not plan.notes.lacking]:
        yield f"left out, since a server gives no log-probabilities: {', '.join(unweighed)}"
    chats = any(plan.notes.template == "chat" for plan in plans)
    if chats and stored.template_sha256 is None and stored.engine != "openai":
        yield (
            f"{stored.model.id} has no chat template: its prompts are plain text "
            "('User: … Assistant:')"
        )
    if stored.reference is None and any(plan.notes.scoring == "sentiment" for plan in plans):
        yield "no reference policy: KL and perplexity are left out (give --reference MODEL)"
    for plan in plans:
        if plan.notes.scoring == "helpfulness" and plan.name not in baseline.answers:
            yield f"{plan.name}: no baseline's answers, so no win rate (give --baseline FOLDER)"
    for record in stored.tasks:
        if record.training_overlap:
            yield (
                f"contamination: the model was trained on {record.training_overlap} of the "
                f"{record.documents} prompts of {record.name}"
            )
