"""Probes: a service is well when it has answered what a client would say first.

No fault strikes a probe, and no transcript, no event and no counter tells of it: each is known by the port it comes from.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import ssl
from collections import deque

from ..protocols.context import Service
from ..wire.tls import Authority
from ..wire.transcript import TranscriptRing
from .binding import StartError, reachable

PROBE_SECONDS = 10.0
"""How long a service may take to answer the probe of its start."""
GIVEN_UP = 64
"""Probes without an answer that are remembered for each service: it may accept their connections yet, when it goes on."""
TURNS = 5
"""Of the loop, in which a server on it learns that a probe has gone."""


class Probes:
    """Those of one internet."""

    def __init__(self, authority: Authority, transcripts: TranscriptRing) -> None:
        self._authority = authority
        self.peers = transcripts.left_out
        """Where probes come from, while they ask, and those of the start until it is over."""
        self._given_up: dict[str, deque[tuple[str, int]]] = {}
        self._starting = True

    def start_is_over(self) -> None:
        """From now on, a probe is forgotten with its answer."""
        self._starting = False
        self.peers.clear()

    async def ask(self, service: Service, listening: socket.socket, seconds: float = PROBE_SECONDS) -> None:
        """Return when the service has answered; StartError, which says in a line what it did instead."""
        address = reachable(listening)
        try:
            async with asyncio.timeout(seconds):
                answer = await self._answer(service, address, listening.family)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            raise StartError(f"{service.name} does not answer on port {address[1]}: {_reason(error)}") from error
        expected = service.probe[1]
        if answer != expected:
            raise StartError(f"{service.name} answers {answer!r} on port {address[1]}, not {expected!r}")

    @functools.cached_property
    def _trusting(self) -> ssl.SSLContext:
        """What probes verify certificates with: the same as a client's."""
        return self._authority.client_context()

    async def _answer(self, service: Service, address: tuple[str, int], family: int) -> bytes:
        say, expected = service.probe
        if not expected:
            return b""
        if service.kind == "datagram":
            return await self._datagram(say, len(expected) + 1, address)
        with contextlib.closing(socket.socket(family)) as probe:
            probe.setblocking(False)
            probe.bind((address[0], 0))
            peer = probe.getsockname()[:2]
            self.peers.add(peer)  # before it connects: no fault is for it
            try:
                await asyncio.get_running_loop().sock_connect(probe, address)
                answer = await _said(probe, say, len(expected), self._trusting if service.tls == "implicit" else None)
            except BaseException:
                self._give_up(service.name, peer)
                raise
        await self._let_go(service.name, peer)
        return answer

    async def _datagram(self, say: bytes, most: int, address: tuple[str, int]) -> bytes:
        with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.connect(address)
            peer = probe.getsockname()[:2]
            self.peers.add(peer)
            try:
                probe.send(say)
                return await asyncio.get_running_loop().sock_recv(probe, most)
            finally:
                if not self._starting:
                    self.peers.discard(peer)

    def _give_up(self, name: str, peer: tuple[str, int]) -> None:
        given_up = self._given_up.setdefault(name, deque())
        given_up.append(peer)
        if len(given_up) > GIVEN_UP:
            self.peers.discard(given_up.popleft())

    async def _let_go(self, name: str, peer: tuple[str, int]) -> None:
        """It was accepted, and so were those before it."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if not self._starting:
            self.peers.discard(peer)
            self.peers.difference_update(self._given_up.pop(name, ()))


async def _said(probe: socket.socket, say: bytes, size: int, context: ssl.SSLContext | None) -> bytes:
    """The first octets that it says, or all where they are fewer."""
    name = "localhost" if context else None
    reader, writer = await asyncio.open_connection(sock=probe, ssl=context, server_hostname=name)
    try:
        writer.write(say)
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    finally:
        writer.transport.abort()


def _reason(error: Exception) -> str:
    """The system's words for what it knows, for loops have their own."""
    if isinstance(error, ConnectionError) and error.errno is not None:
        return f"[Errno {error.errno}] {os.strerror(error.errno)}"
    return str(error) or "timed out"
