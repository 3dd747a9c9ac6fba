"""What no protocol has a word for, said to every service: it answers or closes, and serves the next one."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl

import pytest
from bad_clients import (
    ENOUGH,
    NAMES,
    TLS_NAMES,
    ask,
    client_hello,
    connected,
    exchange,
    forgets,
    heard,
    plain,
    reset,
    row,
    serves,
    to_the_end,
)

from minternet import Internet, registry

MEGABYTE = 1_000_000
PLAIN_NAMES = tuple(name for name in NAMES if name not in TLS_NAMES)
EVERY = pytest.mark.parametrize("service", NAMES)
NOISE = {
    "random octets": random.Random(1).randbytes(20_000),
    "random lines": b"\r\n".join(random.Random(2).randbytes(30) for _ in range(200)) + b"\r\n",
    "NULs": b"\x00" * 5000 + b"\r\n",
    "line feeds": b"\n" * 5000,
    "carriage returns": b"\r" * 5000,
    "empty lines": b"\r\n" * 2000,
    "1 MB without an end": b"x" * MEGABYTE,
    "1 MB with an end": b"x" * MEGABYTE + b"\r\nQUIT\r\n",
    "spaces": b" " * 10_000 + b"\r\n",
    "half a line": b"NO",
    "8 bits": bytes(range(128, 256)) * 4 + b"\r\n",
    "Telnet": b"\xff\xf4\xff\xf2ABOR\r\n\xff\xfb\x01",
}
LINES = {
    "smtp": ("smtp_line", b"500 5.5.2", b"500", b"NOOP", b"250"),
    "lmtp": ("smtp_line", b"500 5.5.2", b"500", b"NOOP", b"250"),
    "pop3": ("pop3_line", b"-ERR", b"-ERR", b"CAPA", b"+OK"),
    "nntp": ("nntp_line", b"500", b"501", b"DATE", b"111"),
    "imap": ("line", b"XXX", b"* BAD", b"a NOOP", b"a OK"),
}
"""By service: the limit, what a word of that length is told, one octet more, and a command that must be served then."""


@EVERY
@pytest.mark.parametrize("noise", NOISE)
def test_noise(net: Internet, service: str, noise: str) -> None:
    with connected(net, service) as connection:
        said = exchange(connection, NOISE[noise])
    assert b"Traceback" not in said
    assert len(said) <= 3 * MEGABYTE + ENOUGH


@EVERY
def test_a_client_that_vanishes_in_the_middle_of_a_line(net: Internet, service: str) -> None:
    for vanish in (socket.socket.close, reset):
        for said in (b"", b"x", b"USER al", b"GET / HTTP/1.1\r\nHos", b"a LOGIN {5}\r\nal", b"\r"):
            with connected(net, service) as connection:
                connection.sendall(said)
                vanish(connection)


@pytest.mark.parametrize("service", [name for name in PLAIN_NAMES if name != "chargen"])  # which never ends
def test_a_half_closed_connection_ends(net: Internet, service: str) -> None:
    with plain(net, service) as connection:
        with contextlib.suppress(OSError):  # daytime and time may have said it all
            connection.sendall(b"half a li")
            connection.shutdown(socket.SHUT_WR)
        said = to_the_end(connection)
    assert len(said) < 2000


@pytest.mark.parametrize("service", PLAIN_NAMES)
def test_tls_to_a_plain_port(net: Internet, service: str) -> None:
    hello = client_hello(net)
    for piece in (hello, hello[:20]):
        with plain(net, service) as connection:
            exchange(connection, piece)
    with plain(net, service) as connection, contextlib.suppress(ssl.SSLError, ConnectionError):
        connection.settimeout(0.2 if service in ("echo", "discard") else 5)
        with contextlib.suppress(TimeoutError):
            net.ssl_context().wrap_socket(connection, server_hostname="localhost")


@pytest.mark.parametrize("service", TLS_NAMES)
def test_plain_octets_and_half_handshakes_to_a_tls_port(net: Internet, service: str) -> None:
    hello = client_hello(net)
    for piece in (
        b"EHLO x\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 100,
        hello[:50],
        hello[:5],
        b"\x16\x03\x01\xff\xff" + hello,
    ):
        with plain(net, service) as connection:
            exchange(connection, piece)
        with plain(net, service) as connection:
            connection.sendall(piece)
            reset(connection)
    for piece in (hello, b""):  # the handshake is begun in good order, and never gone on with
        with plain(net, service) as connection:
            connection.sendall(piece)


@pytest.mark.parametrize("service", ["smtp", "pop3", "imap", "nntp", "ftp"])
def test_half_a_handshake_after_starttls(net: Internet, service: str) -> None:
    start = {"pop3": b"STLS", "imap": b"a STARTTLS", "ftp": b"AUTH TLS"}.get(service, b"STARTTLS")
    for piece in (b"", client_hello(net)[:40], b"NOOP\r\n" * 20):
        with plain(net, service) as connection:
            connection.settimeout(10)
            heard(connection)
            if service == "smtp":
                connection.sendall(b"EHLO x\r\n")
                heard(connection, b"250 HELP\r\n")
            assert b"BAD" not in ask(connection, start)
            connection.sendall(piece)


@pytest.mark.parametrize("service", LINES)
def test_lines_at_the_limit(net: Internet, service: str) -> None:
    name, known, too_long, command, served = LINES[service]
    limit = getattr(net.settings.limits, name)
    with connected(net, service) as connection:
        connection.settimeout(10)
        heard(connection)
        assert ask(connection, b"X" * limit).startswith(known)
        assert ask(connection, b"X" * (limit + 1)).startswith(too_long)
        assert ask(connection, b"X" * (limit * 3)).startswith(too_long)
        assert ask(connection, command).startswith(served)


@pytest.mark.parametrize("service", [row.name for row in registry.SERVICES if row.kind == "datagram"])
def test_datagrams(net: Internet, service: str) -> None:
    address = net.supervisor.endpoint(service).address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        for said in (b"", b"\x00", random.Random(3).randbytes(1000), b"x" * 65_507, b"the last"):
            client.sendto(said, address)
        if row(service).probe[1]:
            while client.recvfrom(65_536)[0] != b"the last":
                pass


def test_it_all_goes_on_while_others_behave_badly(net: Internet) -> None:
    with contextlib.ExitStack() as bad:
        for name in NAMES:
            connection = bad.enter_context(plain(net, name))
            connection.sendall(b"\x16\x03" + b"x" * 1000)
        for name in NAMES:
            serves(net, name)
    for name in NAMES:
        forgets(net, name)
