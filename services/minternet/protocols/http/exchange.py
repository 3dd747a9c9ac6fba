"""One request and its reply: an ASGI cycle that writes a reply in one piece and knows trailers, interim and raw replies.

Beside the ASGI events of HTTP an application may send:
`http.response.trailers` (announced by `extensions`), `http.response.early_hint`, and two of our own:
`minternet.interim` {status, headers}: an interim (1xx) reply before the final one;
`minternet.raw` {body, end}: octets exactly as given, for replies that break the rules; `end` is "" to go on,
"close" (FIN) or "reset" (RST).
"""

from __future__ import annotations

import asyncio
import http
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from .connection import FlowControl
from .guard import Head

JOINED = 64 * 1024
"""Bodies up to this go out in one write with their head; joining larger ones would copy too much."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST."""
ASGI = {"version": "3.0", "spec_version": "2.3"}
EXTENSIONS: dict[str, Any] = {"http.response.trailers": {}, "http.response.early_hint": {}, "minternet.raw": {}}
"""What an application may use beside plain ASGI."""

Address = tuple[str, int | None] | None


class Connection(Protocol):
    """What an exchange needs of the connection it is on."""

    logger: logging.Logger
    recorded_body: int

    def standing_fields(self) -> bytes: ...

    def abort(self) -> None: ...

    def on_response_complete(self) -> None: ...


_OURS = frozenset((b"content-length", b"connection", b"transfer-encoding", b"date", b"server"))


class BrokenReply(Exception):
    """The application's reply cannot be framed: its length is wrong, or a field holds a line end."""


PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    418: "I'm a Teapot",
    422: "Unprocessable Content",
}
"""Reason phrases that differ between versions of the standard library: here as RFC 9110 has them."""


def phrase(status: int) -> str:
    """A status code's reason phrase."""
    try:
        return PHRASES.get(status) or http.HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"


@lru_cache(maxsize=1024)
def status_line(status: int) -> bytes:
    """The first line of a reply."""
    return f"HTTP/1.1 {status} {phrase(status)}\r\n".encode()


_UNUSUAL = {b"etag": b"ETag", b"www-authenticate": b"WWW-Authenticate", b"x-xss-protection": b"X-XSS-Protection"}


@lru_cache(maxsize=1024)
def field_name(name: bytes) -> bytes:
    """A field's name as servers usually write it: ASGI has lower case, and scripts look for `Content-Type` to the letter."""
    if not name.islower():
        return name
    return _UNUSUAL.get(name) or b"-".join(part.capitalize() for part in name.split(b"-"))


def _lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % (field_name(name), value) for name, value in fields)


def request_scope(
    head: Head, fields: list[tuple[bytes, bytes]], scheme: str, client: Address, server: Address
) -> dict[str, Any]:
    """The ASGI scope of a request. Of a target in absolute form the host counts, not the Host field (RFC 9112 section 3.2.2)."""
    target = head.target
    if head.form == "absolute":
        named, _, rest = target.partition(b"://")
        scheme = "https" if named.lower() in (b"https", b"wss") else "http"
        fields = [(b"host", head.host), *(field for field in fields if field[0] != b"host")]
        path = rest[min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest)) :]
        target = path if path.startswith(b"/") else b"/" + path
    raw_path, _, query = target.partition(b"?")
    path = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    return {
        "type": "http",
        "asgi": ASGI,
        "http_version": head.version,
        "method": head.method.decode("ascii"),
        "scheme": scheme,
        "path": path.decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": fields,
        "client": client,
        "server": server,
        "state": {},
        "extensions": dict(EXTENSIONS),
    }


