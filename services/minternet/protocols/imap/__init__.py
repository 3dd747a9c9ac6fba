"""IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051) with their extensions; `capabilities.py` says which.

`reader.py` and its neighbours read requests, `session.py` is the conversation, and a command is one function in the file of
its theme, entered in the table of `table.py`.
"""

from __future__ import annotations

from ...wire.wire import Wire
from ..context import ServiceContext
from . import (
    acl,
    append,
    authentication,
    copying,
    fetch,
    idle,
    listing,
    mailboxes,
    metadata,
    notify,
    quota,
    searching,
    sorts,
    store,
)
from .session import ImapSession
from .table import TABLE

__all__ = ["TABLE", "ImapSession", "make_session"]
THEMES = (
    authentication, mailboxes, listing, append, fetch, store, searching, sorts, copying, idle, notify, quota, acl, metadata,
)  # fmt: skip
"""The files of commands; importing them fills the table."""


def make_session(wire: Wire, context: ServiceContext) -> ImapSession:
    """A session for one client."""
    return ImapSession(wire, context)
