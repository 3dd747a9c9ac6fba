"""The HTTP service: its application, and its connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from .exchange import Exchange
from .mounts import App
from .options import HttpOptions
from .protocol import WebProtocol


class WebServer:
    """All connections of one HTTP service. `now` gives seconds since 1970, `done` is told of each exchange.

    `monotonic` is the time that limits go by, the loop's if it is not given; who sweeps the connections goes by it, too.
    """

    def __init__(
        self,
        app: App,
        options: HttpOptions,
        *,
        log: logging.Logger,
        now: Callable[[], float],
        monotonic: Callable[[], float] | None = None,
        done: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.app, self.options, self.log, self.monotonic = app, options, log, monotonic
        self.connections: set[Any] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        """Applications that still work on a request whose client is gone."""
        self.open_tunnel: Callable[[WebProtocol, bytes], None] | None = None
        self._now, self._done = now, done
        self._second, self._fields = -1, b""

    def standing_fields(self) -> bytes:
        """Date and Server, as lines; made once a second."""
        second = int(self._now())
        if second != self._second:
            date = formatdate(second, usegmt=True).encode()
            self._second, self._fields = second, b"Date: %b\r\nServer: minternet\r\n" % date
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
        from .websocket import open_websocket

        return open_websocket(self)

    def tunnel(self, connection: WebProtocol, first: bytes) -> None:
        """A CONNECT tunnel's first octets came."""
        if self.open_tunnel is None:
            connection.transport.close()
        else:
            self.open_tunnel(connection, first)
