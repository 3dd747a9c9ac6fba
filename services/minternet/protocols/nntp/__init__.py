"""NNTP (RFC 3977) with its extensions (RFC 4642, 4643, 4644, 6048, 8054) and the old commands that clients still send."""

from __future__ import annotations

from ...wire.wire import Wire
from ..context import ServiceContext
from . import authentication, capabilities, fresh, groups, lists, overview, posting, reading, transfer
from .session import NntpSession
from .table import TABLE

__all__ = [
    "TABLE",
    "NntpSession",
    "authentication",
    "capabilities",
    "fresh",
    "groups",
    "lists",
    "make_session",
    "overview",
    "posting",
    "reading",
    "transfer",
]


def make_session(wire: Wire, context: ServiceContext) -> NntpSession:
    """A session on a wire."""
    return NntpSession(wire, context)
