"""A webhook as a line of text, for settings and flags: `URL name=ci events=deliver|post secret=whsec_... since=0`."""

from __future__ import annotations

import re
from typing import Any

from .errors import WebhookError

WORDS = ("name", "events", "secret", "since", "timeout", "verify")
SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read(line: str) -> dict[str, Any]:
    """The fields that a line speaks of; WebhookError."""
    url, *rest = line.split() or [""]
    found: dict[str, Any] = {"url": url}
    for text in rest:
        name, equals, value = text.partition("=")
        if not equals or name not in WORDS:
            known = ", ".join(f"{word}=..." for word in WORDS)
            shown = f"{name}=..." if equals else name  # what follows may be a secret
            raise WebhookError("url", f"{shown!r} is not understood: after the URL there may be {known}")
        found[name] = _value(name, value)
    return found


def _value(name: str, value: str) -> Any:
    if name == "events":
        return tuple(filter(None, value.split("|")))
    if name == "verify":
        if value.lower() not in SWITCH:
            raise WebhookError("verify", "verify is yes or no")
        return SWITCH[value.lower()]
    if name in ("since", "timeout"):
        if not re.fullmatch(r"[0-9]{1,15}" if name == "since" else r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
            raise WebhookError(name, f"{name} is a number, not {value[:40]!r}")
        return int(value) if name == "since" else float(value)
    return value


def masked(line: str) -> str:
    """The line with its secret masked, to be shown."""
    return re.sub(r"(?<!\S)secret=\S*", "secret=(set)", line)
