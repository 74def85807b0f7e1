"""The second pass: judges, rules, and what their numbers come to."""

from udasa_eval.judging.judgements import Duel, LoadedJudge
from udasa_eval.judging.judges import JudgeSet, PinnedJudge, Role, judge_set, judges_of, pin
from udasa_eval.judging.kinds import Judge, PromptedJudge, WrittenJudge, asked_of
from udasa_eval.judging.loading import loaded
from udasa_eval.judging.loads import TOKEN, load_of
from udasa_eval.judging.needs import judge_needs
from udasa_eval.judging.scoring import (
    Scored,
    Tables,
    estimate,
    judge_task,
    needed_roles,
    roles_of,
    score_tables,
)
from udasa_eval.judging.short_answers import included, token_f1

__all__ = [
    "TOKEN",
    "Duel",
    "Judge",
    "JudgeSet",
    "LoadedJudge",
    "PinnedJudge",
    "PromptedJudge",
    "Role",
    "Scored",
    "Tables",
    "WrittenJudge",
    "asked_of",
    "estimate",
    "included",
    "judge_needs",
    "judge_set",
    "judge_task",
    "judges_of",
    "load_of",
    "loaded",
    "needed_roles",
    "pin",
    "roles_of",
    "score_tables",
    "token_f1",
]
