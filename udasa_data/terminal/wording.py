"""Errors that speak of the call: an option of a command is an argument of a function here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from udasa_data.errors import FaultsError, UserError

_OPTION: Final = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
_NAMES: Final = {
    "from": "from_",
    "z": "config['pairing']['noise_z']",
    "anyway": "anyway=True",
    "set": "settings",
}
_KEY: Final = re.compile(r"key 'sampling\.(samples|temperature|top_p|max_tokens)'")
_COMMANDS: Final = ("udasa-data ", "udasa-eval ")


def worded(message: str, call: str) -> str:
    """Return an error's message as a Python program should read it.

    Args:
        message: as the command line has it. Whole commands in it stay what they are.
        call: the function that was called.
    """
    message = message.replace("the command line", f"{call}()")
    message = _KEY.sub(r"\1", message)
    message = re.sub(rf"^({call}\(\): )key '(\w+)'", r"\1\2", message)
    if any(command in message for command in _COMMANDS):
        return message
    return _OPTION.sub(lambda found: _argument(found[1]), message)


def _argument(option: str) -> str:
    return _NAMES.get(option, option.replace("-", "_"))


@contextmanager
def python_words(call: str) -> Iterator[None]:
    """Have the errors that leave this block speak of a function's arguments."""
    try:
        yield
    except UserError as error:
        error.args = (worded(str(error), call), *error.args[1:])
        if isinstance(error, FaultsError):
            error.lines = tuple(worded(line, call) for line in error.lines)
        raise
