"""Judges: which model judges what; named, located and pinned, not yet loaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
import yaml
from msgspec import Meta

from udasa_data.config import ModelRef, ScorerInput, Strict, Verdict, convert, read_yaml
from udasa_data.errors import UserError, nearest
from udasa_data.storage import SERVED, Located, locate
from udasa_eval.results import JudgeRecord

EMBEDDED: Final = "embedded-judge:"
Role: TypeAlias = Literal[
    "harm", "toxicity", "reward", "preference", "truth", "information", "sentiment"
]
EngineName: TypeAlias = Literal["auto", "transformers", "vllm", "openai"]
Words: TypeAlias = Annotated[tuple[str, ...], Meta(min_length=1)]


class ClassifierJudge(Strict, frozen=True, kw_only=True, tag_field="kind", tag="classifier"):
    """P of the ``positive`` classes of a sequence classifier, or of a guard's ``verdict``."""

    id: str
    positive: Words
    revision: str = "main"
    allow_bin: bool = False
    input: ScorerInput = "auto"
    temperature: Annotated[float, Meta(gt=0)] = 1.0
    verdict: Verdict | None = None


class RewardJudge(Strict, frozen=True, kw_only=True, tag_field="kind", tag="reward"):
    """The single output of a reward model; higher is better, no scale of its own."""

    id: str
    revision: str = "main"
    allow_bin: bool = False
    input: ScorerInput = "auto"


class PromptedJudge(Strict, frozen=True, kw_only=True):
    """A language model that is asked, through one of our engines."""

    id: str
    prompt: str
    revision: str = "main"
    allow_bin: bool = False
    raw: bool = False
    engine: EngineName = "auto"
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    price: Annotated[float, Meta(ge=0)] | None = None


class QuestionJudge(PromptedJudge, frozen=True, kw_only=True, tag_field="kind", tag="question"):
    """P(yes) / (P(yes) + P(no)) of an answer; ``prompt`` holds {prompt} and {answer}."""

    yes: Words
    no: Words

    def __post_init__(self) -> None:
        _needs(self.prompt, "{prompt}", "{answer}")


class PairJudge(PromptedJudge, frozen=True, kw_only=True, tag_field="kind", tag="pairwise"):
    """P(first) / (P(first) + P(second)); ``prompt`` holds {prompt}, {first} and {second}."""

    first: Words
    second: Words

    def __post_init__(self) -> None:
        _needs(self.prompt, "{prompt}", "{first}", "{second}")


Judge: TypeAlias = ClassifierJudge | RewardJudge | QuestionJudge | PairJudge


class JudgeSet(Strict, frozen=True):
    """The judges of a run by role; a role that no task needs may be absent."""

    harm: ClassifierJudge | QuestionJudge | None = None
    toxicity: ClassifierJudge | QuestionJudge | None = None
    reward: RewardJudge | None = None
    preference: RewardJudge | PairJudge | None = None
    truth: ClassifierJudge | QuestionJudge | None = None
    information: ClassifierJudge | QuestionJudge | None = None
    sentiment: ClassifierJudge | QuestionJudge | None = None


class PinnedJudge(NamedTuple):
    """A judge, located and pinned, for one role."""

    role: Role
    judge: Judge
    located: Located

    def record(self, leaked: frozenset[str]) -> JudgeRecord:
        """Return its entry in the results.

        Args:
            leaked: fingerprints of what scored the model's training data.
        """
        return JudgeRecord(
            role=self.role,
            id=self.judge.id,
            revision=self.located.commit,
            fingerprint=self.located.fingerprint,
            built_training_data=self.located.fingerprint in leaked,
        )


def judge_set(name_or_file: str | None, suite: str) -> JudgeSet:
    """Return the judges of a run.

    Args:
        name_or_file: a set of ``judges.yaml``, or a YAML file; None is the suite's own set.
        suite: ``tiny`` has embedded judges, the others the Hub's.

    Raises:
        UserError: no such set and no such file, or a fault in it.
    """
    text = files("udasa_eval.judging").joinpath("judges.yaml").read_text(encoding="utf-8")
    sets: dict[str, dict[str, object]] = yaml.safe_load(text)
    own = sets["tiny" if suite == "tiny" else "hub"]
    if name_or_file is None:
        return convert(own, JudgeSet, "judges.yaml")
    if name_or_file in sets:
        return convert(sets[name_or_file], JudgeSet, "judges.yaml")
    path = Path(name_or_file)
    if not path.is_file():
        hint = nearest(name_or_file, sets)
        raise UserError(f"judges '{name_or_file}': no such set and no such file{hint}")
    return convert(own | read_yaml(path), JudgeSet, str(path))


def judge_of(judges: JudgeSet, role: Role) -> Judge:
    """Return the judge of a role; the reward model prefers where no other judge does.

    Raises:
        UserError: the set has none.
    """
    judge: Judge | None = getattr(judges, role)
    if role == "preference" and judge is None:
        judge = judges.reward
    if judge is None:
        raise UserError(f"no judge for the role '{role}': name one in a file for --judges")
    return judge


def embedded_folder(judge: str) -> Path | None:
    """Return the folder of an embedded judge; None of others.

    Raises:
        UserError: no such embedded judge.
    """
    if not judge.startswith(EMBEDDED):
        return None
    name = judge.removeprefix(EMBEDDED)
    root = Path(str(files("udasa_eval").joinpath("tiny")))
    names = [path.parent.name for path in root.glob("*/config.json")]
    if name not in names:
        raise UserError(f"no embedded judge '{name}'{nearest(name, names)}")
    return root / name


def pin(judges: JudgeSet, role: Role, known: Mapping[str, str]) -> PinnedJudge:
    """Locate and pin the judge of a role, see :func:`judge_of`.

    Args:
        judges: of the run.
        role: which.
        known: fingerprints by ``id@revision`` from an earlier start of the same run.

    Raises:
        UserError: the set has no judge for the role, or its model cannot be found.
    """
    judge = judge_of(judges, role)
    if isinstance(judge, PromptedJudge) and judge.engine == "openai":
        # a server's weights cannot be seen: it is known by its name alone
        return PinnedJudge(role, judge, Located(judge.id, None, f"{SERVED}{judge.id}", judge.id))
    folder = embedded_folder(judge.id)
    if folder is not None:
        return PinnedJudge(role, judge, locate(ModelRef(id=str(folder)))._replace(name=judge.id))
    ref = ModelRef(id=judge.id, revision=judge.revision, allow_bin=judge.allow_bin)
    return PinnedJudge(role, judge, locate(ref, known.get(f"{ref.id}@{ref.revision}")))


def _needs(prompt: str, *fields: str) -> None:
    for field in fields:
        if field not in prompt:
            raise ValueError(f"key 'prompt': must hold {field}")
