"""A link: one accepted connection as its listener sees it, whatever protocol it speaks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

READ_SIZE = 1 << 16  # octets; the stdlib loop's own 256 KiB blocks are mapped and unmapped by malloc on each read
HANDSHAKE_TIMEOUT = 10.0  # seconds a client has for its TLS handshake
SHUTDOWN_TIMEOUT = 1.0  # seconds a client has to answer close_notify; asyncio's own 30 would hold up a stop
TLS_FAILURES = (OSError, EOFError, asyncio.TimeoutError)  # what a handshake ends with when the client is at fault


class Link(asyncio.Protocol):
    """An asyncio protocol that a listener can count, sweep, dismiss and abort.

    It lives by two times. What is about the machine's network (handshakes, lingering closes) goes by the loop's; how long a
    session waits for its client goes by the time that the listener is given, which can stand still and be moved on.
    """

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    made = False
    """Whether it has its transport."""
    on_made: Callable[[], None] | None = None
    """Called when the connection is made, by plain TCP or after the handshake of implicit TLS."""
    on_lost: Callable[[], None] | None = None
    """Called when the connection is lost; nothing of it is left then."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: here is the transport."""
        self.loop = asyncio.get_running_loop()
        self.take_transport(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Asyncio: the transport is gone."""
        if self.on_lost is not None:
            self.on_lost()

    def take_transport(self, transport: asyncio.BaseTransport) -> None:
        """Use this transport from now on, and read in blocks that malloc keeps."""
        self.made = True
        self.transport = cast(asyncio.Transport, transport)
        if hasattr(transport, "max_size"):  # the stdlib's selector transport; uvloop has its own buffers
            transport.max_size = READ_SIZE

    async def shake_hands(self, tls: ssl.SSLContext) -> asyncio.Transport | None:
        """Put TLS beneath the connection; its new transport, or None where the client is gone. TLS_FAILURES."""
        return await self.loop.start_tls(
            self.transport,
            self,
            tls,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
        )

    def dismiss(self, reason: str) -> None:
        """End the conversation in its protocol's words."""
        raise NotImplementedError

    def abort(self) -> None:
        """Reset the connection."""
        raise NotImplementedError

    def sweep(self, now: float, session_now: float) -> None:
        """Look for limits of time that have passed: of the connection by `now`, the loop's time, of the session by its own."""


def addresses(transport: asyncio.BaseTransport) -> tuple[tuple[str, int], tuple[str, int]]:
    """The client's and the server's host and port; a UNIX socket has its path and 0."""
    return _address(transport.get_extra_info("peername")), _address(transport.get_extra_info("sockname"))


def _address(name: object) -> tuple[str, int]:
    if isinstance(name, tuple):
        return str(name[0]), int(name[1])
    if isinstance(name, bytes):
        name = name.decode("utf-8", "backslashreplace")
    return str(name or "unix"), 0
