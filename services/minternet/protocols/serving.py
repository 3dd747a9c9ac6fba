"""How a protocol of sessions becomes a service: the listener with the settings' limits and the service's own TLS."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from ..wire.listener import SessionListener, serve_sessions
from .context import MakeSession, ServiceContext


async def serve(
    context: ServiceContext, sockets: list[socket.socket], make_session: MakeSession, **options: Any
) -> SessionListener:
    """Serve sessions on sockets that listen already; options are those of `SessionListener`."""
    limits = context.settings.limits
    tls = context.authority.server_context() if context.service.tls else None
    return await serve_sessions(
        sockets,
        partial(make_session, context=context),
        service=context.service.name,
        tls=tls if context.implicit_tls else None,
        start_tls=None if context.implicit_tls else tls,
        transcripts=context.transcripts,
        log=context.log,
        max_connections=limits.connections,
        busy=context.service.busy,
        handshake_timeout=limits.handshake,
        **options,
    )
