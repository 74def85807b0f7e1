"""A chat template applied: whatever goes wrong in it is a ``TemplateError``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def render(tokenizer: Any, turns: Sequence[Mapping[str, Any]], **options: Any) -> str:
    """Return turns as a chat template renders them.

    Templates are programs: one that expects parts of a message adds text to a list, one of another
    version looks up what is not there. Python's errors in them say as much as jinja's own.

    Args:
        tokenizer: with the chat template.
        turns: role and content of each.
        options: of the template.

    Raises:
        TemplateError: it refuses the turns; one of its subclasses where it fails.
    """
    from jinja2 import TemplateError, TemplateRuntimeError  # this room opens without it

    try:
        return str(tokenizer.apply_chat_template(list(turns), tokenize=False, **options))
    except TemplateError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TemplateRuntimeError(f"{type(error).__name__}: {error}") from error
