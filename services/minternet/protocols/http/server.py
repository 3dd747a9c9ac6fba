"""The HTTP service: its application on uvicorn's protocol class, one connection each, and how it is stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from .exchange import Exchange
from .options import HttpOptions
from .protocol import App, WebProtocol

ASGI_VERSION = "3.0"


class UvicornConfig:
    """What uvicorn's protocol classes read of a `uvicorn.Config`; the real one configures logging and needs more imports."""

    loaded = True
    ws_protocol_class = None
    root_path = ""
    asgi_version = ASGI_VERSION
    limit_concurrency = None
    reset_contextvars = False
    h11_max_incomplete_event_size = None
    ws_max_queue = 32
    ws_per_message_deflate = True
    ws_ping_interval: float | None = None
    ws_ping_timeout: float | None = None

    def __init__(self, app: App, options: HttpOptions) -> None:
        self.loaded_app = app
        self.timeout_keep_alive = options.keep_alive
        self.ws_max_size = options.websocket_message


class UvicornState:
    """What they read of a `uvicorn.server.ServerState`."""

    def __init__(self, fields: Callable[[], bytes]) -> None:
        self.total_requests = 0
        self.connections: set[Any] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._fields = fields

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The standing fields, for the WebSocket handshake."""
        pairs = (line.partition(b": ") for line in self._fields().splitlines())
        return [(name, value) for name, _, value in pairs]


class WebServer:
    """All connections of one HTTP service. `now` gives seconds since 1970, `done` is told of each exchange."""

    def __init__(
        self,
        app: App,
        options: HttpOptions,
        *,
        log: logging.Logger,
        now: Callable[[], float],
        done: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.app, self.options, self.log = app, options, log
        self.state = UvicornState(self.standing_fields)
        self.uvicorn = UvicornConfig(app, options)
        self.open_tunnel: Callable[[WebProtocol, bytes], None] | None = None
        self._now, self._done = now, done
        self._second, self._fields = -1, b""

    def standing_fields(self) -> bytes:
        """Date and Server, as lines; made once a second."""
        second = int(self._now())
        if second != self._second:
            date = formatdate(second, usegmt=True).encode()
            self._second, self._fields = second, b"date: %b\r\nserver: minternet\r\n" % date
        return self._fields

    def connection(self, authority: str = "") -> WebProtocol:
        """A protocol for a new connection."""
        return WebProtocol(self, authority)

    def finished(self, exchange: Exchange) -> None:
        """An exchange is over."""
        if self.log.isEnabledFor(logging.DEBUG):
            scope = exchange.scope
            self.log.debug("%s %s %d", scope["method"], scope["path"], exchange.status)
        if self._done is not None:
            self._done(exchange)

    def websocket(self) -> asyncio.Protocol:
        """A protocol that takes a connection over for WebSocket (imported here: few connections need it)."""
        from .websocket import WebSocketProtocol

        return WebSocketProtocol(config=self.uvicorn, server_state=self.state, app_state={})

    def tunnel(self, connection: WebProtocol, first: bytes) -> None:
        """A CONNECT tunnel's first octets came."""
        if self.open_tunnel is None:
            connection.transport.close()
        else:
            self.open_tunnel(connection, first)