class Exchange:
    """A request being answered. The protocol makes it, the application talks to its `receive` and `send`."""

    def __init__(
        self,
        head: Head,
        scope: Any,
        transport: asyncio.Transport,
        flow: FlowControl,
        connection: Connection,
        keep_alive: bool,
    ) -> None:
        self.head, self.scope, self.transport, self.flow, self.keep_alive = head, scope, transport, flow, keep_alive
        self.connection = connection
        self.task: asyncio.Task[None] | None = None
        self.status = 0
        self.route: str | None = None
        """The programmed route that answered."""
        self.on_written: Callable[[], None] | None = None
        """Called when all of the reply is written, before the connection goes on or ends; for faults."""
        self.abandons = True
        """Whether the application is cancelled when the client goes away; a mounted one is not."""
        # The request
        self.message_event = asyncio.Event()
        self.waiting_for_100_continue = head.expects and head.length != 0
        self.body = bytearray()
        self.more_body = True
        self.kept = bytearray()
        """The beginning of the body, for the record."""
        self.request_trailers: list[tuple[bytes, bytes]] = []
        """The trailer fields of a chunked request body, once it was read to its end."""
        # The reply
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
        self._chunked: bool | None = None
        self._left = 0
        self._bodiless = head.method == b"HEAD"
        self._promised = False
        self._trailers: list[tuple[bytes, bytes]] = []
        self._held = b""
        self._flusher: asyncio.Handle | None = None

    async def run_asgi(self, app: Callable[..., Awaitable[None]]) -> None:
        """Run the application; whatever goes wrong in it is one logged error and, where still possible, a 500."""
        try:
            await app(self.scope, self.receive, self.send)
            if not self.response_complete and not self.disconnected:
                raise BrokenReply("the application returned without completing its reply")
        except asyncio.CancelledError:
            if not self.disconnected:
                self.connection.abort()
        except Exception as error:
            self.connection.logger.log(
                logging.DEBUG if self.disconnected else logging.ERROR,
                "%s %s failed: %s",
                self.scope["method"],
                self.scope["path"],
                error,
                exc_info=error,
            )
            if self.response_started or self.disconnected:
                self.connection.abort()
            else:
                await self.send_500_response()

    async def send_500_response(self) -> None:
        text = b"Internal Server Error"
        fields = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"21"),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": fields})
        await self.send({"type": "http.response.body", "body": text})

    async def receive(self) -> dict[str, Any]:
        """The next piece of the body, or `http.disconnect` when there will be none."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body = bytes(self.body)
        self.body = bytearray()
        room = self.connection.recorded_body - len(self.kept)
        if room > 0 and body:
            self.kept += body[:room]
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Mapping[str, Any]) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected or self.transport.is_closing():
            await asyncio.sleep(
                0
            )  # an application that only sends would never let the loop say that the client is gone
            return
        kind = message["type"]
        if kind == "http.response.body":
            self._send_body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start":
            self._start(message)
        else:
            self._send_other(kind, message)

    def _send_other(self, kind: str, message: Mapping[str, Any]) -> None:
        if kind == "http.response.trailers":
            self._send_trailers(list(message.get("headers", [])), message.get("more_trailers", False))
        elif kind == "minternet.raw":
            self._send_raw(message.get("body", b""), message.get("end", ""))
        elif kind == "minternet.interim":
            self._send_interim(message["status"], list(message.get("headers", [])))
        elif kind == "http.response.early_hint":
            self._send_interim(103, [(b"link", link) for link in message["links"]])
        else:
            raise BrokenReply(f"an unknown ASGI event {kind!r}")

    def _start(self, message: Mapping[str, Any]) -> None:
        """Frame the reply (RFC 9112 section 6.3); it is written with the first piece of the body, or at the next turn."""
        if self.response_started:
            raise BrokenReply("the reply was started twice")
        self.status = status = message["status"]
        if status < 200 or status in (204, 304):
            self._bodiless, self._chunked = True, False
        fields = self._fields(message.get("headers", ()), status)
        self.response_started = True
        if self.waiting_for_100_continue:
            # The client may or may not send its body now; nobody can tell where its next request begins.
            self.keep_alive, self.waiting_for_100_continue = False, False
        if self._chunked is None and not self._bodiless:
            if self.head.version == "1.0":
                self.keep_alive = False
            else:
                self._chunked = True
                fields.append(b"Transfer-Encoding: chunked\r\n")
        if not self.keep_alive:
            fields.append(b"Connection: close\r\n")
        elif self.head.version == "1.0":
            fields.append(b"Connection: keep-alive\r\n")
        self._promised = bool(message.get("trailers")) and bool(self._chunked)
        self._held = b"%b%b\r\n" % (status_line(status), b"".join(fields))
        self._flusher = asyncio.get_running_loop().call_soon(self._flush)

    def _fields(self, fields: Any, status: int) -> list[bytes]:
        """The reply's fields as lines, less what this connection decides itself."""
        own = self.connection.standing_fields()
        lines = [own]
        for name, value in fields:
            if b"\n" in value or b"\r" in value or b"\n" in name or b"\r" in name:
                raise BrokenReply("a header field holds a line end")
            lowered = name.lower()
            if lowered in _OURS:
                if lowered == b"content-length" and status != 204 and status >= 200:
                    self._left = 0 if self._bodiless or status == 304 else int(value)
                    self._chunked = False
                elif lowered == b"connection" and b"close" in value.lower():
                    self.keep_alive = False
                    continue
                elif lowered in (b"date", b"server"):
                    lines[0] = _without(lowered, lines[0])
                else:
                    continue
            lines.append(b"%b: %b\r\n" % (field_name(name), value))
        return lines

    @property
    def conversation(self) -> int:
        """The number of the connection's transcript, 0 where there is none."""
        transcript = getattr(getattr(self.connection, "tap", None), "transcript", None)
        return transcript.number if transcript is not None else 0

    def _flush(self) -> None:
        """Write a head that no body followed at once."""
        held, self._held, self._flusher = self._held, b"", None
        if held and not self.disconnected and not self.transport.is_closing():
            self.transport.write(held)

    def _write(self, data: bytes) -> None:
        if self._flusher is not None:
            self._flusher.cancel()
            self._flusher = None
        held, self._held = self._held, b""
        if held and len(data) > JOINED:
            self.transport.write(held)
            held = b""
        if held or data:
            self.transport.write(held + data if held else data)

    def _send_body(self, body: bytes, more: bool) -> None:
        if not self.response_started or self.response_complete:
            raise BrokenReply("body outside of a reply")
        if self._bodiless:
            data = b""
        elif self._chunked:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more and not self._promised:
                data += b"0\r\n\r\n"
        else:
            data = self._counted(body)
        self._write(data)
        if not more and not self._promised:
            if self._chunked is False and self._left and not self._bodiless:
                raise BrokenReply("the body is shorter than its Content-Length")
            self._complete()

    def _counted(self, body: bytes) -> bytes:
        if self._chunked is None:
            return body
        self._left -= len(body)
        if self._left < 0:
            raise BrokenReply("the body is longer than its Content-Length")
        return body

    def _send_trailers(self, fields: list[tuple[bytes, bytes]], more: bool) -> None:
        """RFC 9112 section 7.1.2; a reply that is not chunked has no place for them, and they are dropped."""
        if not self._promised or self.response_complete:
            return
        self._trailers += fields
        if more:
            return
        section = _lines(self._trailers)
        if section.count(b"\n") != len(self._trailers) or section.count(b"\r") != len(self._trailers):
            raise BrokenReply("a trailer field holds a line end")
        self._write(b"0\r\n" + section + b"\r\n")
        self._complete()

    def _send_interim(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        """RFC 9110 section 15.2: never to an HTTP/1.0 client, and only before the final reply."""
        if self.head.version == "1.0" or self.response_started:
            return
        if status == 100:
            self.waiting_for_100_continue = False
        self.transport.write(status_line(status) + _lines(fields) + b"\r\n")

    def _send_raw(self, body: bytes, end: str) -> None:
        self.response_started, self.keep_alive = True, False
        self._write(body)
        if end == "reset":
            plain: socket.socket | None = self.transport.get_extra_info("socket")
            if plain is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.response_complete = True
            self.connection.abort()
        elif end:
            self._complete()

    def _complete(self) -> None:
        if self.on_written is not None:
            self.on_written()
        self.response_complete = True
        self.message_event.set()
        self.connection.on_response_complete()


def _without(name: bytes, lines: bytes) -> bytes:
    """Standing fields less one that the application set itself."""
    return b"".join(line for line in lines.splitlines(keepends=True) if not line.lower().startswith(name + b":"))
