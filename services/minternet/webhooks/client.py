"""A receiver's connection: one request after the other on it, replies read by httptools, everything bounded."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Protocol, cast

import httptools
import msgspec

from .errors import DeliveryFailed
from .target import Target

HEAD_OCTETS = 65_536
"""The head of a reply, with interim replies before it."""
BODY_OCTETS = 65_536
"""What is read of a reply's body, to keep the connection; longer ones cost it."""
BODY_SECONDS = 1.0
"""How long the body is waited for: its status has told all."""
Address = tuple[str, int]


class Answer(msgspec.Struct, frozen=True):
    """A reply: its status, and what Retry-After asks for in seconds."""

    status: int
    retry_after: float | None = None


class Watchful(Protocol):
    """Who is told of connections as they are made and end, by their own address."""

    def opened(self, address: Address) -> None: ...

    def closed(self, address: Address) -> None: ...


class Connection(asyncio.Protocol):
    """Reads the replies of one connection. Octets that nobody asked for end it, or they would pass for the next reply."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.reusable = True
        self.begun = False
        """Whether anything of a reply has come."""
        self.head: asyncio.Future[Answer] | None = None
        self.whole: asyncio.Future[None] | None = None
        self._received = 0
        self._retry_after = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def connection_lost(self, error: Exception | None) -> None:
        self.reusable = False
        self._fail(
            "the connection was closed before a reply came" if error is None else f"the connection broke: {error}"
        )
        if self.whole is not None and not self.whole.done():
            self.whole.set_result(None)

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the head of its reply, and then `whole` is its end."""
        assert self.transport is not None
        loop = asyncio.get_running_loop()
        self.head, self.whole = loop.create_future(), loop.create_future()
        self.begun, self._received, self._retry_after = False, 0, ""
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(request)
        return self.head

    def abort(self) -> None:
        """Close at once."""
        self.reusable = False
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        self.begun = True
        if self.whole is None or self.whole.done():
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("it wants to switch protocols (101)")
        except httptools.HttpParserError as error:
            self._fail(f"what came is no HTTP reply: {error}")
        assert self.head is not None
        if not self.head.done() and self._received > HEAD_OCTETS:
            self._fail(f"the head of its reply is longer than {HEAD_OCTETS} octets")
        elif self._received > HEAD_OCTETS + BODY_OCTETS:
            self.abort()

    def _fail(self, reason: str) -> None:
        if self.head is not None and not self.head.done():
            self.head.set_exception(DeliveryFailed(reason))
            self.abort()

    # -- what httptools tells

    def on_message_begin(self) -> None:
        if self.whole is not None and self.whole.done():
            self.reusable = False  # a second reply to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value[:100].decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and self.head is not None and not self.head.done():
            self.head.set_result(Answer(status, seconds_of(self._retry_after)))

    def on_message_complete(self) -> None:
        if self.head is None or not self.head.done() or self.whole is None:  # an interim reply
            return
        self.reusable = self.reusable and bool(self._parser.should_keep_alive())
        if not self.whole.done():
            self.whole.set_result(None)


class Client:
    """Posts to one target, on one connection as long as both sides keep it."""

    def __init__(self, target: Target, trusting: Callable[[], ssl.SSLContext] | None, watchful: Watchful) -> None:
        self._target, self._trusting, self._watchful = target, trusting, watchful
        self._connection: Connection | None = None
        self._own: Address | None = None

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def post(self, fields: bytes, body: bytes, timeout: float) -> Answer:
        """Send a request, and return its answer within so many seconds; DeliveryFailed."""
        target = self._target
        request = b"POST %b HTTP/1.1\r\nhost: %b\r\n%bcontent-length: %d\r\n\r\n%b" % (
            target.path.encode(),
            target.authority.encode(),
            fields,
            len(body),
            body,
        )
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(request)
        except TimeoutError:
            self.close()
            raise DeliveryFailed(f"no reply within {timeout:g} s") from None
        except BaseException:
            self.close()
            raise

    async def _exchange(self, request: bytes) -> Answer:
        kept = self._connection
        if kept is not None and kept.reusable:
            try:
                answer = await kept.ask(request)
            except DeliveryFailed:
                if kept.begun:
                    raise
                self.close()  # it was closed while it lay idle: that is no failure
            else:
                return await self._finish(kept, answer)
        self.close()
        connection = await self._connect()
        return await self._finish(connection, await connection.ask(request))

    async def _finish(self, connection: Connection, answer: Answer) -> Answer:
        assert connection.whole is not None
        if not connection.whole.done():
            await asyncio.wait((connection.whole,), timeout=BODY_SECONDS)
        if not connection.whole.done() or not connection.reusable:
            self.close()
        return answer

    async def _connect(self) -> Connection:
        """A new connection, to the first of the addresses that takes it."""
        errors = []
        for address in self._target.addresses:
            try:
                return await self._connect_to(address)
            except ssl.SSLError as error:
                raise DeliveryFailed(f"TLS failed: {getattr(error, 'verify_message', '') or error}") from None
            except OSError as error:
                errors.append(f"{address}: {error.strerror or error}")
                self.close()
        raise DeliveryFailed(f"cannot connect to port {self._target.port} of {'; '.join(errors)}")

    async def _connect_to(self, address: str) -> Connection:
        channel = await self._channel_to(address)
        context = self._trusting() if self._trusting is not None else None
        name = self._target.host if context is not None else None
        loop = asyncio.get_running_loop()  # which closes the channel where the handshake fails
        _, connection = await loop.create_connection(Connection, sock=channel, ssl=context, server_hostname=name)
        self._connection = connection
        return connection

    async def _channel_to(self, address: str) -> socket.socket:
        """Its own address is settled first, so that a service of ours can be told who comes before it is there."""
        family, source = (socket.AF_INET6, "::1") if ":" in address else (socket.AF_INET, "127.0.0.1")
        channel = socket.socket(family, socket.SOCK_STREAM)
        try:
            channel.setblocking(False)
            channel.bind((source, 0))
            self._own = (source, channel.getsockname()[1])
            self._watchful.opened(self._own)
            await asyncio.get_running_loop().sock_connect(channel, (address, self._target.port))
            if channel.getsockname()[:2] == channel.getpeername()[:2]:  # TCP's simultaneous open, with itself
                raise ConnectionRefusedError("nobody listens")
        except BaseException:
            channel.close()
            raise
        return channel

    def close(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
        own, self._own = self._own, None
        if own is not None:
            self._watchful.closed(own)


def seconds_of(retry_after: str) -> float | None:
    """What Retry-After asks for: seconds, or a date (RFC 9110 section 10.2.3); None where it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (ValueError, OverflowError):
        return None
