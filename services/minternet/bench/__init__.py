"""The tester's bench: what a test looks at and changes in a running internet, and waits for, in a test's own words."""

from __future__ import annotations

from .accounts import AccountHandle, MailboxHandle
from .clock import ClockHandle
from .files import FilesHandle
from .letters import Letter
from .link import Link
from .news import GroupHandle, Posting
from .waiting import NothingMatched, SomethingMatched
from .web import Received, WebHandle

__all__ = [
    "AccountHandle",
    "ClockHandle",
    "FilesHandle",
    "GroupHandle",
    "Letter",
    "Link",
    "MailboxHandle",
    "NothingMatched",
    "Posting",
    "Received",
    "SomethingMatched",
    "WebHandle",
]
