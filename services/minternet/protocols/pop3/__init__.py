"""POP3 (RFC 1939) with its extensions (RFC 2449, 2595, 3206, 5034, 6856), over the world's INBOXes."""

from __future__ import annotations

from ...wire.wire import Wire
from ..context import ServiceContext
from . import authorization, transaction
from .session import TABLE, Pop3Session

__all__ = ["TABLE", "Pop3Session", "authorization", "make_session", "transaction"]


def make_session(wire: Wire, context: ServiceContext) -> Pop3Session:
    """A session on a wire."""
    return Pop3Session(wire, context)
