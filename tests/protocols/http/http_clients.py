"""What the HTTP tests ask with: http.client for replies, raw sockets for what it would not send or not accept."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stage import Served


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its status, its fields by lower-case name (repeated ones joined by ", "), its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def fetch(
    port: int,
    target: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """One request on a connection of its own."""
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=tls)
    try:
        connection.request(method, target, body, {"Host": "example.org", "User-Agent": "test", **(headers or {})})
        return read_reply(connection.getresponse())
    finally:
        connection.close()


def read_reply(response: http.client.HTTPResponse) -> Reply:
    """The whole of a response."""
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    return Reply(response.status, headers, response.read())


def converse(port: int, *pieces: bytes, end: bool = False) -> bytes:
    """Send the pieces, and return all that comes until the server closes. With `end` the client ends its side first."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for piece in pieces:
            client.sendall(piece)
        if end:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


def read_all(client: socket.socket) -> bytes:
    """Everything until the server's end (or reset)."""
    received = b""
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionResetError:
        received += b"<RESET>"
    return received


def read_until(client: socket.socket, mark: bytes) -> bytes:
    """What comes, up to a mark."""
    received = b""
    while mark not in received:
        piece = client.recv(65536)
        assert piece, f"closed after {received!r}"
        received += piece
    return received


def statuses(replies: bytes) -> list[int]:
    """The statuses of replies that follow each other."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", replies)]


__all__ = ["Reply", "Served", "converse", "fetch", "read_all", "read_reply", "read_until", "statuses"]
