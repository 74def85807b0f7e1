"""What a judge's model must be, so that it can be looked at before it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from udasa_data.config import BuildConfig, ModelRef, ValueRef, resolve
from udasa_data.errors import UserError
from udasa_data.preflight import ModelNeed, collected, value_need
from udasa_eval.judging.judges import JudgeSet, Role, embedded_folder, judges_of
from udasa_eval.judging.kinds import (
    ClassifierJudge,
    EmbeddedRefusal,
    Judge,
    PromptedJudge,
    RewardJudge,
    WrittenJudge,
)

_COMMAND_LINE: Final = "the command line: "  # where `resolve` takes options to come from


def judge_needs(judges: JudgeSet, roles: Sequence[Role], faults: list[str]) -> list[ModelNeed]:
    """Return the models that judge some roles, each once; those of servers are not loaded here.

    Args:
        judges: of the run.
        roles: that are needed.
        faults: takes a line for each role that has no judge, and each whose options are wrong.
    """
    by_model: dict[object, Judge] = {}
    for role in roles:
        with collected(faults):
            for judge in judges_of(judges, role):
                embedded_folder(judge.id)
                if isinstance(judge, PromptedJudge):
                    if engine_config(judge).engine != "openai":
                        by_model.setdefault((judge.id, judge.revision), judge)
                elif not isinstance(judge, EmbeddedRefusal):
                    by_model.setdefault(msgspec.json.encode(judge), judge)
    return [_need("judge", judge) for judge in by_model.values()]


def engine_config(judge: PromptedJudge) -> BuildConfig:
    """Return how a judge that is asked is run: its engine, server and template options.

    Raises:
        UserError: its options are no engine's.
    """
    overrides = {"engine": judge.engine, **judge.options}
    if not isinstance(judge, WrittenJudge):  # a server is asked for log-probabilities at once
        overrides["judge"] = {}
    try:
        config = resolve(judge.id, overrides, scorers="tiny")
    except UserError as error:
        fault = str(error).removeprefix(_COMMAND_LINE)
        raise UserError(f"judge '{judge.id}': {fault}") from error
    if config.engine == "openai" and config.server is None:
        raise UserError(
            f"judge '{judge.id}': engine openai needs options: {{server: {{base_url: http://…/v1}}}}"
        )
    if config.engine != "openai" and config.server is not None:
        raise UserError(f"judge '{judge.id}': a server is named; add engine: openai")
    return config


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
