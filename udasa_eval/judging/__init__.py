"""The second pass: judges, rules, and what their numbers come to."""

from udasa_eval.judging.judgements import Duel, LoadedJudge
from udasa_eval.judging.judges import JudgeSet, PinnedJudge, Role, judge_set, pin
from udasa_eval.judging.loading import loaded
from udasa_eval.judging.needs import judge_needs
from udasa_eval.judging.scoring import Scored, Tables, estimate, needed_roles, score_tables

__all__ = [
    "Duel",
    "JudgeSet",
    "LoadedJudge",
    "PinnedJudge",
    "Role",
    "Scored",
    "Tables",
    "estimate",
    "judge_needs",
    "judge_set",
    "loaded",
    "needed_roles",
    "pin",
    "score_tables",
]
