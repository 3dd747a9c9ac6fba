"""The tester's bench: what a test looks at and changes in a running internet, and waits for, in a test's own words."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accounts import AccountHandle, MailboxHandle
    from .clock import ClockHandle
    from .faults import FaultsHandle
    from .files import FilesHandle
    from .letters import Letter
    from .link import Link
    from .mail import MailHandle
    from .news import GroupHandle, Posting
    from .transcripts import Conversation
    from .waiting import NothingMatched, SomethingMatched
    from .web import Received, WebHandle
    from .webhooks import WebhooksHandle

__all__ = [
    "AccountHandle",
    "ClockHandle",
    "Conversation",
    "FaultsHandle",
    "FilesHandle",
    "GroupHandle",
    "Letter",
    "Link",
    "MailHandle",
    "MailboxHandle",
    "NothingMatched",
    "Posting",
    "Received",
    "SomethingMatched",
    "WebHandle",
    "WebhooksHandle",
]
_PLACES = {
    "AccountHandle": "accounts",
    "ClockHandle": "clock",
    "Conversation": "transcripts",
    "FaultsHandle": "faults",
    "FilesHandle": "files",
    "GroupHandle": "news",
    "Letter": "letters",
    "Link": "link",
    "MailHandle": "mail",
    "MailboxHandle": "accounts",
    "NothingMatched": "waiting",
    "Posting": "news",
    "Received": "web",
    "SomethingMatched": "waiting",
    "WebHandle": "web",
    "WebhooksHandle": "webhooks",
}


def __getattr__(name: str) -> Any:
    """The names, imported when they are used: an internet that no test looks at starts without them."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
