"""Faults in HTTP's conversations: an ASGI application around another, which looks at each request once."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import math
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .armed import Armed, Situation
from .language import CANNED, Command
from .spoiling import EndlessBody, Replaced, Spoiler, end
from .talk import ENDINGS, spoiler_of, stand_in

if TYPE_CHECKING:
    from .service import ServiceFaults

App = Callable[[Any, Any, Any], Awaitable[None]]
LOOK_EVERY = 0.2
"""Seconds between two looks whether a client that is kept waiting is still there."""


class ExchangeOutlet:
    """A connection on which a request is answered, past all faults."""

    def __init__(self, exchange: Any) -> None:
        self.exchange, self.transport = exchange, exchange.transport
        self.secure = self.transport.get_extra_info("ssl_object") is not None
        self.over = False

    def put(self, data: bytes) -> None:
        if not self.over:
            self.transport.write(data)

    def close(self) -> None:
        self.over, self.exchange.keep_alive = True, False
        self.transport.close()

    def reset(self) -> None:
        self.over = True
        plain = self.transport.get_extra_info("socket")
        if plain is not None:
            _set_linger(plain)
        self.transport.abort()

    def half_close(self) -> None:
        if self.secure or not self.transport.can_write_eof():
            self.close()
            return
        self.over = True
        self.transport.write_eof()

    def mute(self) -> None:
        self.over = True


class SpoiledTransport:
    """What the exchange takes for its transport, while its reply is spoiled."""

    def __init__(self, transport: Any, put: Callable[[bytes], None]) -> None:
        self._transport, self.write = transport, put

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class WebTalk:
    """Requests to one service as the faults have them."""

    def __init__(self, service: ServiceFaults) -> None:
        self._service = service
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()
        """Connections that had a request: their first one is when they are said to connect."""

    async def answer(self, app: App, scope: Any, receive: Any, send: Any) -> None:
        """Have a request answered."""
        exchange = scope.get("extensions", {}).get("minternet.exchange")
        if exchange is None or self._service.spares(scope.get("client") or ()):
            await app(scope, receive, send)
            return
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        command = Command(scope["method"], f"{path}?{query}" if query else path)
        hits = self._hits(exchange, scope, command)
        outlet = ExchangeOutlet(exchange)
        if not await self._before(hits, command, exchange, outlet, send):
            await self._carried_out(app, scope, receive, send, hits, command, outlet)

    def _hits(self, exchange: Any, scope: Any, command: Command) -> list[Armed]:
        connection = exchange.connection
        tap = getattr(connection, "tap", None)
        transcript = getattr(tap, "transcript", None)
        client = str((scope.get("client") or ("",))[0])
        number = transcript.number if transcript is not None else id(connection)
        situation = Situation("http", client, number, command, lambda: _user(scope))
        hits = []
        if connection not in self._seen:
            self._seen.add(connection)
            hits = self._service.hits(Situation("http", client, number), connecting=True)
        return [*hits, *self._service.hits(situation)]

    async def _before(
        self, hits: list[Armed], command: Command, exchange: Any, outlet: ExchangeOutlet, send: Any
    ) -> bool:
        """What strikes before the request is answered; whether it is not to be any more."""
        for armed in hits:
            if armed.when not in ("before", "connect"):
                continue
            self._tell(armed, command, exchange)
            kind = armed.kind.name
            if kind == "delay":
                await self._hold(armed, exchange, float(armed.attributes["delay"]) / 1000)
            elif kind in ENDINGS:
                await self._end(outlet, armed, send)
                return True
            elif kind == "garbage":
                await send({"type": "minternet.raw", "body": stand_in("http", armed, command), "end": "close"})
                return True
            else:
                await _say(send, _text_of(armed))
                return True
        return False

    async def _end(self, outlet: ExchangeOutlet, armed: Armed, send: Any) -> None:
        how = armed.kind.name
        if how not in ("close", "reset"):
            end(outlet, how)
            await self._hold(armed, outlet.exchange)
            how = "close"
        await send({"type": "minternet.raw", "body": b"", "end": how})

    async def _hold(self, armed: Armed, exchange: Any, seconds: float = math.inf) -> None:
        """Wait so long, or until the client has sent its end, or the fault is gone."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while armed in self._service.talking and (left := until - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_EVERY)):
                    await self._service.changed.wait()
            if exchange.connection.ended:
                return

    async def _carried_out(
        self, app: App, scope: Any, receive: Any, send: Any, hits: list[Armed], command: Command, outlet: ExchangeOutlet
    ) -> None:
        exchange = outlet.exchange
        put: Callable[[bytes], None] = outlet.put
        chain: list[Spoiler] = []
        for armed in reversed(hits):
            made = _spoiler_of(armed, command, put, outlet)
            if made is not None:
                self._tell(armed, command, exchange)
                chain.insert(0, made)
                put = made
                if _ends(armed):
                    exchange.keep_alive = False
        if not chain:
            await app(scope, receive, send)
            return
        exchange.transport = SpoiledTransport(outlet.transport, put)
        finish = _Finish(chain)
        exchange.on_written = finish
        try:
            await app(scope, receive, send)
        finally:
            finish()

    def _tell(self, armed: Armed, command: Command, exchange: Any) -> None:
        tap = getattr(exchange.connection, "tap", None)
        self._service.tell(armed, f"{command.name} {command.argument}", getattr(tap, "transcript", None))


