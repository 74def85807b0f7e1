"""Judges: which model judges what; named, located and pinned, not yet loaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
import yaml

from udasa_data.config import ModelRef, Strict, convert, read_yaml
from udasa_data.errors import UserError, nearest
from udasa_data.runs import code_hash, key_of
from udasa_data.storage import Located, locate, served
from udasa_eval.judging.kinds import (
    ClassifierJudge,
    EmbeddedRefusal,
    Judge,
    PairJudge,
    PairRubricJudge,
    Panel,
    PromptedJudge,
    QuestionJudge,
    RewardJudge,
    RubricJudge,
    asked_of,
)
from udasa_eval.results import JudgeRecord

EMBEDDED: Final = "embedded-judge:"
# of udasa_data: what decides whether the embedded classifier finds a refusal
_REFUSAL: Final = ("scoring/refusal.py", "scorers/ngrams.py", "tiny/refusal/model.safetensors")
Role: TypeAlias = Literal[
    "harm",
    "refusal",
    "toxicity",
    "reward",
    "preference",
    "truth",
    "information",
    "correct",
    "sentiment",
]
Rater: TypeAlias = ClassifierJudge | QuestionJudge | RubricJudge
Preferrer: TypeAlias = RewardJudge | PairJudge | PairRubricJudge


class JudgeSet(Strict, frozen=True):
    """The judges of a run by role; a role that no task needs may be absent."""

    harm: Rater | Panel | None = None
    refusal: Rater | EmbeddedRefusal | Panel = EmbeddedRefusal()
    toxicity: Rater | Panel | None = None
    reward: RewardJudge | RubricJudge | None = None
    preference: Preferrer | Panel | None = None
    truth: Rater | Panel | None = None
    information: Rater | Panel | None = None
    correct: Rater | Panel | None = None
    sentiment: Rater | Panel | None = None

    def __post_init__(self) -> None:
        for role in self.__struct_fields__:
            judge = getattr(self, role)
            for member in judge.judges if isinstance(judge, Panel) else (judge,):
                _check_kind(role, member)


class PinnedJudge(NamedTuple):
    """A judge, located and pinned, for one role; of a panel, all of its judges."""

    role: Role
    judge: Judge
    located: Located
    others: tuple[PinnedJudge, ...] = ()

    @property
    def members(self) -> tuple[PinnedJudge, ...]:
        """The judges that are asked, one by one."""
        return (self._replace(others=()), *self.others)

    @property
    def name(self) -> str:
        """What it is known by to a reader."""
        return " + ".join(member.located.name for member in self.members)

    @property
    def fingerprint(self) -> str:
        """Of its weights and of all that it is asked: prompt, choices, temperature, server."""
        parts = [(m.located.fingerprint, asked_of(m.judge)) for m in self.members]
        return f"sha256:{key_of(*parts)}"

    def record(self, leaked: frozenset[str]) -> JudgeRecord:
        """Return its entry in the results.

        Args:
            leaked: fingerprints of what scored the model's training data.
        """
        weights = tuple(member.located.fingerprint for member in self.members)
        asked = [asked_of(member.judge) for member in self.members]
        return JudgeRecord(
            role=self.role,
            id=" + ".join(member.judge.id for member in self.members),
            revision=None if self.others else self.located.commit,
            fingerprint=self.fingerprint,
            built_training_data=any(mark in leaked for mark in weights),
            weights=weights,
            asked={"kind": "panel", "judges": asked} if self.others else asked[0],
        )


def judge_set(names: str | Mapping[str, Any] | None, suite: str) -> JudgeSet:
    """Return the judges of a run.

    Args:
        names: sets of ``judges.yaml`` and YAML files, with commas; of a role that several have, the
            last counts. A role that none has is the suite's own, which is all where None are named.
            Or what would stand in such a file.
        suite: ``tiny`` has embedded judges, the others the Hub's.

    Raises:
        UserError: no such set and no such file, or a fault in it.
    """
    sets = named_sets()
    chosen = convert(sets["tiny" if suite == "tiny" else "hub"], JudgeSet, "judges.yaml")
    whole = {"tiny", "hub"}
    if isinstance(names, Mapping):
        return _laid_over(chosen, dict(names), "judges")
    for name in [] if names is None else [part.strip() for part in names.split(",")]:
        path = Path(name)
        if name in whole:
            chosen = convert(sets[name], JudgeSet, "judges.yaml")
        elif name in sets:
            chosen = _laid_over(chosen, sets[name], "judges.yaml")
        elif path.is_file():
            chosen = _laid_over(chosen, dict(read_yaml(path)), name)
        else:
            raise UserError(f"judges '{name}': no such set and no such file{nearest(name, sets)}")
    return chosen


def _laid_over(chosen: JudgeSet, given: dict[str, Any], where: str) -> JudgeSet:
    """Return a set with the roles of another in the place of its own."""
    own = convert(given, JudgeSet, where)
    return msgspec.structs.replace(chosen, **{role: getattr(own, role) for role in given})


def named_sets() -> dict[str, dict[str, object]]:
    """Return the sets of ``judges.yaml`` as they stand there, by name."""
    text = files("udasa_eval.judging").joinpath("judges.yaml").read_text(encoding="utf-8")
    sets: dict[str, dict[str, object]] = yaml.safe_load(text)
    return sets


def judges_of(judges: JudgeSet, role: Role) -> tuple[Judge, ...]:
    """Return the judges of a role, several of a panel; where none prefers, what rewards does.

    Raises:
        UserError: the set has none.
    """
    judge: Judge | Panel | None = getattr(judges, role)
    if role == "preference" and judge is None:
        judge = judges.reward
    if judge is None:
        raise UserError(f"no judge for the role '{role}': name one in a file for --judges")
    return judge.judges if isinstance(judge, Panel) else (judge,)


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
    """Locate and pin the judges of a role, see :func:`judges_of`.

    Args:
        judges: of the run.
        role: which.
        known: fingerprints by ``id@revision`` from an earlier start of the same run.

    Raises:
        UserError: the set has no judge for the role, or its model cannot be found.
    """
    first, *others = (
        PinnedJudge(role, judge, _located(judge, known)) for judge in judges_of(judges, role)
    )
    return first._replace(others=tuple(others))


def _located(judge: Judge, known: Mapping[str, str]) -> Located:
    if isinstance(judge, PromptedJudge) and judge.engine == "openai":
        # a server's weights cannot be seen: it is known by its name and address alone
        server = judge.options.get("server")
        address = server.get("base_url", "") if isinstance(server, dict) else ""
        return served(judge.id, str(address))
    if isinstance(judge, EmbeddedRefusal):
        return Located(judge.id, None, f"sha256:{code_hash(_REFUSAL)}", judge.id)
    folder = embedded_folder(judge.id)
    if folder is not None:
        return locate(ModelRef(id=str(folder)))._replace(name=judge.id)
    ref = ModelRef(id=judge.id, revision=judge.revision, allow_bin=judge.allow_bin)
    return locate(ref, known.get(f"{ref.id}@{ref.revision}"))


def _check_kind(role: str, judge: Judge | None) -> None:
    """Refuse a judge whose kind or range does not suit its role; only a panel's can get here.

    Raises:
        ValueError: names the key.
    """
    prefers = isinstance(judge, (RewardJudge, PairJudge, PairRubricJudge))
    if judge is not None and role != "reward" and prefers != (role == "preference"):
        kind = asked_of(judge)["kind"]
        raise ValueError(f"key '{role}.judges': a judge of kind {kind} cannot judge {role}")
    if role == "reward" or not isinstance(judge, RubricJudge) or judge.scale:
        return
    if not judge.values or not all(0.0 <= value <= 1.0 for value in judge.values.values()):
        raise ValueError(f"key '{role}': needs a 'scale' [low, high], or 'values' in [0, 1]")
