"""Probes: a service is ready when it has answered what a client would say first.

No fault strikes a probe, and no transcript and no event tells of it: each is known by the port it comes from.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl

from ..protocols.context import Service
from ..wire.tls import Authority
from ..wire.transcript import TranscriptRing
from .binding import StartError, reachable

PROBE_SECONDS = 10.0
"""How long a service may take to answer its first probe."""


class Probes:
    """Those of one internet."""

    def __init__(self, authority: Authority, transcripts: TranscriptRing) -> None:
        self._authority, self._transcripts = authority, transcripts
        self.peers: set[tuple[str, int]] = set()
        """Where probes come from, while they ask, and those of the start until it is over."""
        self._starting = True

    def start_is_over(self) -> None:
        """From now on, a probe is forgotten with its answer."""
        self._starting = False
        self.peers.clear()

    async def ask(self, service: Service, listening: socket.socket) -> None:
        """Return when the service has answered; StartError."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                answer = await self._answer(service, listening)
            if answer != service.probe[1]:
                raise OSError(f"it answered {answer!r}")
        except (OSError, TimeoutError, EOFError, ssl.SSLError) as error:
            reason, port = str(error) or "no answer", listening.getsockname()[1]
            raise StartError(f"{service.name} does not answer on port {port}: {reason}") from error

    @functools.cached_property
    def _trusting(self) -> ssl.SSLContext:
        """What probes verify certificates with: the same as a client's."""
        return self._authority.client_context()

    async def _answer(self, service: Service, listening: socket.socket) -> bytes:
        say, expected = service.probe
        if not expected:
            return b""
        if service.kind == "datagram":
            return await _datagram(say, len(expected) + 1, reachable(listening))
        return await self._said(say, len(expected), listening, self._trusting if service.tls == "implicit" else None)

    async def _said(self, say: bytes, size: int, listening: socket.socket, context: ssl.SSLContext | None) -> bytes:
        """The first octets that it says."""
        host, port = reachable(listening)
        with contextlib.closing(socket.socket(listening.family)) as probe:
            probe.setblocking(False)
            probe.bind((host, 0))
            peer = probe.getsockname()[:2]
            self.peers.add(peer)  # before it connects: no fault is for it
            try:
                await asyncio.get_running_loop().sock_connect(probe, (host, port))
                name = "localhost" if context else None
                reader, writer = await asyncio.open_connection(sock=probe, ssl=context, server_hostname=name)
                try:
                    writer.write(say)
                    return await reader.readexactly(size)
                finally:
                    writer.transport.abort()
            finally:
                self._transcripts.forget_peers({peer})
                if not self._starting:
                    self.peers.discard(peer)


async def _datagram(say: bytes, most: int, address: tuple[str, int]) -> bytes:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.connect(address)
        probe.send(say)
        return await asyncio.get_running_loop().sock_recv(probe, most)