class _Finish:
    """Tells the spoilers, once, that the reply is over."""

    def __init__(self, chain: list[Spoiler]) -> None:
        self._chain = chain

    def __call__(self) -> None:
        chain, self._chain = self._chain, []
        for spoiler in chain:
            spoiler.finish()


def _ends(armed: Armed) -> bool:
    """Whether the connection ends after the reply."""
    return armed.kind.name in ("close", "reset", "garbage") or armed.attributes.get("then") in ("close", "reset")


def _spoiler_of(armed: Armed, command: Command, put: Callable[[bytes], None], outlet: ExchangeOutlet) -> Spoiler | None:
    kind = armed.kind.name
    if armed.when in ("before", "connect"):
        return None
    if kind in ("reply", "garbage"):
        reply = stand_in("http", armed, command) if kind == "garbage" else _raw(_text_of(armed))
        return Replaced(put, outlet, None, lambda: outlet.put(reply))
    if kind == "no_terminator":
        return EndlessBody(put, outlet, str(armed.attributes["then"]))
    return spoiler_of("http", armed, command, put, outlet)


def _text_of(armed: Armed) -> str:
    text = str(armed.attributes.get("text", ""))
    return text or CANNED["busy" if armed.kind.name == "refuse" else armed.kind.name]["http"]


def _fields(status: int, body: bytes) -> list[tuple[bytes, bytes]]:
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if status in (429, 503):
        fields.append((b"retry-after", b"1"))
    if status == 401:
        fields.append((b"www-authenticate", b'Basic realm="minternet"'))
    return fields


async def _say(send: Any, text: str) -> None:
    """A reply `503 text`: its status, and the text as its body."""
    status, body = _parted(text)
    await send({"type": "http.response.start", "status": status, "headers": _fields(status, body)})
    await send({"type": "http.response.body", "body": body})


def _raw(text: str) -> bytes:
    """The same as octets, for a reply in the place of another."""
    status, body = _parted(text)
    lines = b"".join(b"%b: %b\r\n" % field for field in _fields(status, body))
    return b"HTTP/1.1 %d Replaced\r\n%b\r\n%b" % (status, lines, body)


def _parted(text: str) -> tuple[int, bytes]:
    code, _, words = text.partition(" ")
    return int(code), words.encode() + b"\n" if words else b""


def _user(scope: Any) -> str:
    """The user name of Basic credentials."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:6].lower() == b"basic ":
            try:
                return base64.b64decode(value[6:]).partition(b":")[0].decode("utf-8", "replace")
            except binascii.Error:
                return ""
    return ""


def _set_linger(plain: Any) -> None:
    import socket

    from ..wire.faults import RESET

    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
