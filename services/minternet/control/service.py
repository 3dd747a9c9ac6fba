"""The control service: the hardened HTTP/1.1 of the HTTP service, with the API's application and no other doors."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from ..protocols.context import ServiceContext
from ..protocols.http.exchange import field_name
from ..protocols.http.guard import Head, HeadLimits, Refused
from ..protocols.http.options import HttpOptions
from ..protocols.http.protocol import WebProtocol
from ..protocols.http.server import WebServer
from ..supervisor import Supervisor
from ..wire.listener import Listener
from ..wire.tap import Tap
from .front import Front

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: 70\r\n"
    b'connection: close\r\nretry-after: 1\r\n\r\n{"title":"Service Unavailable","status":503,"detail":"too many calls"}'
)
LASTING = frozenset({"/api/v1/events", "/api/v1/events/stream", "/api/v1/transcripts/stream", "/api/v1/wait"})
"""Where a request may last until something happens."""


class ControlProtocol(WebProtocol):
    """A connection of the API: it tunnels nowhere and speaks no WebSocket."""

    def eof_received(self) -> bool:
        """A client that half-closes gets its reply; who waits for something to happen and hangs up has gone."""
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.scope["path"] in LASTING:
            return False
        return super().eof_received()

    def refusal(self, refused: Refused) -> tuple[bytes, bytes]:
        """What is no HTTP request, or too large a one, is a problem too (RFC 9457)."""
        from .problems import MEDIA_TYPE, document  # here, for most internets refuse nobody
        from .security import RESPONSE_FIELDS

        fields = ((b"content-type", MEDIA_TYPE.encode()), *RESPONSE_FIELDS)
        lines = b"".join(b"%b: %b\r\n" % (field_name(name), value) for name, value in fields)
        return lines, document(refused.status, refused.reason)

    def _connect(self, head: Head) -> None:
        raise Refused(501, "the control service is no proxy")

    def _to_websocket(self, raw: bytes, rest: bytes) -> None:
        raise Refused(501, "the control service speaks no WebSocket; /api/v1/events/stream tells what happens")


class ControlServer(WebServer):
    """All connections of the API."""

    def connection(self, authority: str = "") -> WebProtocol:
        """A protocol for a new connection."""
        return ControlProtocol(self, authority)


class ControlService:
    """The running service. Its own conversations are in no transcript and no journal: they would drown what tests look for."""

    def __init__(self, context: ServiceContext, sockets: list[socket.socket], supervisor: Supervisor) -> None:
        limits = context.settings.limits
        self.context, self.front = context, Front(context, supervisor)
        options = HttpOptions(
            limits=HeadLimits(total=limits.http_head_octets, fields=limits.http_fields, body=limits.file),
            head_timeout=limits.http_head,
            keep_alive=limits.http_keep_alive,
            record=False,
            cors=False,
        )
        self.server = ControlServer(self.front, options, log=context.log, now=context.world.clock.now)
        self.listener = Listener(
            sockets, self._connection, max_connections=limits.connections, busy=BUSY, log=context.log
        )
        self.listener.uncounted = context.transcripts.left_out

    def _connection(self) -> Tap:
        return Tap(self.server.connection(), service=self.context.service.name, farewell=_farewell)

    # -- what the supervisor asks

    @property
    def connections(self) -> int:
        """How many clients it has now."""
        return self.listener.connections

    async def wait(self) -> None:
        """Never returns: a listener does not end by itself."""
        await asyncio.get_running_loop().create_future()

    def dismiss(self, reason: str) -> None:
        """Idle connections close, busy ones after their reply."""
        self.listener.dismiss(reason)

    async def drain(self, grace: float) -> None:
        """Stop listening; waits and streams end now, other requests get so long."""
        self.listener.stop_accepting()
        self.front.close()
        self.dismiss("stopping")
        await self.listener.drain(grace)
        tasks = [*self.server.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _farewell(inner: asyncio.BaseProtocol, reason: str) -> bytes | None:
    """HTTP has no last words: the connection ends after the reply that is on its way."""
    cast(Any, inner).shutdown()
    return None


async def serve(context: ServiceContext, sockets: list[socket.socket]) -> ControlService:
    """Serve the API and the page; the context's `internet` must be the supervisor."""
    if not isinstance(context.internet, Supervisor):
        raise TypeError("control wants the supervisor in its context")
    service = ControlService(context, sockets, context.internet)
    await service.listener.start()
    return service
