"""Echo (RFC 862) and the small services beside it: discard (863), chargen (864), daytime (867), time (868).

By TCP each is a session over a wire; by UDP each is a function from a datagram to its reply. A reply is never sent to a
port where such a service may sit itself: two of them would answer each other for ever.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from ..wire.datagrams import DatagramListener
from ..wire.wire import Session as WireSession
from ..wire.wire import Wire
from ..world.clock import Clock
from ..world.world import World
from .context import ServiceContext

PIECE = 1 << 16
"""Octets read, echoed or generated at a time: what one connection holds in memory."""
SEVENTY_YEARS = 2_208_988_800
"""Seconds from 1900, where RFC 868 starts to count, to 1970."""
LONGEST_CHARGEN_DATAGRAM = 512
"""RFC 864: a reply has between 0 and 512 characters."""
ANSWERING_PORTS = frozenset({7, 13, 17, 19, 37})
"""Well-known ports of services that answer whatever comes: echo, daytime, quote of the day, chargen, time."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _pattern() -> bytes:
    """RFC 864's pattern: 95 lines of 72 printable characters, each line one character further on."""
    characters = bytes(range(0x20, 0x7F)) * 2
    return b"".join(characters[start : start + 72] + b"\r\n" for start in range(95))


PATTERN: Final = _pattern()


class SmallSession:
    """A session of one of these services; they have no words for a farewell."""

    def __init__(self, wire: Wire, context: ServiceContext) -> None:
        self.wire, self.world = wire, context.world
        wire.idle_limit = context.settings.limits.echo_idle

    def farewell(self, reason: str) -> bytes:
        """Nothing: whatever came would be taken for an answer."""
        return b""

    async def serve(self) -> None:
        """Converse until the client has had enough."""
        raise NotImplementedError


class EchoSession(SmallSession):
    """Sends back whatever comes, all of it before its own end; reads no faster than the client does."""

    async def serve(self) -> None:
        wire = self.wire
        while data := await wire.some(PIECE):
            wire.send(data)
            await wire.drain()


class DiscardSession(SmallSession):
    """Throws away whatever comes."""

    async def serve(self) -> None:
        while await self.wire.some(PIECE):
            pass


class ChargenSession(SmallSession):
    """Sends its pattern until the client goes, as fast as the client reads; what comes is thrown away."""

    async def serve(self) -> None:
        block = PATTERN * (PIECE // len(PATTERN))
        while True:
            self.wire.send(block)
            await self.wire.drain()


class DaytimeSession(SmallSession):
    """Says the world's date and time in words."""

    async def serve(self) -> None:
        self.wire.send(daytime(self.world.clock))


class TimeSession(SmallSession):
    """Says the world's time in 32 bits."""

    async def serve(self) -> None:
        self.wire.send(time_1900(self.world.clock))


SESSIONS: Final[Mapping[str, type[SmallSession]]] = MappingProxyType(
    {
        "echo": EchoSession,
        "discard": DiscardSession,
        "chargen": ChargenSession,
        "daytime": DaytimeSession,
        "time": TimeSession,
    }
)


def make_session(wire: Wire, context: ServiceContext) -> WireSession:
    """The session of the service that the context names."""
    return SESSIONS[context.service.name](wire, context)


def daytime(clock: Clock) -> bytes:
    """`Sunday, November 22, 2026 10:28:28-UTC`, in the order that RFC 867 proposes."""
    now = clock.datetime()
    date = f"{DAYS[now.weekday()]}, {MONTHS[now.month - 1]} {now.day}, {now.year}"
    return f"{date} {now:%H:%M:%S}-UTC\r\n".encode()


def time_1900(clock: Clock) -> bytes:
    """Seconds since 1900 in four octets, which begin anew in 2036."""
    return ((int(clock.now()) + SEVENTY_YEARS) & 0xFFFFFFFF).to_bytes(4, "big")


def chargen_datagram(world: World) -> bytes:
    """A piece of the pattern of random length."""
    return PATTERN[: world.chance.random.randint(0, LONGEST_CHARGEN_DATAGRAM)]


ANSWERS: Final[Mapping[str, Callable[[World, bytes], bytes | None]]] = MappingProxyType(
    {
        "echo-udp": lambda world, data: data,
        "discard-udp": lambda world, data: None,
        "chargen-udp": lambda world, data: chargen_datagram(world),
        "daytime-udp": lambda world, data: daytime(world.clock),
        "time-udp": lambda world, data: time_1900(world.clock),
    }
)


async def serve(context: ServiceContext, sockets: list[socket.socket]) -> DatagramListener:
    """Answer the datagrams to these sockets."""
    answer = ANSWERS[context.service.name]
    # All such services of one internet know of each other, so that none answers another.
    others = context.locks.setdefault("datagram listeners", [])
    assert isinstance(others, list)

    def reply(data: bytes, peer: tuple[str, int]) -> bytes | None:
        if peer[1] in ANSWERING_PORTS or any(peer[1] in other.ports for other in others):
            return None
        return answer(context.world, data)

    listener = DatagramListener(
        sockets, reply, service=context.service.name, transcripts=context.transcripts, log=context.log
    )
    await listener.start()
    others.append(listener)
    return listener
