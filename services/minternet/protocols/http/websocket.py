"""WebSocket on a connection: uvicorn's protocol on the sans-IO `websockets`, guarded where the two fall over a client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from .server import WebServer

EARLY = 64 * 1024
"""Octets taken before the handshake is answered."""


class UvicornConfig:
    """What uvicorn's protocol class reads of a `uvicorn.Config`; the real one would configure logging."""

    loaded = True
    ws_protocol_class = None
    root_path = ""
    asgi_version = "3.0"
    limit_concurrency = None
    reset_contextvars = False
    ws_max_queue = 32
    ws_per_message_deflate = True
    ws_ping_interval: float | None = None
    ws_ping_timeout: float | None = None

    def __init__(self, server: WebServer) -> None:
        self.loaded_app = server.app
        self.ws_max_size = server.options.websocket_message


class UvicornState:
    """What it reads of a `uvicorn.server.ServerState`."""

    def __init__(self, server: WebServer) -> None:
        self.total_requests = 0
        self.connections: set[Any] = server.connections
        self.tasks: set[asyncio.Task[None]] = server.tasks
        self._fields = server.standing_fields

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The standing fields, for the handshake."""
        pairs = (line.partition(b": ") for line in self._fields().splitlines())
        return [(name, value) for name, _, value in pairs]


def open_websocket(server: WebServer) -> WebSocketProtocol:
    """A protocol that takes over a connection of the server."""
    config: Any = UvicornConfig(server)
    state: Any = UvicornState(server)
    return WebSocketProtocol(config=config, server_state=state, app_state={})


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Frames that come before the handshake is answered wait for it; a handshake that cannot be read is 400."""

    def __init__(self, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._early = b""

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated or self.handshake_complete:
            super().data_received(data)
            return
        self._early += data
        if len(self._early) > EARLY:
            self.transport.abort()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # it was answered with a refusal; uvicorn would log that it was not at all
        if self._early and self.handshake_complete:
            early, self._early = self._early, b""
            if not self.close_sent:
                super().data_received(early)

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is not None:
            super().handle_parser_exception()
            return
        text = b"the WebSocket handshake cannot be read"
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%b" % (len(text), text)
        )
        self.close_sent = True
        self.transport.close()
