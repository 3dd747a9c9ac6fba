"""HTTP/1.1 on a connection: the httptools parser behind the guard.

The guard finds the messages; octets of the next one stay here until the current exchange is over, so pipelined requests
are answered in order, a refusal never overtakes a reply, and what follows an upgrade or a CONNECT is not misread. No
connection has a timer, which would cost as much for each request as parsing it: the listener's sweep looks at deadlines.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import re
from collections.abc import Callable
from typing import Any, Literal, Protocol
from urllib.parse import quote_from_bytes

import httptools
from msgspec import structs

from ...wire.tap import Tap
from .connection import HttpConnection
from .exchange import Exchange, request_scope, status_line
from .guard import Framing, Head, Refused, check_unfinished, read_head
from .mounts import App
from .options import HttpOptions

HELD = 64 * 1024
"""Octets of following requests held while one is answered; more are left in the kernel's buffer."""
EMPTY_LINES = 8
"""Empty lines skipped before a request line (RFC 9112 section 2.2)."""

_VALUE = rb"([^\r \t]*+(?:[ \t]++[^\r \t]++)*+)[ \t]*+\r\n"
"""A field's value to its end, without the blanks there; linear, however many blanks there are."""
_CREDENTIALS = re.compile(rb"\r\nproxy-authorization:[ \t]*basic ++" + _VALUE, re.IGNORECASE)
_SECRETS = re.compile(rb"\r\n(?:proxy-)?authorization:[ \t]*+(?:[A-Za-z0-9-]++[ \t]++)?" + _VALUE, re.IGNORECASE)
"""What transcripts mask: the credentials of the client (RFC 9110 section 11.6)."""
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
MASKED_UPGRADE = b"x-minternet-upgrade"
"""The name under which the parser is shown an Upgrade field that is ignored."""
_VERSION = re.compile(rb"\r\nsec-websocket-version:[ \t]*+" + _VALUE, re.IGNORECASE)
_PRINTABLE = bytes(range(0x21, 0x7F)).decode()

Awaiting = Literal["request", "head", "body", "nothing", "drain", "end"]


class Host(Protocol):
    """What a connection needs of its server."""

    options: HttpOptions
    app: App
    log: logging.Logger
    monotonic: Callable[[], float] | None
    connections: set[Any]
    tasks: set[asyncio.Task[None]]

    def standing_fields(self) -> bytes: ...

    def finished(self, exchange: Exchange) -> None: ...

    def websocket(self) -> asyncio.Protocol: ...

    def tunnel(self, connection: WebProtocol, first: bytes) -> None: ...


