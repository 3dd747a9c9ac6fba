"""A receiver of webhooks for tests: it does with each request what its script says next, and keeps what came."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

PATIENCE = 20.0
Action = Callable[[socket.socket], bool]
"""Answers a request; whether the connection goes on."""


@dataclass(frozen=True, slots=True)
class Came:
    """A request that came: its line, fields by lower-case name, body."""

    line: str
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def identity(self) -> str:
        return self.fields["webhook-id"]

    def signed_by(self, secret: str) -> bool:
        """Whether the signature is right, worked out from the specification and not from our own code."""
        key = base64.b64decode(secret[len("whsec_") :])
        said = ".".join((self.identity, self.fields["webhook-timestamp"], self.body.decode()))
        expected = base64.b64encode(hmac.new(key, said.encode(), hashlib.sha256).digest()).decode()
        return self.fields["webhook-signature"] == f"v1,{expected}"


def answer(status: int, *fields: str, body: bytes = b"") -> Action:
    """A whole reply, after which the connection goes on."""
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *fields]

    def act(channel: socket.socket) -> bool:
        channel.sendall("\r\n".join([*head, "", ""]).encode() + body)
        return not any(field.lower() == "connection: close" for field in fields)

    return act


def say(octets: bytes) -> Action:
    """These octets, and the connection ends."""

    def act(channel: socket.socket) -> bool:
        channel.sendall(octets)
        return False

    return act


def reset(channel: socket.socket) -> bool:
    """RST in the place of a reply."""
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang(channel: socket.socket) -> bool:
    """No reply until the client gives up."""
    with contextlib.suppress(OSError):
        channel.recv(1)
    return False


def drip(channel: socket.socket) -> bool:
    """A reply whose head never ends, an octet at a time, until the client gives up."""
    channel.settimeout(0.01)
    try:
        channel.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            channel.sendall(b"x")
            try:
                if not channel.recv(1):
                    return False
            except TimeoutError:
                continue
    except OSError:
        return False


def flood(head: bytes) -> Action:
    """A reply that begins so and never ends, until the client gives up."""

    def act(channel: socket.socket) -> bool:
        try:
            channel.sendall(head)
            while True:
                channel.sendall(b"x" * 65_536)
        except OSError:
            return False

    return act


class Receiver:
    """Listens on a free port of 127.0.0.1 from `open` on; the port is taken before."""

    def __init__(self, *script: Action, tls: ssl.SSLContext | None = None, opened: bool = True) -> None:
        self.script: deque[Action] = deque(script)
        self.otherwise: Action = answer(200)
        self.came: list[Came] = []
        self.connections = 0
        self._tls, self._change, self._ended = tls, threading.Condition(), False
        self._threads: list[threading.Thread] = []
        self._channels: list[socket.socket] = []
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        if opened:
            self.open()

    def open(self) -> None:
        """Be there from now on."""
        self._listening.listen()
        self._run(self._accept)

    def wait(self, number: int) -> list[Came]:
        """The first so many requests, once they are there."""
        with self._change:
            assert self._change.wait_for(lambda: len(self.came) >= number, PATIENCE), self.came
            return self.came[:number]

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events that came, each once, in the order in which they first came."""
        first = {came.identity: came.json["number"] for came in reversed(self.came)}
        return [first[identity] for identity in dict.fromkeys(came.identity for came in self.came)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        for channel in (self._listening, *self._channels):
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended:
            try:
                channel, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._channels.append(channel)
            self._run(self._serve, channel)

    def _serve(self, channel: socket.socket) -> None:
        try:
            if self._tls is not None:
                channel = self._tls.wrap_socket(channel, server_side=True)
                self._channels.append(channel)
            with channel, channel.makefile("rb") as file:
                while (came := _read(file)) is not None:
                    with self._change:
                        self.came.append(came)
                        act = self.script.popleft() if self.script else self.otherwise
                        self._change.notify_all()
                    if not act(channel):
                        return
        except (OSError, ValueError):
            return


def _read(file: Any) -> Came | None:
    line = file.readline().decode().rstrip("\r\n")
    if not line:
        return None
    fields: dict[str, str] = {}
    while field := file.readline().decode().rstrip("\r\n"):
        name, _, value = field.partition(": ")
        fields[name.lower()] = value
    return Came(line, fields, file.read(int(fields["content-length"])))
