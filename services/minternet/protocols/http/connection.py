"""What every HTTP connection has: its parser, its addresses, its flow control, and its place among the server's.

It is the part of uvicorn's `HttpToolsProtocol` that is used here, on the same parser. The class itself would do, but any
import from uvicorn runs its package's `__init__`, and with it click, its command line and multiprocessing: more time than
all of HTTP takes to start. uvicorn's WebSocket protocol is still the one that speaks WebSocket, from the first upgrade on.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

import httptools


class FlowControl:
    """Holds reading while enough is held, and lets an application wait while the client is slow to take its reply."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._writable = asyncio.Event()
        self._writable.set()

    async def drain(self) -> None:
        """Wait until there is room to write."""
        await self._writable.wait()

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        self.write_paused = False
        self._writable.set()


class HttpConnection(asyncio.Protocol):
    """A connection of a server whose open connections are `connections`; the parser calls its `on_...` methods."""

    def __init__(self, connections: set[Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.connections = connections
        # The parser knows no requests after "Connection: close"; the guard, which does, decides about them.
        self.parser: Any = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.flow: FlowControl = None  # type: ignore[assignment]
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int | None] | None = None
        self.scheme: Literal["http", "https"] = "http"
        self.headers: list[tuple[bytes, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connections.add(self)
        self.transport = cast(asyncio.Transport, transport)
        self.flow = FlowControl(self.transport)
        self.client = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        self.scheme = "https" if transport.get_extra_info("sslcontext") else "http"

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        if self.flow is not None:
            self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        self.parser = None  # it holds this connection, and this it

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()


def _address(name: Any) -> tuple[str, int] | None:
    """Host and port of a socket's name; None for one that has no such thing."""
    return (str(name[0]), int(name[1])) if isinstance(name, (tuple, list)) and len(name) >= 2 else None
