"""Who speaks: the names that datasets give to the three roles of a chat."""

from __future__ import annotations

from typing import Final

_NAMES: Final = {
    "user": ("user", "human", "prompter"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai"),
    "system": ("system", "developer"),
}
_ROLES: Final = {name: role for role, names in _NAMES.items() for name in names}


def role_of(name: object) -> str | None:
    """Return ``user``, ``assistant`` or ``system`` for a name in any case; None for others."""
    return _ROLES.get(name.strip().casefold()) if isinstance(name, str) else None
