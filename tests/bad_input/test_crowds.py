"""Many clients, hasty clients, and clients that never read: everybody else is served, and afterwards nothing is left."""

from __future__ import annotations

import contextlib
import select
import socket
import time

import pytest
from bad_clients import (
    NAMES,
    STREAMS,
    TLS_NAMES,
    connected,
    forgets,
    heard,
    kept_objects,
    plain,
    reset,
    resident,
    row,
    serves,
    to_the_end,
)

from minternet import Internet, Settings
from minternet.settings import Limits

IDLE = 200
MANY = ("smtp", "ftp", "http")
"""One of each machinery: our wire, pyftpdlib's channels, uvicorn's protocol. They have 2,000 quick connections."""
MEBIBYTE = 1 << 20
USUAL = pytest.mark.parametrize("service", [service.name for service in STREAMS if service.on])


@USUAL
def test_200_idle_sessions(net: Internet, service: str) -> None:
    serves(net, service)
    forgets(net, service)
    before = kept_objects()
    with contextlib.ExitStack() as idle:
        for _ in range(IDLE):
            idle.enter_context(plain(net, service))
        serves(net, service)
        assert net.supervisor.supervised[service].running.connections >= IDLE  # type: ignore[union-attr]
    forgets(net, service)
    assert not kept_objects() - before


@USUAL
def test_quick_connections(net: Internet, service: str) -> None:
    """They only connect; every hundredth resets, every tenth says something first."""
    before = resident()
    for number in range(2000 if service in MANY else 100):
        connection = plain(net, service)
        with contextlib.suppress(ConnectionError):
            if number % 10 == 0:
                connection.sendall(b"NOOP\r\n")
        reset(connection) if number % 100 == 0 else connection.close()
    forgets(net, service)
    assert resident() - before < 64 * MEBIBYTE


@pytest.mark.parametrize("service", TLS_NAMES)
def test_quick_handshakes(net: Internet, service: str) -> None:
    for _ in range(40):
        connected(net, service).close()


UNREAD = {
    "echo": b"hello\r\n" * 1000,
    "http": b"GET /bytes/1000 HTTP/1.1\r\nHost: x\r\n\r\n" * 100,
    "https": b"GET /bytes/1000 HTTP/1.1\r\nHost: x\r\n\r\n" * 100,
    "control": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100,
    "imap": b"a CAPABILITY\r\n" * 500,
    "imaps": b"a CAPABILITY\r\n" * 500,
    "pop3": b"CAPA\r\n" * 1000,
    "pop3s": b"CAPA\r\n" * 1000,
    "smtp": b"HELP\r\n" * 1000,
    "smtps": b"HELP\r\n" * 1000,
    "lmtp": b"HELP\r\n" * 1000,
    "submission": b"HELP\r\n" * 1000,
    "nntp": b"LIST\r\nHELP\r\n" * 500,
    "nntps": b"LIST\r\nHELP\r\n" * 500,
    "ftp": b"HELP\r\n" * 1000,
    "ftps": b"HELP\r\n" * 1000,
}


@pytest.mark.parametrize("service", UNREAD)
def test_a_client_that_never_reads(net: Internet, service: str) -> None:
    """What it says stays in the kernel once nobody takes the replies: the server holds no more than a bound."""
    before = resident()
    with connected(net, service) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        heard_nothing = _say_until_stuck(connection, UNREAD[service])
        serves(net, service)
        assert resident() - before < 48 * MEBIBYTE
    assert heard_nothing


def _say_until_stuck(connection: socket.socket, data: bytes) -> bool:
    """Send and never read, until the server takes no more, or closes; whether that came before 64 MiB."""
    connection.setblocking(False)
    sent, data = 0, data * (1 + (1 << 16) // len(data))
    until = time.monotonic() + 8
    while sent < 64 * MEBIBYTE and time.monotonic() < until:
        if not select.select([], [connection], [], 0.25)[1]:
            return True
        try:
            sent += connection.send(data)
        except (BlockingIOError, TimeoutError):
            continue
        except OSError:
            return True
    return sent < 64 * MEBIBYTE


@pytest.mark.parametrize("service", NAMES)
def test_the_connection_over_the_limit_is_told_so(net: Internet, service: str) -> None:
    limits = Limits(connections=2)
    settings = Settings(ephemeral=True, authority=net.settings.authority, services=(service,), limits=limits)
    with Internet(settings=settings) as full, contextlib.ExitStack() as idle:
        serves(full, service)
        forgets(full, service)
        kept = [idle.enter_context(connected(full, service)) for _ in range(2)]
        for connection in kept if row(service).probe[1] and not row(service).probe[0] else ():
            heard(connection)
        try:
            with connected(full, service) as third:
                third.settimeout(10)
                said = to_the_end(third)
        except OSError:
            said = b""
        assert said.startswith(
            row(service).busy or (b"HTTP/1.1 503 " if row(service).scheme.startswith("http") else b"")
        )
        kept[0].close()
        _served_again(full, service)


def _served_again(net: Internet, service: str) -> None:
    """One has left: there is room, as soon as the server knows."""
    until = time.monotonic() + 10
    while True:
        try:
            serves(net, service)
        except (AssertionError, OSError):
            assert time.monotonic() < until, "no room"
        else:
            return
