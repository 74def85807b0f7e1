"""Engines: what draws a policy's answers."""

from udasa_data.engines.assistant_turn import end_of_turn, rewritten, special_tokens
from udasa_data.engines.choice import choose_engine
from udasa_data.engines.loading import load_engine
from udasa_data.engines.meter import Meter, Usage
from udasa_data.engines.protocol import (
    Completion,
    Engine,
    NoLogprobsError,
    PolicyPrompt,
    SetAside,
    any_of,
)
from udasa_data.engines.reasoning import TEMPLATE_NOTE, Parted, Thoughts
from udasa_data.engines.system_turn import own_system_prompt, says_itself
from udasa_data.engines.templating import render

__all__ = [
    "TEMPLATE_NOTE",
    "Completion",
    "Engine",
    "Meter",
    "NoLogprobsError",
    "Parted",
    "PolicyPrompt",
    "SetAside",
    "Thoughts",
    "Usage",
    "any_of",
    "choose_engine",
    "end_of_turn",
    "load_engine",
    "own_system_prompt",
    "render",
    "rewritten",
    "says_itself",
    "special_tokens",
]
