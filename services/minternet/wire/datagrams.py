"""Datagrams: a listener that answers each one, from the address that was asked.

It reads the sockets itself, for asyncio's datagram transports drop empty datagrams on their way out and give no say in the
address a reply comes from: a socket bound to all addresses must name it (RFC 1123 section 4.1.3.5, RFC 3542 section 6).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any

from minternet.wire.transcript import Transcript, TranscriptRing

LARGEST = 65535  # octets of a datagram, and more than UDP over IPv4 can carry (65,507)
AT_ONCE = 64  # datagrams answered before other work on the loop has its turn
BUFFER = 1 << 20  # octets the kernel may keep for a socket (as far as it lets us): ten of the largest datagrams
# Clients with a transcript of their own: who was silent for longest makes room, so that a flood pushes out no other conversations.
PEERS = 64
CONTROL_ROOM = 128  # octets for the ancillary data that says which address was asked
IP_PKTINFO = 8  # Linux; the socket module names it from Python 3.14 on only

Ancillary = list[tuple[int, int, bytes]]


class DatagramListener:
    """Calls `answer(data, peer)` for every datagram to `sockets` (which it closes in the end); None is no reply."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        answer: Callable[[bytes, tuple[str, int]], bytes | None],
        *,
        service: str = "",
        transcripts: TranscriptRing | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self.sockets = list(sockets)
        self.received = 0
        """Datagrams ever received."""
        self.ports = frozenset(int(bound.getsockname()[1]) for bound in sockets)
        """The port numbers it listens on; none once it is drained."""
        self._answer = answer
        self._service, self._transcripts = service, transcripts
        self._records: dict[tuple[str, int], Transcript] = {}
        """The transcript of each client, the one that spoke last at the end."""
        self._log = log or logging.getLogger(__name__)
        self._ended: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop

    @property
    def connections(self) -> int:
        """Datagrams have none."""
        return 0

    async def start(self) -> None:
        """Answer from now on."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        for bound in self.sockets:
            bound.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                bound.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            self._loop.add_reader(bound.fileno(), self._readable, bound, _learn_asked(bound))

    async def wait(self) -> None:
        """Return when it was drained."""
        assert self._ended is not None
        await asyncio.shield(self._ended)

    def dismiss(self, reason: str) -> None:
        """Nothing: there is nobody to say farewell to."""

    async def drain(self, seconds: float = 0.0) -> None:
        """Stop: what has not been read is lost, as datagrams may be."""
        for bound in self.sockets:
            if bound.fileno() >= 0:
                self._loop.remove_reader(bound.fileno())
            bound.close()
        self.ports = frozenset()
        for record in self._records.values():
            record.close()
        self._records.clear()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _readable(self, bound: socket.socket, names_asked: bool) -> None:
        for _ in range(AT_ONCE):
            try:
                data, ancillary, _, peer = bound.recvmsg(LARGEST, CONTROL_ROOM if names_asked else 0)
                self.received += 1
                self._reply(bound, data, peer, _asked(ancillary))
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # A reply that nobody takes, or that finds no room: datagrams get lost.
                self._log.debug("%s: %s", self._service, error)
            except Exception:
                self._log.exception("%s: a datagram could not be answered", self._service)

    def _reply(self, bound: socket.socket, data: bytes, peer: tuple[Any, ...], asked: Ancillary) -> None:
        client = str(peer[0]), int(peer[1])
        reply = self._answer(data, client)
        if self._transcripts is not None:
            record = self._record(self._transcripts, client, bound)
            record.client(data)
            if reply is not None:
                record.server(reply)
        if reply is not None:
            bound.sendmsg([reply], asked, 0, peer)

    def _record(self, ring: TranscriptRing, client: tuple[str, int], bound: socket.socket) -> Transcript:
        """The client's transcript, a new one where it has none."""
        record = self._records.pop(client, None)
        if record is None or not record.kept:
            host, port = bound.getsockname()[:2]
            record = ring.open(self._service, client, (host, port))
        if record.kept:
            self._records[client] = record
        if len(self._records) > PEERS:
            ring.discard(self._records.pop(next(iter(self._records))))
        return record


def _learn_asked(bound: socket.socket) -> bool:
    """Have the kernel say which address a datagram was sent to, where the socket is bound to all; whether it will."""
    if sys.platform != "linux" or bound.getsockname()[0] not in ("0.0.0.0", "::"):
        return False
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        bound.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    return True


def _asked(ancillary: Ancillary) -> Ancillary:
    """What makes the reply come from the address that was asked."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            _, _, address = struct.unpack("=I4s4s", data[:12])
            return [(level, kind, struct.pack("=I4s4s", 0, address, bytes(4)))]
        if (level, kind) == (socket.IPPROTO_IPV6, getattr(socket, "IPV6_PKTINFO", None)):
            return [(level, kind, data)]
    return []
