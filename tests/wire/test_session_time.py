"""Sessions wait by a time of their own, which stands still and is moved on; the network's limits go by the loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from wire_clients import LOOPS, connected, run, serving

from minternet.wire.listener import Listener, bind
from minternet.wire.tap import Tap
from minternet.wire.wire import Wire


class Hands:
    """A time that only a test moves, and who is told of it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.told: list[Callable[[], None]] = []

    def now(self) -> float:
        return self.seconds

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.told.append(callback)
        return lambda: self.told.remove(callback)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        for callback in self.told:
            callback()


async def until(reached: Callable[[], bool]) -> None:
    """Wait for what the loop does soon."""
    for _ in range(10_000):
        if reached():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("never came")


async def listen(wire: Wire) -> None:
    wire.send(b"hello\r\n")
    while line := await wire.line():
        wire.send(line + b"\r\n")


@pytest.mark.parametrize("loop", LOOPS)
def test_who_idles_for_too_long_hears_of_it_at_once(loop: str) -> None:
    async def main() -> None:
        hands = Hands()
        options = {"idle_limit": 60.0, "sweep_every": 1000.0, "now": hands.now, "watch": hands.watch}
        async with (
            serving(listen, **options) as listener,
            connected(listener) as (idle, _),
            connected(listener) as (reader, writer),
        ):
            assert await idle.readline() == await reader.readline() == b"hello\r\n"
            hands.advance(59)
            writer.write(b"here\r\n")
            assert await reader.readline() == b"here\r\n"
            hands.advance(2)
            assert await idle.read() == b"BYE idle for too long\r\n"
            writer.write(b"still here\r\n")
            assert await reader.readline() == b"still here\r\n"
        assert hands.told == []

    run(loop, main())


@pytest.mark.parametrize("loop", LOOPS)
def test_while_it_stands_nobody_times_out(loop: str) -> None:
    """However much time passes on the loop: the sweep is told of a million seconds."""

    async def main() -> None:
        hands = Hands()
        async with serving(listen, idle_limit=60.0, now=hands.now) as listener, connected(listener) as (reader, writer):
            assert await reader.readline() == b"hello\r\n"
            listener.sweep(asyncio.get_running_loop().time() + 1e6)
            writer.write(b"here\r\n")
            assert await reader.readline() == b"here\r\n"

    run(loop, main())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_does_not_read_is_waited_for_by_the_same_time(loop: str) -> None:
    async def body(wire: Wire) -> None:
        while True:
            wire.send(b"x" * 65536)
            await wire.drain()

    async def main() -> None:
        hands, network = Hands(), asyncio.get_running_loop().time()
        async with (
            serving(body, idle_limit=60.0, sweep_every=1000.0, now=hands.now) as listener,
            connected(listener) as (reader, _),
        ):
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await until(lambda: any(link._waiting_since is not None for link in listener.links))  # type: ignore[attr-defined]
            listener.sweep(network + 1e6)
            await asyncio.sleep(0.01)
            assert listener.connections == 1
            hands.advance(61)
            # The session is ended by its time; what then lingers of its connection goes by the loop's.
            for later in (1e6, 2e6, 3e6):
                listener.sweep(network + later)
                await asyncio.sleep(0.01)
            assert listener.connections == 0

    run(loop, main())


def test_a_tap_asks_its_protocol_until_it_is_closed() -> None:
    """A protocol that looks at its own limits is told both times; one that does not is left alone."""
    heard: list[tuple[float, float]] = []

    class Looking(asyncio.Protocol):
        def sweep(self, now: float, session_now: float) -> None:
            heard.append((now, session_now))

    async def main(protocol: type[asyncio.Protocol]) -> None:
        hands = Hands()
        hands.seconds = 7.0
        listener = Listener(bind("127.0.0.1", 0), lambda: Tap(protocol()), now=hands.now, sweep_every=1000.0)
        await listener.start()
        async with connected(listener) as (reader, _):
            await until(lambda: any(link.made for link in listener.links))
            listener.sweep(5.0)
            listener.dismiss("enough")
            assert await reader.read() == b""
            listener.sweep(6.0)
        await listener.drain()

    run("stdlib", main(Looking))
    assert heard == [(5.0, 7.0)]
    run("stdlib", main(asyncio.Protocol))
