"""HTTP and HTTPS as services: sockets, connections under taps, the application, and the record of requests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from typing import Any

from ...settings import Limits, Settings
from ...wire.link import Link
from ...wire.listener import SWEEP_EVERY, Listener
from ...wire.tap import Tap
from ...world.changes import ReceiveRequest
from ...world.journal import Origin
from ...world.records import Request
from ..context import ServiceContext
from .app import Application
from .exchange import Exchange
from .guard import HeadLimits
from .options import HttpOptions
from .protocol import WebProtocol
from .server import WebServer
from .tunnel import Tunnels

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nConnection: close\r\n"
    b"Retry-After: 1\r\n\r\ntoo many connections\n"
)
ALPN = ("http/1.1",)
SOONEST_SWEEP = 0.05
"""Seconds between two looks at deadlines, where limits are shorter than a second."""


def options_of(settings: Settings) -> HttpOptions:
    """HTTP's part of the settings."""
    limits: Limits = settings.limits
    return HttpOptions(
        shape="go-httpbin" if settings.http_shape == "go-httpbin" else "httpbin",
        limits=HeadLimits(total=limits.http_head_octets, fields=limits.http_fields, body=limits.http_body),
        head_timeout=limits.http_head,
        keep_alive=limits.http_keep_alive,
        record=settings.http_record,
        cors=settings.http_cors,
        proxy_credentials=settings.http_proxy_credentials,
    )


class HttpService:
    """A running HTTP or HTTPS service."""

    def __init__(self, context: ServiceContext, sockets: list[socket.socket], options: HttpOptions) -> None:
        self.context, self.options = context, options
        self._nothing = context.world.blobs.of(b"")
        self.app = Application(context.world, options, context.log, context.mounts)
        self.server = WebServer(
            self._answer,
            options,
            log=context.log,
            now=context.world.clock.now,
            monotonic=context.world.clock.monotonic,
            done=self._record if options.record else None,
        )
        self.tunnels = Tunnels(context.authority, options.tunnel_names, self.server.connection)
        self.server.open_tunnel = self.tunnels.open
        limits = context.settings.limits
        self.listener = Listener(
            sockets,
            self._connection,
            tls=context.authority.server_context(ALPN) if context.implicit_tls else None,
            max_connections=limits.connections,
            busy=BUSY,
            log=context.log,
            handshake_timeout=limits.handshake,
            sweep_every=max(SOONEST_SWEEP, min(SWEEP_EVERY, limits.http_head, limits.http_keep_alive)),
            now=context.world.clock.monotonic,
            watch=context.world.clock.watch,
        )
        self.listener.gate = context.faults_for
        self.listener.uncounted = context.transcripts.left_out

    def _connection(self) -> Tap:
        inner, faults = self.server.connection(), self.context.faults
        inner.tap = Tap(
            inner,
            transcripts=self.context.transcripts,
            service=self.context.service.name,
            passage=faults.passage() if faults is not None else None,
            farewell=_farewell,
            log=self.context.log,
        )
        return inner.tap

    def _answer(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """The application, with the faults there are around it."""
        faults = self.context.faults
        return self.app(scope, receive, send) if faults is None else faults.web.answer(self.app, scope, receive, send)

    def _record(self, exchange: Exchange) -> None:
        """Tell the journal of a request: what came, and how it was answered."""
        scope, world = exchange.scope, self.context.world
        client = scope.get("client") or ("", 0)
        request = Request(
            exchange.head.method.decode("ascii"),
            exchange.head.target.decode("latin-1"),
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            world.blobs.of(bytes(exchange.kept)) if exchange.kept else self._nothing,
            f"{client[0]}:{client[1]}",
            world.clock.now(),
            exchange.status,
            exchange.head.host.decode("latin-1"),
            exchange.route,
        )
        world.commit_now(ReceiveRequest(request), Origin(exchange.conversation))

    # -- what the supervisor asks

    @property
    def links(self) -> list[Link]:
        """The connections that are open."""
        return self.listener.links

    @property
    def connections(self) -> int:
        """How many clients it has now."""
        return self.listener.connections

    async def wait(self) -> None:
        """Return when it was drained; raise what made the listener fail."""
        await self.listener.wait()

    def fail(self, error: Exception) -> None:
        """Let `wait` raise the error; connections live until it is drained."""
        self.listener.fail(error)

    def dismiss(self, reason: str) -> None:
        """Idle connections close, busy ones after their reply (RFC 9112 section 9.6)."""
        self.listener.dismiss(reason)

    async def drain(self, seconds: float) -> None:
        """Stop listening; idle connections close at once, busy ones get so long."""
        self.listener.stop_accepting()
        self.dismiss("stopping")
        await self.listener.drain(seconds)
        self.tunnels.close()
        tasks = [*self.server.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _farewell(inner: asyncio.BaseProtocol, reason: str) -> bytes | None:
    """HTTP has no last words: the connection ends after the reply that is on its way."""
    if isinstance(inner, WebProtocol) or hasattr(inner, "shutdown"):
        inner.shutdown()
        return None
    return b""


async def serve(context: ServiceContext, sockets: list[socket.socket]) -> HttpService:
    """Serve HTTP, or HTTPS where the service has implicit TLS, on these sockets."""
    service = HttpService(context, sockets, options_of(context.settings))
    await service.listener.start()
    return service
