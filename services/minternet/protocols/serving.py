"""How a protocol of sessions becomes a service: the listener with the settings' limits and the service's own TLS."""

from __future__ import annotations

import socket
from typing import Any

from ..wire.listener import SessionListener, serve_sessions
from ..wire.wire import Session, Wire
from .context import MakeSession, ServiceContext


async def serve(
    context: ServiceContext, sockets: list[socket.socket], make_session: MakeSession, **options: Any
) -> SessionListener:
    """Serve sessions on sockets that listen already; options are those of `SessionListener`."""
    limits = context.settings.limits
    tls = context.authority.server_context() if context.service.tls else None

    def make(wire: Wire) -> Session:
        session = make_session(wire, context)
        faults = context.faults_for(wire.peer)
        return session if faults is None else faults.session(session)

    listener = await serve_sessions(
        sockets,
        make,
        service=context.service.name,
        tls=tls if context.implicit_tls else None,
        start_tls=None if context.implicit_tls else tls,
        transcripts=context.transcripts,
        log=context.log,
        max_connections=limits.connections,
        busy=context.service.busy,
        handshake_timeout=limits.handshake,
        now=context.world.clock.monotonic,
        watch=context.world.clock.watch,
        make_passage=lambda: context.faults.passage() if context.faults is not None else None,
        **options,
    )
    listener.gate = context.faults_for
    listener.uncounted = context.transcripts.left_out
    return listener
