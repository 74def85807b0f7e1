"""What goes beside a request's body, and comes beside a reply's: the key, and how long to wait."""

from __future__ import annotations

import email.utils
import ipaddress
import os
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from udasa_data.errors import UserError


def server_key() -> str:
    """Return the server's key; "" where none is set.

    Raises:
        UserError: it cannot be one.
    """
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(
            "OPENAI_API_KEY: holds a character that is in no key (white space, or none of ASCII); "
            "set it again"
        )
    return key


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3); None: it does not."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())


def is_loopback(url: str) -> bool:
    """Return whether an address is one of this machine alone."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or no address
        return False
