"""SMTP (RFC 5321), message submission (RFC 6409) and LMTP (RFC 2033)."""

from __future__ import annotations

import socket
from functools import partial

from ...wire.listener import SessionListener
from ...wire.wire import Wire
from .. import serving
from ..context import ServiceContext
from . import greeting, inquiry, transaction
from .delivery import WorldHandler
from .session import TABLE, SmtpSession

__all__ = ["TABLE", "SmtpSession", "WorldHandler", "make_session", "serve"]
_FILLERS = (greeting, inquiry, transaction)
"""The modules that fill the table when they are imported."""


def make_session(wire: Wire, context: ServiceContext, handler: object | None = None) -> SmtpSession:
    """A session for one client; any aiosmtpd `handler` may stand in for the one that delivers into the world."""
    return SmtpSession(wire, context, handler)


async def serve(
    context: ServiceContext, sockets: list[socket.socket], handler: object | None = None
) -> SessionListener:
    """Serve SMTP, submission or LMTP with any aiosmtpd `handler` behind it."""
    return await serving.serve(context, sockets, partial(make_session, handler=handler))