class WebProtocol(HttpConnection):
    """One connection. `authority` is the host of the CONNECT tunnel it lies in, "" outside of one."""

    def __init__(self, host: Host, authority: str = "") -> None:
        super().__init__(host.connections)
        self.cycle: Exchange = None  # type: ignore[assignment]
        self.host = host
        self.authority = authority
        self.options = host.options
        self.logger = host.log
        self.standing_fields = host.standing_fields
        self.recorded_body = host.options.recorded_body if host.options.record else 0
        self._pending = b""
        self._looked_at = 0
        self._head: Head | None = None
        self._framing: Framing | None = None
        self._message_complete = False
        self._ended = False
        self.tunnelled = ""
        """Where a CONNECT that was answered leads; the octets after it are not HTTP of this connection."""
        self.tap: Tap | None = None
        self._awaiting: Awaiting = "request"
        self._deadline: float | None = None
        self._now = host.monotonic or self.loop.time

    # -- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.tap is not None and self.tap.transcript is not None:
            self.tap.transcript.secrets_in = _SECRETS
        self._await("request", self.options.keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        cycle = self.cycle
        self._retire()
        if cycle is not None:
            cycle.disconnected = cycle.disconnected or not cycle.response_complete
            cycle.message_event.set()
        super().connection_lost(exc)
        task = None if cycle is None else cycle.task
        if task is not None and not task.done():
            self.host.tasks.add(task)
            task.add_done_callback(self.host.tasks.discard)
            if cycle.abandons and not cycle.response_complete:
                task.cancel()

    def eof_received(self) -> bool:
        """A client may send its end and still wait for the reply; TLS has no such half-close."""
        self._ended = True
        if self._busy and self._framing is None and self._awaiting != "end" and self.scheme == "http":
            self.cycle.keep_alive = False
            return True
        return False

    def data_received(self, data: bytes) -> None:
        if self._awaiting == "end":
            return
        if self.tunnelled:
            self._pending = data
            self._enter_tunnel()
            return
        self._pump(self._pending + data if self._pending else data)

    def _enter_tunnel(self) -> None:
        """The tunnel's first octets came: from here on it is a connection of its own."""
        self._retire()
        first, self._pending = self._pending, b""
        self.host.tunnel(self, first)

    def _retire(self) -> None:
        """This protocol is done: the connection is gone, or another's."""
        self.connections.discard(self)
        self._await("nothing", None)

    def pause_writing(self) -> None:
        """The client is slow to take the reply; one that takes nothing at all is given up in time."""
        super().pause_writing()
        if self._awaiting == "nothing":
            self._await("drain", self.options.body_timeout)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._awaiting == "drain":
            self._await("nothing", None)

    def shutdown(self) -> None:
        """End after the exchange that is going on, or now."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.keep_alive = False

    # -- messages

    @property
    def ended(self) -> bool:
        """Whether the client has sent its end."""
        return self._ended

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _pump(self, data: bytes) -> None:
        """Hand on as much of the data as may be looked at now; keep the rest."""
        at = 0
        try:
            while at < len(data) and self._awaiting != "end" and not self.tunnelled:
                if self._framing is not None:
                    at = self._take_body(self._framing, data, at)
                elif self._busy or (end := self._find_head(data, at)) < 0:
                    break
                else:
                    at = self._take_head(data, at, end)
        except Refused as refused:
            self.refuse(refused)
            return
        except httptools.HttpParserError as error:
            self.refuse(Refused(400, f"the parser refuses it: {error}"))
            return
        self._pending = data[at:] if at else data
        if self.tunnelled and self._pending:
            self._enter_tunnel()
        elif not self._busy:
            self.flow.resume_reading()
        elif len(self._pending) > HELD:
            self.flow.pause_reading()

    def _find_head(self, data: bytes, at: int) -> int:
        """Where the head that begins here ends, or -1 when that has not come yet."""
        start = at
        while data.startswith(b"\r\n", start) and start - at < 2 * EMPTY_LINES:
            start += 2
        end = data.find(b"\r\n\r\n", max(start, at + self._looked_at - 3))
        if end >= 0:
            self._looked_at = 0
            return end + 4
        rest = data[start:]
        if rest and rest != b"\r":
            check_unfinished(rest, self.options.limits, max(0, self._looked_at - (start - at)))
            if self._awaiting != "head":
                self._await("head", self.options.head_timeout)
        self._looked_at = len(data) - at
        return -1

    def _take_head(self, data: bytes, at: int, end: int) -> int:
        """Begin the message whose head is data[at:end]; returns where the next thing begins."""
        raw = data[at:end].lstrip(b"\r\n")
        head = read_head(raw, self.options.limits)
        if not head.target.isascii():
            # Clients send raw UTF-8; the parser takes only what RFC 3986 allows.
            encoded = quote_from_bytes(head.target, safe=_PRINTABLE).encode("ascii")
            raw, head = raw.replace(head.target, encoded, 1), structs.replace(head, target=encoded)
        websocket = head.upgrade == b"websocket" and head.method == b"GET" and not head.has_body
        if head.upgrade and not websocket:
            # An upgrade nobody here offers (h2c) is ignored (RFC 9110 section 7.8); the parser would stop for it.
            raw = _UPGRADE.sub(b"\r\n%b:" % MASKED_UPGRADE, raw)
        self._head = head
        if head.form in ("authority", "absolute"):
            self.check_proxy(raw)
        if head.form == "authority":
            self._connect(head)
        elif websocket:
            self._to_websocket(raw, data[end:])
            return len(data)
        else:
            self._message_complete = False
            self._framing = Framing(head, self.options.limits) if head.has_body else None
            self._await("body" if head.has_body else "nothing", self.options.body_timeout if head.has_body else None)
            self._feed(raw)
            if self._framing is None:
                self._check_complete()
        return end

    def _take_body(self, framing: Framing, data: bytes, at: int) -> int:
        stop, content = framing.take(data, at)
        if framing.done:
            self.cycle.request_trailers = framing.trailers
        if content:
            self._feed(content)
        if framing.done:
            self._framing = None
            self._await("nothing", None)
            self._check_complete()
            if not self._busy:
                self._next()
        else:
            self._await("body", self.options.body_timeout)
        return stop

    def _feed(self, data: bytes) -> None:
        self.parser.feed_data(data)
        if self._framing is not None and self._message_complete and not self._framing.done:
            raise Refused(400, "the parser reads the end of the body elsewhere")

    def _check_complete(self) -> None:
        if not self._message_complete:
            raise Refused(400, "the parser does not see the end of the message")

    def on_message_complete(self) -> None:
        self._message_complete = True
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HELD:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_begin(self) -> None:
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Make the request an ASGI scope, and start the application."""
        head = self._head
        assert head is not None
        if head.upgrade:
            self.headers = [(b"upgrade" if name == MASKED_UPGRADE else name, value) for name, value in self.headers]
        scope = request_scope(head, self.headers, self.scheme, self.client, self.server)
        keep_alive = head.keep_alive and not self._ended
        cycle = self.cycle = Exchange(head, scope, self.transport, self.flow, self, keep_alive)
        scope["extensions"]["minternet.exchange"] = cycle
        cycle.task = self.loop.create_task(cycle.run_asgi(self.host.app))

    # -- after an exchange

    def on_response_complete(self) -> None:
        cycle = self.cycle
        self.host.finished(cycle)
        if self.transport.is_closing():
            return
        if not cycle.keep_alive:
            self._end(linger=self._framing is not None or bool(self._pending))
            return
        # While more is held, each reply would let in more than it takes away.
        if self._framing is not None or len(self._pending) <= HELD:
            self.flow.resume_reading()
        if self._framing is None:
            self._next()

    def _next(self) -> None:
        """Wait for the next request, or take it from what came already."""
        self._await("request", self.options.keep_alive)
        if self._pending and self.cycle.response_complete:
            # Not from within the application's own call: its frames would pile up over a long pipeline.
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._pending and self._awaiting != "end" and not self.transport.is_closing():
            pending, self._pending = self._pending, b""
            self._pump(pending)

    def refuse(self, refused: Refused) -> None:
        """Say why, and end the connection; a reply that has begun is cut off instead."""
        self._pending, self._framing = b"", None
        if self._busy and self.cycle.response_started:
            self.abort()
            return
        if self._busy and self.cycle.task is not None:
            self.cycle.disconnected = True
            self.cycle.task.cancel()
        fields, text = self.refusal(refused)
        self.logger.debug("refused with %d: %s", refused.status, refused.reason)
        self.transport.write(
            status_line(refused.status)
            + self.host.standing_fields()
            + refused.fields
            + fields
            + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(text)
            + text
        )
        self._end(linger=True)

    def refusal(self, refused: Refused) -> tuple[bytes, bytes]:
        """How a refusal says why: lines of fields, Content-Type among them, and the content."""
        return b"Content-Type: text/plain; charset=utf-8\r\n", refused.reason.encode() + b"\n"

    def _end(self, linger: bool) -> None:
        """Close; where more may come, so that the client can still read the reply: end our side, drop its octets a while.

        A socket closed with octets unread sends RST, which destroys a reply on its way (RFC 9112 section 9.6).
        """
        if not linger or self._ended:
            self.transport.close()
            return
        self._await("end", self.options.linger)
        self.flow.resume_reading()
        if self.scheme == "http" and self.transport.can_write_eof():
            with contextlib.suppress(OSError):  # the client may be gone already
                self.transport.write_eof()

    def abort(self) -> None:
        """Reset the connection."""
        self._await("nothing", None)
        if self.transport is not None:
            self.transport.abort()

    # -- upgrades and tunnels

    def _to_websocket(self, raw: bytes, rest: bytes) -> None:
        version = _VERSION.search(raw)
        if version is None or version[1] != b"13":
            raise Refused(
                426, "WebSocket is spoken in version 13 here", b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            )
        self._retire()
        protocol = self.host.websocket()
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(raw)
        if rest:
            protocol.data_received(rest)

    def _connect(self, head: Head) -> None:
        """RFC 9110 section 9.3.6: the tunnel leads into the same world; nothing is connected."""
        if self.authority:
            raise Refused(400, "a CONNECT within a tunnel")
        self.tunnelled = head.target.decode("ascii")
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._await("head", self.options.head_timeout)

    def check_proxy(self, raw: bytes) -> None:
        """RFC 9110 section 11.7, where the proxy asks for credentials."""
        wanted = self.options.proxy_credentials
        if wanted is None or self.authority:
            return
        given = _CREDENTIALS.search(raw)
        if given is None or given[1] != base64.b64encode(wanted.encode()):
            raise Refused(407, "the proxy asks for credentials", b'Proxy-Authenticate: Basic realm="minternet"\r\n')

    # -- time

    def _await(self, what: Awaiting, seconds: float | None) -> None:
        """From now on wait for that, at most so long: by the world's time, but for the end, which is the network's."""
        self._awaiting = what
        if seconds is None:
            self._deadline = None
        else:
            self._deadline = (self.loop.time() if what == "end" else self._now()) + seconds

    def sweep(self, now: float, session_now: float) -> None:
        """End what was waited for too long; for the listener, see `Link.sweep`."""
        if self._deadline is None or (now if self._awaiting == "end" else session_now) <= self._deadline:
            return
        self._deadline = None
        match self._awaiting:
            case "head":
                self.refuse(Refused(408, "the head did not come in time"))
            case "body" if self.flow.read_paused:  # it is not the client that is slow
                self._await("body", self.options.body_timeout)
            case "body":
                self.refuse(Refused(408, "the body did not come in time"))
            case "drain":
                self.abort()
            case "request" | "end":
                self.transport.close()
