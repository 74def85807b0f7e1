"""Kinds of judges, as a file of judges has them: what is loaded or asked, and how it is read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from udasa_data.config import ScorerInput, Strict, Verdict

EngineName: TypeAlias = Literal["auto", "transformers", "vllm", "openai"]
Words: TypeAlias = Annotated[tuple[str, ...], Meta(min_length=1)]

# what changes how fast or dear a judge is, and not what it says
_NO_MATTER: Final = frozenset({"price"})
_NEW: Final = frozenset({"parts"})  # part of what is asked where there are any
_NO_MATTER_OF_SERVERS: Final = frozenset({"in_flight", "timeout", "retries", "prices", "max_cost"})


class ClassifierJudge(Strict, frozen=True, kw_only=True, tag_field="kind", tag="classifier"):
    """P of the ``positive`` classes of a sequence classifier, or of a guard's ``verdict``."""

    id: str
    positive: Words
    revision: str = "main"
    allow_bin: bool = False
    input: ScorerInput = "auto"
    temperature: Annotated[float, Meta(gt=0)] = 1.0
    verdict: Verdict | None = None


class EmbeddedRefusal(Strict, frozen=True, kw_only=True, tag_field="kind", tag="embedded"):
    """1 where the embedded classifier of refusals finds one, else 0 (``udasa_data.scoring``)."""

    id: Literal["embedded:refusal"] = "embedded:refusal"
    revision: str = "main"
    allow_bin: bool = False


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


class WrittenJudge(PromptedJudge, frozen=True, kw_only=True):
    """A language model whose verdict is read from what it writes, behind its thoughts.

    ``verdict`` is a regular expression with one group, the verdict; of several, the last counts.
    ``values`` says what each verdict is worth, whatever its case; without them it is a number.
    """

    verdict: str
    values: dict[str, float] = msgspec.field(default_factory=dict)
    temperature: Annotated[float, Meta(ge=0)] = 0.0
    max_tokens: Annotated[int, Meta(ge=1)] = 1024  # of thoughts and verdict together

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.verdict).groups
        except re.error as error:
            raise ValueError(f"key 'verdict': no regular expression ({error})") from error
        if groups != 1:
            raise ValueError(f"key 'verdict': has {groups} groups, and needs one: the verdict")


class GradedPart(Strict, frozen=True):
    """One more number that a rubric's judge writes, mapped from ``scale`` to [0, 1]."""

    verdict: str
    scale: tuple[float, float]

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.verdict).groups
        except re.error as error:
            raise ValueError(f"key 'parts': no regular expression ({error})") from error
        if groups != 1 or self.scale[0] >= self.scale[1]:
            raise ValueError("key 'parts': each has a verdict with one group, a scale [low, high]")


class RubricJudge(WrittenJudge, frozen=True, kw_only=True, tag_field="kind", tag="rubric"):
    """A verdict on one answer; ``prompt`` holds {prompt} and {answer}.

    ``scale`` [low, high]: a number is mapped from it to [0, 1]. One beyond it is no verdict. With
    ``parts`` the verdict is a factor: what it is worth times the mean of the parts.
    """

    scale: tuple[float, float] | None = None
    parts: tuple[GradedPart, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _needs(self.prompt, "{prompt}", "{answer}")
        if self.scale and self.scale[0] >= self.scale[1]:
            raise ValueError("key 'scale': reads [low, high]")
        if self.scale and self.values:
            raise ValueError("keys 'scale' and 'values': one of them, not both")


class PairRubricJudge(
    WrittenJudge, frozen=True, kw_only=True, tag_field="kind", tag="pairwise_rubric"
):
    """Which of two answers is better; ``prompt`` holds {prompt}, {first} and {second}.

    ``values``: 1 the first, 0 the second, ½ a tie.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        _needs(self.prompt, "{prompt}", "{first}", "{second}")
        if not self.values or not all(0.0 <= value <= 1.0 for value in self.values.values()):
            raise ValueError("key 'values': 1 for the first answer, 0 for the second, .5 for a tie")


class Panel(Strict, frozen=True, kw_only=True, tag_field="kind", tag="panel"):
    """Several judges of one role, whose mean counts."""

    judges: Annotated[
        tuple[
            ClassifierJudge | RewardJudge | QuestionJudge | PairJudge | RubricJudge
            | PairRubricJudge,
            ...,
        ],
        Meta(min_length=2),
    ]  # fmt: skip


Judge: TypeAlias = (
    ClassifierJudge
    | EmbeddedRefusal
    | RewardJudge
    | QuestionJudge
    | PairJudge
    | RubricJudge
    | PairRubricJudge
)


def asked_of(judge: Judge) -> dict[str, Any]:
    """Return all that decides what a judge says, beside its weights."""
    entry: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(judge))  # as it is kept
    entry = {
        name: value
        for name, value in entry.items()
        if name not in _NO_MATTER and (value or name not in _NEW)
    }
    options = entry.get("options", {})
    if isinstance(options.get("server"), dict):
        server = options["server"]
        kept = {name: v for name, v in server.items() if name not in _NO_MATTER_OF_SERVERS}
        entry["options"] = {**options, "server": kept}
    return entry


def _needs(prompt: str, *fields: str) -> None:
    for field in fields:
        if field not in prompt:
            raise ValueError(f"key 'prompt': must hold {field}")
