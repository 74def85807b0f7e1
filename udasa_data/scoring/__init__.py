"""The third step: samples → scores; existing answers, too."""

from udasa_data.scoring.answer_files import GivenAnswers, read_answers
from udasa_data.scoring.existing_answers import ScoreResult, score_file
from udasa_data.scoring.pairwise import Answers, between_answers, cubes, plan_pairs
from udasa_data.scoring.refusal import is_refusal
from udasa_data.scoring.shard import score_shard

__all__ = [
    "Answers",
    "GivenAnswers",
    "ScoreResult",
    "between_answers",
    "cubes",
    "is_refusal",
    "plan_pairs",
    "read_answers",
    "score_file",
    "score_shard",
]
