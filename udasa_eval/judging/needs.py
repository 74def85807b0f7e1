"""What a judge's model must be, so that it can be looked at before it is loaded."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from udasa_data.config import ModelRef, ValueRef
from udasa_data.errors import UserError
from udasa_data.preflight import ModelNeed, collected, value_need
from udasa_eval.judging.judges import (
    ClassifierJudge,
    Judge,
    JudgeSet,
    PromptedJudge,
    RewardJudge,
    Role,
    embedded_folder,
    judge_of,
)


def judge_needs(judges: JudgeSet, roles: Sequence[Role], faults: list[str]) -> list[ModelNeed]:
    """Return the models that judge some roles, each once; those of servers are not loaded here.

    Args:
        judges: of the run.
        roles: that are needed.
        faults: takes a line for each role that has no judge.
    """
    by_model: dict[object, Judge] = {}
    for role in roles:
        with collected(faults):
            judge = judge_of(judges, role)
            embedded_folder(judge.id)
            if isinstance(judge, PromptedJudge):
                if judge.engine != "openai":
                    by_model.setdefault((judge.id, judge.revision), judge)
            else:
                by_model.setdefault(msgspec.json.encode(judge), judge)
    return [_need("judge", judge) for judge in by_model.values()]


def require_one_output(judge: str, labels: Sequence[str]) -> None:
    """Refuse a reward model that is none.

    Raises:
        UserError: it has more outputs than one.
    """
    if len(labels) != 1:
        raise UserError(f"judge '{judge}' has {len(labels)} outputs; a reward model has one")


def _need(what: str, judge: Judge) -> ModelNeed:
    ref = ModelRef(id=judge.id, revision=judge.revision, allow_bin=judge.allow_bin)
    folder = embedded_folder(judge.id)
    if isinstance(judge, ClassifierJudge):
        scorer = ValueRef(
            id=judge.id,
            revision=judge.revision,
            allow_bin=judge.allow_bin,
            violation=judge.positive,
            input=judge.input,
            verdict=judge.verdict,
        )
        return value_need(what, scorer)._replace(folder=folder)
    if isinstance(judge, RewardJudge):
        needs_template = judge.input == "chat"
        return ModelNeed(
            what,
            ref,
            "classifier",
            lambda labels: require_one_output(judge.id, labels),
            needs_template,
            folder=folder,
        )
    return ModelNeed(what, ref, "policy", folder=folder)
