"""WebSocket: the echo with permessage-deflate, its limits, and what is no WebSocket."""

from __future__ import annotations

import socket

import pytest
from http_clients import converse, fetch, read_all, read_until, statuses
from stage import Served
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

UPGRADE = (
    b"GET /websocket/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MASKED_HI = b"\x82\x82\x00\x00\x00\x00hi"


def test_echo(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/websocket/echo") as client:
        assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
        for message in ("hello", b"\x00\xff", "ü" * 1000, b"x" * 200_000, ""):
            client.send(message)
            assert client.recv(timeout=5) == message
        client.send(["in ", "several ", "frames"])
        assert client.recv(timeout=5) == "in several frames"
        assert client.ping().wait(5)


def test_echo_over_tls_with_a_subprotocol(web: Served) -> None:
    url = f"wss://localhost:{web.ports['https']}/websocket/echo"
    with connect(url, ssl=web.authority.client_context(), subprotocols=["chat"]) as client:  # type: ignore[list-item]
        assert client.subprotocol == "chat"
        client.send("hello")
        assert client.recv(timeout=5) == "hello"


def test_the_first_message_may_come_with_the_handshake(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(UPGRADE + MASKED_HI)
        head, _, received = read_until(client, b"\r\n\r\n").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        while len(received) < 4:
            received += client.recv(100)
        assert received == b"\x82\x02hi"


def test_messages_over_the_limit(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/websocket/echo?max_message_size=10", compression=None) as client:
        client.send("x" * 10)
        assert client.recv(timeout=5) == "x" * 10
        client.send("x" * 11)
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/websocket/echo?max_message_size=0", 400),
        ("/websocket/echo?max_fragment_size=9&max_message_size=1", 400),
        ("/ip", 404),
    ],
)
def test_handshakes_that_are_refused(port: int, target: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}{target}"):
        pass
    assert refused.value.response.status_code == status


def test_what_is_no_handshake(port: int) -> None:
    old = converse(port, UPGRADE.replace(b"-Version: 13", b"-Version: 7"))
    assert statuses(old) == [426]
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in old
    assert statuses(converse(port, UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"))) == [400]
    assert fetch(port, "/websocket/echo").status == 404


def test_frames_that_break_the_rules(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(UPGRADE)
        read_until(client, b"\r\n\r\n")
        client.sendall(b"\x82\x02hi")  # a client must mask
        received = read_all(client)
        assert (received[:1], received[2:4]) == (b"\x88", (1002).to_bytes(2, "big"))
