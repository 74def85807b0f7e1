"""What an evaluation will take, as ``udasa-eval plan`` says it."""

from __future__ import annotations

from dataclasses import dataclass

from udasa_data.preflight import Interval


@dataclass(frozen=True)
class TaskNeed:
    """What a task will take; of a second turn, a need of its own.

    Attributes:
        task: its name.
        prompts: how many.
        answers: to them; 0 where choices are weighed.
        input_tokens: read by the policy; several answers to a prompt share one reading.
        output_tokens: written by it.
        seconds: of its answers, loading left out; None where nothing says how fast they come. A
            second turn's are with its first.
    """

    task: str
    prompts: int
    answers: int
    input_tokens: Interval
    output_tokens: Interval
    seconds: Interval | None


@dataclass(frozen=True)
class JudgeNeed:
    """What a judge of a role will be asked.

    Attributes:
        role: what it judges.
        id: of the model.
        calls: answers, or questions about them.
        input_tokens: read by a language model; None of others, which read no prompt.
        output_tokens: written by it, at most; None of others.
        money: None without prices.
    """

    role: str
    id: str
    calls: int
    input_tokens: Interval | None
    output_tokens: Interval | None
    money: Interval | None


@dataclass(frozen=True)
class Projection:
    """What an evaluation will take.

    Attributes:
        tasks: in their order.
        judges: of each role that is needed, several of a panel.
        judging: seconds by role, loading included; empty where nothing was tried.
        seconds: of it all; None where nothing says how fast answers come.
        money: of policy, judges and machine; None without prices.
        pilot: prompts of a task that were tried.
        pilot_seconds: that they took.
        notes: what a reader should know, one line each.
    """

    tasks: tuple[TaskNeed, ...]
    judges: tuple[JudgeNeed, ...]
    judging: dict[str, Interval]
    seconds: Interval | None
    money: Interval | None
    pilot: int
    pilot_seconds: float
    notes: tuple[str, ...]
