"""One client for every kind of wire: the same script plays in memory and over sockets, on both loops."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from minternet.wire.listener import Listener, SessionListener, bind
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.tls import Authority
from minternet.wire.wire import Wire

Result = TypeVar("Result")
Body = Callable[[Wire], Awaitable[None]]
LOOPS = ["stdlib", "uvloop"]
WIRES = ["memory", *LOOPS]
PATIENCE = 20.0  # seconds after which a test has failed


class Toy:
    """A session whose conversation is the given function."""

    def __init__(self, wire: Wire, body: Body) -> None:
        self.wire = wire
        self.body = body

    async def serve(self) -> None:
        await self.body(self.wire)

    def farewell(self, reason: str) -> bytes:
        return b"BYE " + reason.encode() + b"\r\n"


class Client(Protocol):
    secure: bool

    async def say(self, data: bytes) -> None: ...
    async def expect(self, data: bytes) -> None: ...
    async def expect_close(self) -> None: ...
    async def hang_up(self) -> None: ...
    async def start_tls(self) -> None: ...
    async def dismiss(self, reason: str) -> None: ...
    async def pass_idle_limit(self) -> None: ...


class MemoryClient:
    def __init__(self, body: Body, max_line: int) -> None:
        self.conversation = Conversation(Toy(MemoryWire(max_line), body))
        self.heard = self.conversation.greeting
        self.secure = False

    async def say(self, data: bytes) -> None:
        self.heard += self.conversation.say(data)

    async def expect(self, data: bytes) -> None:
        assert self.heard[: len(data)] == data
        self.heard = self.heard[len(data) :]

    async def expect_close(self) -> None:
        assert self.conversation.closed
        assert self.heard == b""

    async def hang_up(self) -> None:
        self.heard += self.conversation.hang_up()

    async def start_tls(self) -> None:
        self.secure = True

    async def dismiss(self, reason: str) -> None:
        self.heard += self.conversation.dismiss(reason)

    async def pass_idle_limit(self) -> None:
        self.heard += self.conversation.time_out()


class SocketClient:
    def __init__(
        self,
        listener: SessionListener,
        authority: Authority,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.listener, self.authority, self.reader, self.writer = listener, authority, reader, writer
        self.secure = False

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def expect(self, data: bytes) -> None:
        assert await self.reader.readexactly(len(data)) == data

    async def expect_close(self) -> None:
        assert await self.reader.read() == b""

    async def hang_up(self) -> None:
        self.writer.write_eof()

    async def start_tls(self) -> None:
        loop = asyncio.get_running_loop()
        protocol = self.writer.transport.get_protocol()
        transport = await loop.start_tls(
            self.writer.transport, protocol, self.authority.client_context(), server_hostname="localhost"
        )
        assert transport is not None
        self.reader._transport = transport  # type: ignore[attr-defined]
        self.writer = asyncio.StreamWriter(transport, protocol, self.reader, loop)
        self.secure = True

    async def dismiss(self, reason: str) -> None:
        await asyncio.sleep(0.01)  # what was said is on its way through the kernel
        self.listener.dismiss(reason)

    async def pass_idle_limit(self) -> None:
        await asyncio.sleep(0.01)
        self.listener.sweep(asyncio.get_running_loop().time() + 1e6)


@asynccontextmanager
async def serving(body: Body, **options: Any) -> AsyncIterator[SessionListener]:
    """A listener on free ports; afterwards nothing of it may be left."""
    listener = SessionListener(bind("localhost", 0), lambda wire: Toy(wire, body), **options)
    await listener.start()
    before = asyncio.all_tasks()
    try:
        yield listener
    finally:
        await listener.drain()
    assert listener.connections == 0
    assert not (asyncio.all_tasks() - before - {asyncio.current_task()})


@asynccontextmanager
async def connected(
    listener: Listener, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client's streams to a listener."""
    name = "localhost" if tls is not None else None
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=tls, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


def run(loop: str, main: Coroutine[Any, Any, Result]) -> Result:
    """Run on the stdlib's loop or uvloop's; whatever the loop would log as an error fails the test."""
    errors: list[dict[str, Any]] = []

    async def watched() -> Result:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        return await asyncio.wait_for(main, PATIENCE)

    with asyncio.Runner(loop_factory=_factory(loop)) as runner:
        result = runner.run(watched())
    assert errors == []
    return result


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


def play(
    kind: str,
    authority: Authority,
    body: Body,
    script: Callable[[Client], Awaitable[None]],
    *,
    max_line: int = 100,
) -> None:
    """Play `script` against a session on a wire of this kind."""

    async def in_memory() -> None:
        await script(MemoryClient(body, max_line))

    async def over_sockets() -> None:
        options: dict[str, Any] = {"max_line": max_line, "start_tls": authority.server_context(), "idle_limit": 1000.0}
        async with serving(body, **options) as listener, connected(listener) as (reader, writer):
            client = SocketClient(listener, authority, reader, writer)
            await script(client)
            client.writer.transport.abort()

    run("stdlib" if kind == "memory" else kind, in_memory() if kind == "memory" else over_sockets())
