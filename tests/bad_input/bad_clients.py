"""Clients that behave badly in every way there is, and one that behaves well, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import select
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minternet import Internet, registry
from minternet.protocols.context import Service

SECONDS = 10.0
"""How long a server may take to answer, or to forget clients that are gone."""
ENOUGH = 1 << 20
"""Octets of a reply after which a client has heard enough (chargen never ends)."""
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
STREAMS = tuple(service for service in registry.SERVICES if service.kind != "datagram")
"""All services over TCP."""
NAMES = tuple(service.name for service in STREAMS)
TLS_NAMES = tuple(service.name for service in STREAMS if service.tls == "implicit")


def row(name: str) -> Service:
    return registry.by_name()[name]


def plain(net: Internet, name: str) -> socket.socket:
    """A TCP connection to a service, whatever it speaks."""
    connection = socket.create_connection(net.supervisor.endpoint(name).address, SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def connected(net: Internet, name: str) -> socket.socket:
    """A connection to a service, behind TLS where it has it from the start."""
    connection = plain(net, name)
    if row(name).tls != "implicit":
        return connection
    return net.ssl_context().wrap_socket(connection, server_hostname="localhost")


def heard(connection: socket.socket, until: bytes = b"\n") -> bytes:
    """What the server says up to (and with) these octets, or to its end."""
    said = bytearray()
    while not said.endswith(until):
        piece = connection.recv(1)
        if not piece:
            break
        said += piece
    return bytes(said)


def to_the_end(connection: socket.socket) -> bytes:
    """All that the server says until it closes, at most `ENOUGH`."""
    said = bytearray()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while len(said) < ENOUGH and (piece := connection.recv(65536)):
            said += piece
    return bytes(said)


def ask(connection: socket.socket, line: bytes) -> bytes:
    """Say a line and hear one."""
    connection.sendall(line + b"\r\n")
    return heard(connection)


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """Say it all while listening, then end: nobody is blocked, however much is said. Stops when the server closes."""
    said = bytearray()
    rest = memoryview(data)
    connection.setblocking(False)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while rest:
            moved = select.select([connection], [connection], [], SECONDS)
            assert moved[0] or moved[1], "neither side moves"
            with contextlib.suppress(*NOT_NOW):
                if not (piece := connection.recv(65536)):
                    return bytes(said)
                said += piece
            with contextlib.suppress(*NOT_NOW):
                rest = rest[connection.send(rest[:65536]) :]
    connection.settimeout(SECONDS)
    if isinstance(connection, ssl.SSLSocket):
        return bytes(said)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
    return bytes(said) + to_the_end(connection)


def reset(connection: socket.socket) -> None:
    """Vanish by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def client_hello(net: Internet) -> bytes:
    """The first octets of a TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        net.ssl_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def serves(net: Internet, name: str) -> None:
    """A well-behaved client is served."""
    say, expected = row(name).probe
    with connected(net, name) as connection:
        connection.settimeout(SECONDS)
        connection.sendall(say)
        said = b""
        while len(said) < len(expected) and (piece := connection.recv(4096)):
            said += piece
        assert said.startswith(expected), (name, said)


def forgets(net: Internet, name: str) -> None:
    """No connection is left counted."""
    running: Any = net.supervisor.supervised[name].running

    async def forgotten() -> None:
        async with asyncio.timeout(SECONDS):
            while running.connections:  # noqa: ASYNC110 - services of all makes tell how many, none tells when it changes
                await asyncio.sleep(0.002)

    try:
        net.call(forgotten())
    except TimeoutError:
        raise AssertionError(f"{name} still counts {running.connections} connections") from None


def kept_objects() -> Counter[str]:
    """How many of what belongs to a connection are alive."""
    gc.collect()
    ends = ("Session", "Wire", "WebProtocol", "Transfer", "Listening", "Tap", "Conversation", "Exchange", "Link")
    found: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        if str(kind.__module__).startswith("minternet.") and kind.__name__.endswith(ends):
            found[kind.__name__] += 1
    return found


def resident() -> int:
    """Octets of this process in memory, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@contextlib.contextmanager
def at_least(seconds: float) -> Iterator[None]:
    """What is inside takes so long, and not ten times as long."""
    began = time.perf_counter()
    yield
    took = time.perf_counter() - began
    assert seconds <= took < seconds * 10 + 5
