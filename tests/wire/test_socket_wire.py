"""What only sockets have: slow clients, half-closes, handshakes, caps and endings."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from wire_clients import PATIENCE, Toy, connected, run, serving

from minternet.wire.listener import SessionListener, bind, bind_unix, serve_sessions
from minternet.wire.passage import Ends
from minternet.wire.socket_wire import HIGH_WATER, SocketWire
from minternet.wire.tls import Authority
from minternet.wire.transcript import TranscriptRing
from minternet.wire.wire import Wire

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


async def echo_lines(wire: Wire) -> None:
    wire.send(b"hello\r\n")
    while (line := await wire.line()) != b"QUIT":
        if line == b"STARTTLS":
            wire.send(b"begin\r\n")
            await wire.start_tls()
        elif line == b"FAIL":
            raise RuntimeError("on purpose")
        else:
            wire.send(line + b"\r\n")
    wire.send(b"bye\r\n")


async def until(condition: object) -> None:
    """Wait until `condition()` holds."""
    for _ in range(2000):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never came")


def test_a_client_that_does_not_read_makes_the_session_wait(loop: str) -> None:
    sent = 0

    async def body(wire: Wire) -> None:
        nonlocal sent
        await wire.line()
        for _ in range(1000):
            wire.send(b"x" * 65536)
            await wire.drain()
            sent += 65536

    async def main() -> None:
        tracemalloc.start()
        async with serving(body) as listener:
            client = socket.create_connection(("127.0.0.1", listener.port))
            client.sendall(b"go\r\n")
            await until(lambda: sent > 0)
            stalled = -1
            while stalled != sent:
                stalled = sent
                await asyncio.sleep(0.05)
            assert sent < 40 << 20  # what the kernel's buffers take
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
            client.close()
        tracemalloc.stop()

    run(loop, main())


def test_a_session_that_does_not_read_makes_the_client_wait(loop: str) -> None:
    gate: list[asyncio.Event] = []
    wires: list[Wire] = []

    async def body(wire: Wire) -> None:
        wires.append(wire)
        gate.append(asyncio.Event())
        await gate[0].wait()
        size = 0
        while data := await wire.some():
            size += len(data)
        wire.send(b"%d" % size)

    async def main() -> None:
        async with serving(body) as listener, connected(listener) as (reader, writer):
            writer.write(b"y" * (30 << 20))
            await until(lambda: wires and wires[0]._arrived_octets > HIGH_WATER)
            await asyncio.sleep(0.05)
            assert wires[0]._arrived_octets < 4 * HIGH_WATER
            gate[0].set()
            await writer.drain()
            writer.write_eof()
            assert await reader.read() == b"%d" % (30 << 20)

    run(loop, main())


def test_a_client_that_reads_nothing_that_is_pushed_is_cut_off(loop: str) -> None:
    wires: list[Wire] = []

    async def body(wire: Wire) -> None:
        wires.append(wire)
        await wire.line()

    async def main() -> None:
        async with serving(body) as listener:
            client = socket.create_connection(("127.0.0.1", listener.port))
            await until(lambda: wires)
            for _ in range(1000):
                wires[0].send(b"z" * 65536)
                wires[0].flush()
            await until(lambda: not listener.connections)
            client.close()

    run(loop, main())


def test_the_idle_limit_holds_for_clients_that_do_not_read(loop: str) -> None:
    async def body(wire: Wire) -> None:
        for _ in range(1000):
            wire.send(b"x" * 65536)
            await wire.drain()

    async def main() -> None:
        async with serving(body, idle_limit=5.0, sweep_every=1000.0) as listener:
            client = socket.create_connection(("127.0.0.1", listener.port))
            await until(lambda: listener.connections)
            await asyncio.sleep(0.2)
            now = asyncio.get_running_loop().time()
            listener.sweep(now + 4)
            await asyncio.sleep(0.01)
            assert listener.connections == 1
            for passed in (10, 20, 30):  # the session is ended, then its closing connection takes nothing and is reset
                listener.sweep(now + passed)
                await asyncio.sleep(0.01)
            await until(lambda: not listener.connections)
            client.close()

    run(loop, main())


def test_the_last_reply_reaches_a_client_that_is_still_sending(loop: str) -> None:
    async def body(wire: Wire) -> None:
        await wire.line()
        wire.send(b"no more\r\n")

    async def main() -> None:
        async with serving(body) as listener:
            for _ in range(20):
                async with connected(listener) as (reader, writer):
                    writer.write(b"a\r\n" + b"more\r\n" * 100_000)
                    assert await reader.read() == b"no more\r\n"
                    writer.write_eof()
                    await until(lambda: not listener.connections)

    run(loop, main())


def test_a_reset_is_a_hangup(loop: str) -> None:
    ended: list[str] = []

    async def body(wire: Wire) -> None:
        try:
            await echo_lines(wire)
        finally:
            ended.append("ended")

    async def main() -> None:
        async with serving(body) as listener:
            client = socket.create_connection(("127.0.0.1", listener.port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await until(lambda: listener.connections)
            client.close()
            await until(lambda: ended and not listener.connections)

    run(loop, main())


def test_a_failed_session_is_logged_once_and_the_others_live_on(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with (
            serving(echo_lines, service="toy", log=logging.getLogger("toy")) as listener,
            connected(listener) as (other, talk),
            connected(listener) as (reader, writer),
        ):
            writer.write(b"FAIL\r\n")
            assert await reader.read() == b"hello\r\n"
            talk.write(b"still here\r\nQUIT\r\n")
            assert await other.read() == b"hello\r\nstill here\r\nbye\r\n"

    run(loop, main())
    assert [(record.name, record.levelname) for record in caplog.records] == [("toy", "ERROR")]
    assert "on purpose" in caplog.text


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("garbage", [b"EHLO not a handshake\r\n", b"\x16\x03\x01\x00", b""])
def test_a_handshake_that_fails_is_silent(
    loop: str, authority: Authority, caplog: pytest.LogCaptureFixture, garbage: bytes, implicit: bool
) -> None:
    contexts = {"tls" if implicit else "start_tls": authority.server_context()}

    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)
        async with serving(echo_lines, **contexts) as listener:
            async with connected(listener) as (reader, writer):
                if not implicit:
                    writer.write(b"STARTTLS\r\n")
                    assert await reader.readexactly(14) == b"hello\r\nbegin\r\n"
                writer.write(garbage)
                writer.write_eof()
                await reader.read()
            await until(lambda: not listener.connections)

    with caplog.at_level(logging.WARNING):
        run(loop, main())
    assert [record.getMessage() for record in caplog.records if "Executing" not in record.getMessage()] == []


def test_a_handshake_that_never_comes_is_ended(loop: str, authority: Authority) -> None:
    async def main() -> None:
        async with serving(echo_lines, tls=authority.server_context(), handshake_timeout=0.05) as listener:
            async with connected(listener) as (reader, _):
                assert await reader.read() == b""
            await until(lambda: not listener.connections)
        async with (
            serving(echo_lines, tls=authority.server_context()) as listener,
            connected(listener) as (reader, _),
        ):
            await until(lambda: listener.connections)
            await listener.drain()  # does not wait for it
            assert listener.connections == 0

    started = time.monotonic()
    run(loop, main())
    assert time.monotonic() - started < 5


def test_implicit_tls_and_its_transcript(loop: str, authority: Authority) -> None:
    ring = TranscriptRing()
    facts: list[tuple[bool, str | None, str | None]] = []

    async def body(wire: Wire) -> None:
        facts.append((wire.secure, wire.tls_version, wire.cipher))
        await echo_lines(wire)

    async def main() -> None:
        options = {"tls": authority.server_context(), "transcripts": ring, "service": "toy"}
        async with (
            serving(body, **options) as listener,
            connected(listener, authority.client_context()) as (reader, writer),
        ):
            assert await reader.readline() == b"hello\r\n"
            writer.write(b"secret\r\nQUIT\r\n")
            assert await reader.read() == b"secret\r\nbye\r\n"

    run(loop, main())
    assert facts[0][:2] == (True, "TLSv1.3")
    (transcript,) = ring.conversations("toy")
    transcript.conceal(b"secret")
    lines = transcript.text().splitlines()
    assert lines[1].startswith("*: TLSv1.3, ")
    assert lines[2:] == ["S: hello", "C: ******", "C: QUIT", "S: ******", "S: bye"]
    assert transcript.closed is not None


def test_the_cap_answers_busy_and_frees_places_again(loop: str, authority: Authority) -> None:
    async def main(tls: ssl.SSLContext | None, trust: ssl.SSLContext | None) -> None:
        async with serving(echo_lines, max_connections=2, busy=b"too many\r\n", tls=tls) as listener:
            async with connected(listener, trust) as (one, _), connected(listener, trust) as (two, talk):
                assert await one.readline() == await two.readline() == b"hello\r\n"
                async with connected(listener, trust) as (three, writer):
                    writer.write(b"I speak first\r\n")
                    assert await three.read() == b"too many\r\n"
                talk.write(b"QUIT\r\n")
                assert await two.read() == b"bye\r\n"
                await until(lambda: listener.connections == 1)
                async with connected(listener, trust) as (four, _):
                    assert await four.readline() == b"hello\r\n"
            assert (listener.accepted, listener.refused) == (3, 1)

    run(loop, main(None, None))
    run(loop, main(authority.server_context(), authority.client_context()))


def test_a_drain_lets_commands_end_says_farewell_and_leaves_nothing(loop: str) -> None:
    async def main() -> None:
        may_end = asyncio.Event()

        async def works(wire: Wire) -> None:
            wire.send(b"hello\r\n")
            while await wire.line() == b"WORK":
                wire.send(b"working\r\n")
                wire.flush()
                await may_end.wait()
                wire.send(b"done\r\n")

        async with (
            serving(works) as listener,
            connected(listener) as (busy, talk),
            connected(listener) as (silent, _),
        ):
            port = listener.port
            assert await busy.readline() == await silent.readline() == b"hello\r\n"
            talk.write(b"WORK\r\n")
            assert await busy.readline() == b"working\r\n"
            drain = asyncio.ensure_future(listener.drain(grace=PATIENCE, reason="so long"))
            assert await silent.read() == b"BYE so long\r\n"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            may_end.set()
            assert await busy.read() == b"done\r\nBYE so long\r\n"
            await drain
            assert listener.connections == 0

    port = 0

    async def twice() -> None:
        nonlocal port
        (sock, *others) = bind("127.0.0.1", port)
        assert others == []
        port = sock.getsockname()[1]
        listener = await serve_sessions([sock], lambda wire: Toy(wire, echo_lines))
        async with connected(listener) as (reader, _):
            assert await reader.readline() == b"hello\r\n"
        await listener.drain()

    run(loop, main())
    run(loop, twice())
    run(loop, twice())  # the same port is free again at once


def test_a_session_that_hears_nothing_is_ended_all_the_same(loop: str) -> None:
    ended: list[str] = []

    async def body(wire: Wire) -> None:
        wire.send(b"hello\r\n")
        wire.flush()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    async def main() -> None:
        async with serving(body) as listener, connected(listener) as (reader, _):
            assert await reader.readline() == b"hello\r\n"
            await listener.drain(farewell_time=0.05)

    run(loop, main())
    assert ended == ["ended"]


def test_five_hundred_quick_connections(loop: str) -> None:
    async def one(listener: SessionListener) -> bytes:
        async with connected(listener) as (reader, writer):
            writer.write(b"a\r\nQUIT\r\n")
            return await reader.read()

    async def main() -> None:
        async with serving(echo_lines) as listener:
            heard = await asyncio.gather(*(one(listener) for _ in range(500)))
            assert set(heard) == {b"hello\r\na\r\nbye\r\n"}
            await until(lambda: not listener.connections)
            assert listener.accepted == 500

    run(loop, main())


def test_small_replies_are_sent_at_once(loop: str, authority: Authority) -> None:
    flags: list[int] = []

    async def body(wire: Wire) -> None:
        assert isinstance(wire, SocketWire)
        accepted = wire.transport.get_extra_info("socket")
        flags.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await echo_lines(wire)

    async def main() -> None:
        for tls, trust in ((None, None), (authority.server_context(), authority.client_context())):
            async with serving(body, tls=tls) as listener, connected(listener, trust) as (reader, _):
                assert await reader.readline() == b"hello\r\n"

    run(loop, main())
    assert all(flags)
    assert len(flags) == 2


def test_heavy_pipelined_commands_leave_the_loop_to_others(loop: str) -> None:
    heavy_done = 0

    async def body(wire: Wire) -> None:
        nonlocal heavy_done
        while line := await wire.line():
            if line == b"heavy":
                done = time.perf_counter() + 0.002
                while time.perf_counter() < done:
                    pass
                heavy_done += 1
            wire.send(b".")

    async def main() -> None:
        async with serving(body) as listener, connected(listener) as (heavy, work), connected(listener) as (light, ask):
            ask.write(b"light\r\n")
            await light.readexactly(1)
            work.write(b"heavy\r\n" * 200)
            await until(lambda: heavy_done)
            ask.write(b"light\r\n")
            await light.readexactly(1)
            assert heavy_done < 100
            await heavy.readexactly(200)

    run(loop, main())


def test_a_unix_socket_serves_too(loop: str, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    peers: list[tuple[str, int]] = []

    async def body(wire: Wire) -> None:
        peers.append(wire.local)
        await echo_lines(wire)

    async def main() -> None:
        listener = await serve_sessions([bind_unix(path)], lambda wire: Toy(wire, body))
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"QUIT\r\n")
        assert await reader.read() == b"hello\r\nbye\r\n"
        writer.close()
        await listener.drain()

    run(loop, main())
    assert peers == [(str(path), 0)]
    assert not path.exists()


class Late:
    """A passage that upper-cases what clients say, and delivers everything a little later."""

    holding = False

    def attach(self, ends: Ends) -> None:
        self.ends = ends
        self.loop = asyncio.get_running_loop()

    def inbound(self, data: bytes) -> None:
        self.loop.call_later(0.01, self.ends.deliver, data.upper())

    def after_inbound(self, then: object) -> None:
        self.loop.call_later(0.01, then)  # type: ignore[arg-type]

    def forget_inbound(self) -> None:
        pass

    def outbound(self, data: bytes) -> None:
        self.loop.call_later(0.01, self.ends.transmit, data)

    def after_outbound(self, then: object) -> None:
        self.loop.call_later(0.01, then)  # type: ignore[arg-type]

    def detach(self) -> None:
        pass


def test_a_passage_decides_what_becomes_of_bytes(loop: str, authority: Authority) -> None:
    async def main() -> None:
        options = {"make_passage": Late, "start_tls": authority.server_context()}
        async with serving(echo_lines, **options) as listener, connected(listener) as (reader, writer):
            writer.write(b"abc\r\n")
            assert await reader.readexactly(12) == b"hello\r\nABC\r\n"
            writer.write(b"def\r\nquit\r\n")
            writer.write_eof()
            assert await reader.read() == b"DEF\r\nbye\r\n"

    run(loop, main())


class Exhausted(socket.socket):
    """A listening socket of a process that has no file descriptor left, until `room`."""

    room = False
    asked = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked += 1
        if not self.room:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_no_file_descriptor_left_is_waited_out(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        (bound,) = bind("127.0.0.1", 0)
        exhausted = Exhausted(bound.family, bound.type, bound.proto, bound.detach())
        listener = await serve_sessions([exhausted], lambda wire: Toy(wire, echo_lines))
        async with connected(listener) as (reader, _):
            await until(lambda: exhausted.asked)
            await asyncio.sleep(0.05)
            assert exhausted.asked == 1  # it does not spin
            exhausted.room = True
            listener._accept_again(exhausted)  # as its timer does a second later
            assert await reader.readline() == b"hello\r\n"
        await listener.drain()

    run(loop, main())
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Too many open files" in caplog.text
