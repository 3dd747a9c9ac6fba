"""WebSocket on a connection: uvicorn's protocol on the sans-IO `websockets`, guarded where the two fall over a client."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EARLY = 64 * 1024
"""Octets taken before the handshake is answered."""


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
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (len(text), text)
        )
        self.close_sent = True
        self.transport.close()
