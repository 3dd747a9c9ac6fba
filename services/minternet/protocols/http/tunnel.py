"""CONNECT tunnels: the forward proxy's way to https. Whatever host is asked for, the same world is at the other end.

The first octets tell whether TLS comes. If so it is put between the connection's tap, which from then on passes
ciphertext on, and a tap of its own, which goes on with the transcript in plaintext. asyncio's own TLS protocol is used
directly because `start_tls` would throw the octets away by which TLS was recognised.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...wire.link import HANDSHAKE_TIMEOUT, SHUTDOWN_TIMEOUT
from ...wire.tap import Tap
from ...wire.tls import Authority

if TYPE_CHECKING:
    from .protocol import WebProtocol

TLS_HANDSHAKE = b"\x16"
_NAME = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?\Z"
)


class TunnelTls(SSLProtocol):
    """TLS within a tunnel; `shutdown` and `sweep` pass on to the HTTP connection inside."""

    def __init__(self, web: WebProtocol, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.web = web

    def shutdown(self) -> None:
        """End after the exchange that is going on, or now."""
        if self.web.transport is not None:
            self.web.shutdown()

    def sweep(self, now: float, session_now: float) -> None:
        """End what was waited for too long."""
        self.web.sweep(now, session_now)


class Tunnels:
    """Opens tunnels with certificates of the authority, one for each name, made when first asked for."""

    def __init__(self, authority: Authority, names: int, make: Callable[[str], WebProtocol]) -> None:
        self._authority, self._most, self._make = authority, names, make
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, outer: WebProtocol, first: bytes) -> None:
        """Give what comes through the tunnel to a connection of its own, by TLS where the client begins it."""
        inner = self._make(outer.tunnelled)
        transport = outer.transport
        if first[:1] != TLS_HANDSHAKE:
            transport.set_protocol(inner)
            inner.connection_made(transport)
            inner.data_received(first)
            return
        transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._secure(outer, inner, first))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _secure(self, outer: WebProtocol, inner: WebProtocol, first: bytes) -> None:
        transport: Any = outer.transport
        name = host_of(outer.tunnelled)
        context = self._contexts.get(name)
        if context is None:
            if len(self._contexts) >= self._most or not (_NAME.match(name) or ":" in name):
                outer.logger.info("no certificate is made for %r", name)
                transport.abort()
                return
            # Making a key takes longer than others on the loop should wait.
            context = await asyncio.to_thread(self._context, name)
            self._contexts[name] = context
        if transport.is_closing():
            return
        tap = outer.tap
        protocol: asyncio.Protocol = inner
        if tap is not None:
            protocol = inner.tap = Tap(inner, tap.transcript, log=outer.logger)
            if tap.transcript is not None:
                tap.transcript.note(f"TLS in a tunnel to {outer.tunnelled}")
            tap.transcript = None
        transport._force_close = lambda error: transport.abort()  # asyncio's TLS calls it on a fatal error
        tls = TunnelTls(
            inner,
            asyncio.get_running_loop(),
            protocol,
            context,
            None,
            server_side=True,
            ssl_handshake_timeout=int(HANDSHAKE_TIMEOUT),
            ssl_shutdown_timeout=int(SHUTDOWN_TIMEOUT),
        )
        transport.set_protocol(tls)
        tls.connection_made(transport)
        feed(tls, first)
        transport.resume_reading()

    def _context(self, name: str) -> ssl.SSLContext:
        return self._authority.server_context(("http/1.1",), names=(name,))

    def close(self) -> None:
        """Stop what is being opened."""
        for task in tuple(self._tasks):
            task.cancel()


def feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Give octets to a protocol that reads into its own buffer."""
    while data:
        buffer = protocol.get_buffer(len(data))
        size = min(len(buffer), len(data))  # type: ignore[arg-type]
        buffer[:size] = data[:size]  # type: ignore[index]
        protocol.buffer_updated(size)
        data = data[size:]


def host_of(authority: str) -> str:
    """The name or address of host:port, in lower case."""
    host = authority.rpartition(":")[0].lower()
    return host[1:-1] if host.startswith("[") else host.rstrip(".")
