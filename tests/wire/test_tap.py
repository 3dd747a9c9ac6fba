"""The tap around other people's protocols: aiosmtpd's with STARTTLS, uvicorn's with keep-alive and a websocket."""

from __future__ import annotations

import asyncio
import http.client
import logging
import smtplib
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from wire_clients import connected, run

from minternet.wire.link import Link
from minternet.wire.listener import Listener, bind
from minternet.wire.tap import Tap
from minternet.wire.tls import Authority
from minternet.wire.transcript import TranscriptRing

pytestmark = [
    pytest.mark.filterwarnings("error::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Mailbox(Sink):
    """Keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.contents: list[bytes] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.contents.append(envelope.content)
        return "250 kept"


class TappedSMTP(SMTP):
    """aiosmtpd, its upgrade put beneath the tap."""

    tap: Tap
    context: ssl.SSLContext

    async def smtp_STARTTLS(self, _arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        await self.push("220 go ahead")
        self._reader._buffer.clear()  # type: ignore[attr-defined]
        if await self.tap.start_tls(self.context):
            self.session.extended_smtp = False  # type: ignore[union-attr]
            self.session.ssl = True  # type: ignore[union-attr]


def smtp_tap(mailbox: Mailbox, ring: TranscriptRing, context: ssl.SSLContext) -> Callable[[], Link]:
    def make() -> Link:
        inner = TappedSMTP(mailbox, hostname="mail.example.test", tls_context=context, loop=asyncio.get_running_loop())
        inner.context = context
        inner.tap = Tap(
            inner, transcripts=ring, service="smtp", farewell=lambda _inner, reason: f"421 {reason}\r\n".encode()
        )
        return inner.tap

    return make


async def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never came")


def test_smtp_with_starttls_leaves_a_readable_transcript(loop: str, authority: Authority) -> None:
    mailbox, ring = Mailbox(), TranscriptRing()

    def client(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
            smtp.ehlo("client")
            assert smtp.starttls(context=authority.client_context())[0] == 220
            smtp.ehlo("client")
            smtp.sendmail("a@example.test", ["b@example.test"], b"Subject: hi\r\n\r\n" + b"some text\r\n" * 20_000)

    async def main() -> None:
        listener = Listener(bind("localhost", 0), smtp_tap(mailbox, ring, authority.server_context()))
        await listener.start()
        await asyncio.to_thread(client, listener.port)
        await until(lambda: not listener.connections)
        await listener.drain()

    run(loop, main())
    assert [len(content) for content in mailbox.contents] == [220_015]
    text = ring.conversations("smtp")[0].text()
    assert "C: STARTTLS\nS: 220 go ahead\n*: TLSv1.3" in text
    assert text.count("C: some text\n") == 20_000


def test_smtp_upgrades_beneath_the_tap_and_drops_injected_plaintext(loop: str, authority: Authority) -> None:
    mailbox, ring = Mailbox(), TranscriptRing()

    async def main() -> None:
        listener = Listener(bind("localhost", 0), smtp_tap(mailbox, ring, authority.server_context()))
        await listener.start()
        async with connected(listener) as (reader, writer):
            writer.write(b"EHLO client\r\n")
            while not (await reader.readline()).startswith(b"250 "):
                pass
            writer.write(b"STARTTLS\r\nMAIL FROM:<evil@example.test>\r\n")
            assert await reader.readline() == b"220 go ahead\r\n"
            transport = await asyncio.get_running_loop().start_tls(
                writer.transport,
                writer.transport.get_protocol(),
                authority.client_context(),
                server_hostname="localhost",
            )
            assert transport is not None
            transport.write(b"EHLO again\r\n")
            while not (await reader.readline()).startswith(b"250 "):
                pass
            transport.write(b"MAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n")
            assert [(await reader.readline())[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            transport.write(b"Subject: hi\r\n\r\nbody\r\n.\r\n")
            assert await reader.readline() == b"250 kept\r\n"
            listener.dismiss("the world was reset")
            assert await reader.readline() == b"421 the world was reset\r\n"
            assert await reader.read() == b""
            transport.abort()
        await until(lambda: not listener.connections)
        await listener.drain()

    run(loop, main())
    assert mailbox.contents == [b"Subject: hi\r\n\r\nbody\r\n"]
    (transcript,) = ring.conversations()
    text = transcript.text()
    assert "C: EHLO again\n" in text
    assert "C: body\nC: .\nS: 250 kept\n" in text
    assert "*: TLSv1.3" in text


async def say(request: Request) -> Response:
    body = await request.body()
    return Response(b"%d" % len(body), headers={"scheme": request.url.scheme})


async def stream(_request: Request) -> Response:
    async def pieces() -> Any:
        for _ in range(400):
            yield b"z" * 65536

    return StreamingResponse(pieces())


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text((await websocket.receive_text()).upper())
    await websocket.close()


APP = Starlette(
    routes=[Route("/say", say, methods=["GET", "POST"]), Route("/stream", stream), WebSocketRoute("/talk", talk)]
)


def http_tap(ring: TranscriptRing | None) -> Callable[[], Link]:
    config = Config(APP, log_config=None, access_log=False, ws="websockets-sansio", lifespan="off")
    config.load()
    state = ServerState()

    def farewell(inner: Any, _reason: str) -> None:
        inner.shutdown()  # lets a response finish first

    def make() -> Link:
        inner = HttpToolsProtocol(config=config, server_state=state, app_state={})
        return Tap(inner, transcripts=ring, service="http", farewell=farewell)

    return make


@pytest.mark.parametrize("secure", [False, True])
def test_http_keeps_its_connection(loop: str, authority: Authority, secure: bool) -> None:
    ring = TranscriptRing()

    def client(port: int) -> None:
        connection = http.client.HTTPConnection("localhost", port, timeout=10)
        if secure:
            connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=authority.client_context())
        for size in (0, 10, 300_000):
            connection.request("POST", "/say", b"x" * size)
            reply = connection.getresponse()
            assert (reply.read(), reply.headers["scheme"]) == (b"%d" % size, "https" if secure else "http")
        connection.close()

    async def main() -> None:
        listener = Listener(bind("localhost", 0), http_tap(ring), tls=authority.server_context() if secure else None)
        await listener.start()
        await asyncio.to_thread(client, listener.port)
        await until(lambda: not listener.connections)
        assert listener.accepted == 1
        await listener.drain()

    run(loop, main())
    (transcript,) = ring.conversations("http")
    text = transcript.text()
    assert text.count("C: POST /say HTTP/1.1\n") == 3
    assert text.count("S: HTTP/1.1 200 OK\n") == 3


def test_http_becomes_a_websocket_under_the_tap(loop: str) -> None:
    from websockets.asyncio.client import connect

    ring = TranscriptRing()

    async def main() -> None:
        listener = Listener(bind("127.0.0.1", 0), http_tap(ring))
        await listener.start()
        async with connect(f"ws://127.0.0.1:{listener.port}/talk", compression=None) as websocket:
            await websocket.send("hello")
            assert await websocket.recv() == "HELLO"
        await until(lambda: not listener.connections)
        await listener.drain()

    run(loop, main())
    text = ring.conversations("http")[0].text()
    assert "S: HTTP/1.1 101 Switching Protocols\n" in text
    assert "HELLO" in text


def test_a_slow_reader_is_waited_for_through_the_tap(loop: str) -> None:
    async def main() -> None:
        listener = Listener(bind("127.0.0.1", 0), http_tap(None))
        await listener.start()
        async with connected(listener) as (reader, writer):
            writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await until(lambda: listener.connections)
            await asyncio.sleep(0.1)
            (link,) = listener._links
            assert link.transport.get_write_buffer_size() < 1 << 20
            size = 0
            while piece := await reader.read(1 << 16):
                size += len(piece)
            assert size > 400 * 65536
        await until(lambda: not listener.connections)
        await listener.drain()

    run(loop, main())


def test_a_drain_ends_idle_http_connections_at_once(loop: str) -> None:
    async def main() -> None:
        listener = Listener(bind("127.0.0.1", 0), http_tap(None))
        await listener.start()
        async with connected(listener) as (reader, writer):
            writer.write(b"GET /say HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            await listener.drain()
            assert (await reader.read()).endswith(b"0")
        assert listener.connections == 0

    run(loop, main())


def test_a_protocol_that_fails_is_logged_and_closed(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            raise RuntimeError("on purpose")

    async def main() -> None:
        listener = Listener(bind("127.0.0.1", 0), lambda: Tap(Failing(), service="toy"))
        await listener.start()
        async with connected(listener) as (reader, writer):
            writer.write(b"x")
            assert await reader.read() == b""
        await until(lambda: not listener.connections)
        await listener.drain()

    with caplog.at_level(logging.ERROR):
        run(loop, main())
    assert [record.getMessage() for record in caplog.records] == ["toy connection failed"]


def test_a_buffered_protocol_gets_its_bytes(loop: str) -> None:
    heard = bytearray()

    class Buffered(asyncio.BufferedProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.buffer = bytearray(3)

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            heard.extend(self.buffer[:nbytes])

    async def main() -> None:
        listener = Listener(bind("127.0.0.1", 0), lambda: Tap(Buffered()))
        await listener.start()
        async with connected(listener) as (_, writer):
            writer.write(b"abcdefgh")
            await until(lambda: len(heard) == 8)
        await until(lambda: not listener.connections)
        await listener.drain()

    run(loop, main())
    assert heard == b"abcdefgh"
