"""asyncio against the echo services, HTTP, SMTP and IMAP, and against servers of its own."""
# mypy: disable-error-code="attr-defined, comparison-overlap, unused-ignore, var-annotated"
# (typeshed knows less than the module does)

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import io
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from stdlib.parts import TIMEOUT, Sites, service

from minternet.ready import Endpoint, Ready

Value = TypeVar("Value")
OCTETS = bytes(range(256)) * 1000


def run(work: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine on the standard library's own loop, for so long and no longer."""

    async def bounded() -> Value:
        async with asyncio.timeout(TIMEOUT):
            return await work

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(bounded())


@pytest.fixture
def echo(ready: Ready) -> Endpoint:
    return service(ready, "echo")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.SelectorEventLoop()
    yield made
    made.close()


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


# -- streams


def test_streams(echo: Endpoint) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection(echo.host, echo.port)
        assert writer.get_extra_info("peername")[1] == echo.port
        assert writer.can_write_eof()
        writer.write(b"one\n")
        writer.writelines([b"two\n", b"three|four"])
        await writer.drain()
        assert await reader.readline() == b"one\n"
        assert await reader.readuntil(b"|") == b"two\nthree|"
        assert await reader.readexactly(4) == b"four"
        writer.write(OCTETS)
        writer.write_eof()
        assert await reader.read(-1) == OCTETS
        assert reader.at_eof()
        assert await reader.read(10) == b""
        assert not writer.is_closing()
        await closed(writer)
        assert writer.is_closing()

    run(main())


def test_more_than_any_buffer_holds(echo: Endpoint) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection(echo.host, echo.port)
        content = OCTETS * 40

        async def send() -> None:
            writer.write(content)
            await writer.drain()
            writer.write_eof()

        _, heard = await asyncio.gather(send(), reader.read())
        assert heard == content
        await closed(writer)

    run(main())


def test_less_than_was_asked_for(echo: Endpoint) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection(echo.host, echo.port, limit=100)
        writer.write(b"short")
        writer.write_eof()
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await reader.readexactly(10)
        assert (caught.value.partial, caught.value.expected) == (b"short", 10)
        await closed(writer)
        reader, writer = await asyncio.open_connection(echo.host, echo.port, limit=100)
        writer.write(b"x" * 300 + b"\n")
        with pytest.raises(asyncio.LimitOverrunError) as overrun:
            await reader.readuntil()
        assert overrun.value.consumed >= 100
        with pytest.raises(ValueError):
            await reader.readline()
        await closed(writer)

    run(main())


def test_many_at_once(echo: Endpoint) -> None:
    async def one(number: int) -> bytes:
        reader, writer = await asyncio.open_connection(echo.host, echo.port)
        writer.write(b"%d" % number * 1000)
        writer.write_eof()
        heard = await reader.read()
        await closed(writer)
        return heard

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number), name=f"client {number}") for number in range(50)]
        assert [task.result() for task in tasks] == [b"%d" % number * 1000 for number in range(50)]
        found = await asyncio.gather(*map(one, range(10)))
        assert found == [b"%d" % number * 1000 for number in range(10)]

    run(main())


def test_http_by_hand(web: Sites, tls: ssl.SSLContext) -> None:
    async def main() -> None:
        for where, context in ((web.http, None), (web.https, tls)):
            reader, writer = await asyncio.open_connection(where.host, where.port, ssl=context)
            writer.write(b"GET /range/26 HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            for _ in range(3):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                assert await reader.readexactly(26) == b"abcdefghijklmnopqrstuvwxyz"
            assert (writer.get_extra_info("ssl_object") is None) == (context is None)
            await closed(writer)

    run(main())


def test_streams_start_tls(ready: Ready, tls: ssl.SSLContext) -> None:
    async def main() -> None:
        where = service(ready, "imap")
        reader, writer = await asyncio.open_connection(where.host, where.port)
        assert (await reader.readline()).startswith(b"* OK")
        writer.write(b"a STARTTLS\r\n")
        assert (await reader.readline()).startswith(b"a OK")
        await writer.start_tls(tls, server_hostname=where.host)
        writer.write(b"b NOOP\r\n")
        assert (await reader.readline()).startswith(b"b OK")
        assert writer.get_extra_info("cipher")
        await closed(writer)

    run(main())


def test_a_server_of_streams(tmp_path: Path) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        await closed(writer)

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"quiet\n")
        writer.write_eof()
        heard = await reader.read()
        await closed(writer)
        return heard

    async def main() -> None:
        server = await asyncio.start_server(shout, "127.0.0.1", 0, start_serving=False)
        async with server:
            assert not server.is_serving()
            await server.start_serving()
            assert server.is_serving()
            assert server.get_loop() is asyncio.get_running_loop()
            port = server.sockets[0].getsockname()[1]
            assert await ask(*await asyncio.open_connection("127.0.0.1", port)) == b"QUIET\n"
            server.close()
            await server.wait_closed()
        assert not server.is_serving()
        path = str(tmp_path / "s")
        async with await asyncio.start_unix_server(shout, path) as unix:
            assert await ask(*await asyncio.open_unix_connection(path)) == b"QUIET\n"
            serving = asyncio.create_task(unix.serve_forever())
            await asyncio.sleep(0)
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
        if hasattr(server, "close_clients"):
            for end in (server.close_clients, server.abort_clients):
                end()

    run(main())


def test_a_reader_fed_by_hand() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader(limit=10)
        reader.feed_data(b"abc\n")
        assert await reader.readline() == b"abc\n"
        reader.feed_data(b"rest")
        reader.feed_eof()
        assert [piece async for piece in reader] == [b"rest"]
        failed = asyncio.StreamReader()
        failed.set_exception(OSError("gone"))
        assert isinstance(failed.exception(), OSError)
        with pytest.raises(OSError, match="gone"):
            await failed.read()

    run(main())


# -- protocols and transports


class Collector(asyncio.Protocol):
    """Gathers what comes until the end."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.over: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.paused = self.resumed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.heard += data

    def eof_received(self) -> bool | None:
        return super().eof_received()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.paused += 1

    def resume_writing(self) -> None:
        super().resume_writing()
        self.resumed += 1

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.over.set_result(exc)


def test_protocols(echo: Endpoint) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(Collector, echo.host, echo.port)
        assert transport.get_protocol() is protocol
        transport.set_protocol(protocol)
        transport.set_write_buffer_limits(high=1000, low=100)
        assert transport.get_write_buffer_limits() == (100, 1000)
        transport.pause_reading()
        assert not transport.is_reading()
        transport.resume_reading()
        transport.write(OCTETS * 8)
        transport.writelines([b"and ", b"more"])
        assert transport.can_write_eof()
        transport.write_eof()
        assert await protocol.over is None
        assert bytes(protocol.heard) == OCTETS * 8 + b"and more"
        assert transport.is_closing()
        assert transport.get_write_buffer_size() == 0
        assert protocol.paused == protocol.resumed

    run(main())


def test_backpressure() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        left.setblocking(False)
        transport, protocol = await loop.connect_accepted_socket(Collector, right)
        transport.set_write_buffer_limits(high=0)
        transport.write(bytes(4 << 20))
        assert (protocol.paused, protocol.resumed) == (1, 0)
        taken = 0
        while taken < 4 << 20:
            taken += len(await loop.sock_recv(left, 1 << 20))
        left.close()
        await protocol.over
        assert protocol.resumed == 1

    run(main())


def test_buffered_protocols(echo: Endpoint) -> None:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer, self.heard = bytearray(1000), bytearray()
            self.over = asyncio.Event()

        def get_buffer(self, sizehint: int) -> bytearray:
            super().get_buffer(sizehint)  # type: ignore[safe-super]
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)  # type: ignore[safe-super]
            self.heard += self.buffer[:nbytes]

        def eof_received(self) -> bool | None:
            return super().eof_received()

        def connection_lost(self, exc: Exception | None) -> None:
            self.over.set()

    async def main() -> None:
        transport, protocol = await asyncio.get_running_loop().create_connection(Buffered, echo.host, echo.port)
        transport.write(OCTETS)
        transport.write_eof()
        await protocol.over.wait()
        assert bytes(protocol.heard) == OCTETS

    run(main())


def test_datagrams(ready: Ready) -> None:
    where = service(ready, "echo-udp")

    class Datagrams(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.heard: asyncio.Queue[bytes] = asyncio.Queue()

        def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
            super().datagram_received(data, addr)
            self.heard.put_nowait(data)

        def error_received(self, exc: Exception) -> None:
            super().error_received(exc)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Datagrams, remote_addr=where.address)
        for size in (0, 1, 1400, 60_000):
            if size:
                transport.sendto(OCTETS[:size])
                assert await protocol.heard.get() == OCTETS[:size]
        protocol.error_received(OSError())
        transport.abort()
        transport, protocol = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
        transport.sendto(b"to myself", transport.get_extra_info("sockname"))
        assert await protocol.heard.get() == b"to myself"
        transport.close()

    run(main())


def test_starting_tls_on_a_transport(ready: Ready, tls: ssl.SSLContext) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        where = service(ready, "pop3")
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, where.host, where.port)
        assert (await reader.readline()).startswith(b"+OK")
        transport.write(b"STLS\r\n")
        assert (await reader.readline()).startswith(b"+OK")
        secure = await loop.start_tls(transport, protocol, tls, server_hostname=where.host)
        assert secure is not None
        secure.write(b"CAPA\r\n")
        assert (await reader.readline()).startswith(b"+OK")
        secure.close()

    run(main())


def test_servers_of_protocols(tmp_path: Path) -> None:
    class Echo(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with await loop.create_server(Echo, "127.0.0.1", 0) as server:
            transport, protocol = await loop.create_connection(Collector, *server.sockets[0].getsockname())
            transport.write(b"hello")
            transport.write_eof()
            await protocol.over
            assert bytes(protocol.heard) == b"hello"
        path = str(tmp_path / "s")
        async with await loop.create_unix_server(Echo, path):
            transport, protocol = await loop.create_unix_connection(Collector, path)
            transport.write(b"unix")
            transport.write_eof()
            await protocol.over
            assert bytes(protocol.heard) == b"unix"

    run(main())


@pytest.mark.parametrize("secure", [False, True])
def test_sending_files(ready: Ready, web: Sites, tls: ssl.SSLContext, tmp_path: Path, secure: bool) -> None:
    path = tmp_path / "octets"
    path.write_bytes(OCTETS)
    where = web.https if secure else web.http

    async def main() -> None:
        loop = asyncio.get_running_loop()
        context = tls if secure else None
        transport, protocol = await loop.create_connection(Collector, where.host, where.port, ssl=context)
        transport.write(b"PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 255990\r\nConnection: close\r\n\r\n")
        with path.open("rb") as file:
            assert await loop.sendfile(transport, file, 10) == 255_990
        await protocol.over
        assert b'"size": 255990' in protocol.heard or b'"size":255990' in protocol.heard

    run(main())


def test_nobody_listens() -> None:
    async def main() -> None:
        with socket.socket() as placeholder:
            placeholder.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*placeholder.getsockname())

    run(main())


# -- sockets on the loop


def test_sockets_on_the_loop(echo: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "octets"
    path.write_bytes(OCTETS)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        family, kind, _, _, address = (await loop.getaddrinfo(echo.host, echo.port, type=socket.SOCK_STREAM))[0]
        with socket.socket(family, kind) as client:
            client.setblocking(False)
            await loop.sock_connect(client, address)
            await loop.sock_sendall(client, b"hello")
            assert await loop.sock_recv(client, 5) == b"hello"
            await loop.sock_sendall(client, b"again")
            buffer = bytearray(5)
            assert await loop.sock_recv_into(client, buffer) in range(1, 6)
        with socket.socket(family, kind) as client, path.open("rb") as file:
            client.setblocking(False)
            await loop.sock_connect(client, address)
            sending = asyncio.create_task(loop.sock_sendfile(client, file, 0, 10_000))
            heard = b""
            while len(heard) < 10_000:
                heard += await loop.sock_recv(client, 65536)
            assert (await sending, heard) == (10_000, OCTETS[:10_000])

    run(main())


def test_accepting_and_datagrams_on_the_loop(ready: Ready) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            accepting = asyncio.create_task(loop.sock_accept(server))
            with socket.create_connection(server.getsockname()) as client:
                accepted, address = await accepting
                assert address == client.getsockname()
                accepted.close()
        where = service(ready, "echo-udp")
        family = (await loop.getaddrinfo(*where.address, type=socket.SOCK_DGRAM))[0][0]
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            await loop.sock_sendto(client, b"datagram", where.address)
            assert (await loop.sock_recvfrom(client, 100))[0] == b"datagram"
            await loop.sock_sendto(client, b"into", where.address)
            buffer = bytearray(10)
            assert (await loop.sock_recvfrom_into(client, buffer))[0] == 4
        numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert await loop.getnameinfo(("127.0.0.1", 80), numeric) == ("127.0.0.1", "80")

    run(main())


def test_watching_descriptors() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        with left, right:
            readable, writable = asyncio.Event(), asyncio.Event()
            loop.add_reader(right, readable.set)
            loop.add_writer(left, writable.set)
            await writable.wait()
            assert loop.remove_writer(left)
            left.send(b"x")
            await readable.wait()
            assert loop.remove_reader(right)
            assert not loop.remove_reader(right)

    run(main())


def test_pipes() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(writing, "wb", 0))
        assert isinstance(protocol, asyncio.BaseProtocol)
        transport.write(b"through the pipe")
        transport.close()
        assert await reader.read() == b"through the pipe"

    run(main())


def test_signals() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await heard.wait()
        assert loop.remove_signal_handler(signal.SIGUSR1)
        assert not loop.remove_signal_handler(signal.SIGUSR1)
        with pytest.raises(ValueError):
            loop.add_signal_handler(0, heard.set)

    run(main())


# -- child processes

SHOUT = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('note'); sys.exit(3)"


def test_child_processes() -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SHOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert await child.communicate(b"quiet") == (b"QUIET", b"note")
        assert child.returncode == 3
        shell = await asyncio.create_subprocess_shell("echo from the shell", stdout=asyncio.subprocess.PIPE)
        assert shell.stdout is not None
        assert await shell.stdout.readline() == b"from the shell\n"
        assert await shell.wait() == 0
        sleeper = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
        sleeper.kill()
        assert await sleeper.wait() == -signal.SIGKILL

    run(main())


def test_processes_as_protocols() -> None:
    class Child(asyncio.SubprocessProtocol):
        def __init__(self) -> None:
            self.heard: dict[int, bytes] = {}
            self.over = asyncio.Event()

        def pipe_data_received(self, fd: int, data: bytes) -> None:
            super().pipe_data_received(fd, data)
            self.heard[fd] = self.heard.get(fd, b"") + data

        def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
            super().pipe_connection_lost(fd, exc)

        def process_exited(self) -> None:
            super().process_exited()

        def connection_lost(self, exc: Exception | None) -> None:
            self.over.set()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, child = await loop.subprocess_exec(Child, sys.executable, "-c", SHOUT)
        assert transport.get_pid() > 0
        pipe: Any = transport.get_pipe_transport(0)
        pipe.write(b"as a protocol")
        pipe.close()
        await child.over.wait()
        assert (child.heard, transport.get_returncode()) == ({1: b"AS A PROTOCOL", 2: b"note"}, 3)
        transport.close()
        command = shlex.join([sys.executable, "-c", "input()"])
        transport, child = await loop.subprocess_shell(Child, f"exec {command}")
        transport.send_signal(signal.SIGTERM)
        await child.over.wait()
        assert transport.get_returncode() is not None
        transport.close()

    run(main())


# -- tasks


def test_tasks() -> None:
    async def value(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def main() -> None:
        task = asyncio.create_task(value(1), name="one")
        assert task.get_name() == "one"
        task.set_name("uno")
        done: list[asyncio.Task[int]] = []
        task.add_done_callback(done.append)
        task.add_done_callback(print)
        assert task.remove_done_callback(print) == 1
        assert (task.done(), task.cancelled(), task.get_loop()) == (False, False, asyncio.get_running_loop())
        assert task in asyncio.all_tasks()
        assert asyncio.current_task() in asyncio.all_tasks()
        assert inspect.iscoroutine(task.get_coro())
        stream = io.StringIO()
        task.print_stack(file=stream)
        assert task.get_stack()
        assert "value" in stream.getvalue()
        if hasattr(task, "get_context"):
            assert isinstance(task.get_context(), contextvars.Context)
        with pytest.raises(asyncio.InvalidStateError):
            task.result()
        with pytest.raises(RuntimeError):
            task.set_result(2)  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError):
            task.set_exception(OSError())  # type: ignore[attr-defined]
        assert await task == task.result() == 1
        assert (task.exception(), done) == (None, [task])
        assert asyncio.ensure_future(task) is task
        assert await asyncio.ensure_future(value(2)) == 2

    run(main())


def test_cancelling() -> None:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        assert task.cancel("enough")
        assert task.cancelling() == 1
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert task.uncancel() == 0
        shielded = asyncio.create_task(asyncio.sleep(0, "safe"))
        outer = asyncio.ensure_future(asyncio.shield(shielded))
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert await shielded == "safe"

    run(main())


def test_waiting_for_several() -> None:
    async def after(event: asyncio.Event, value: int) -> int:
        await event.wait()
        return value

    async def main() -> None:
        now, never = asyncio.Event(), asyncio.Event()
        now.set()
        tasks = {asyncio.create_task(after(now, 1)), asyncio.create_task(after(never, 2))}
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert ([task.result() for task in done], len(pending)) == ([1], 1)
        done, pending = await asyncio.wait(tasks, timeout=0)
        assert (len(done), len(pending)) == (1, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(after(never, 3), 0.01)
        never.set()
        assert sorted([await each for each in asyncio.as_completed([after(now, 3), after(now, 4)])]) == [3, 4]
        results = await asyncio.gather(after(now, 5), asyncio.sleep(0), _failing(), return_exceptions=True)
        assert results[:2] == [5, None]
        assert isinstance(results[2], ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            await asyncio.gather(_failing())

    run(main())


async def _failing() -> None:
    raise ZeroDivisionError


def test_groups_of_tasks() -> None:
    async def patient() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(patient())
                group.create_task(_failing())
        assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
        assert waiting.cancelled()

    run(main())


def test_timeouts(web: Sites) -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection(web.http.host, web.http.port)
        writer.write(b"GET /broken/hang?seconds=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        bound = asyncio.timeout(0.02)
        try:
            async with bound:
                await reader.read()
        except TimeoutError:
            assert bound.expired()
        else:
            pytest.fail("the timeout did not end the wait")
        await closed(writer)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(loop.time() + 60) as bound:
            assert isinstance(bound, asyncio.Timeout)
            assert bound.when() is not None
            bound.reschedule(None)
            await asyncio.sleep(0)
            assert bound.when() is None
        assert not bound.expired()

    run(main())


def test_threads(web: Sites) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert b"abcdef" in await asyncio.to_thread(web.get, "/range/26")
        pool = concurrent.futures.ThreadPoolExecutor(1)
        loop.set_default_executor(pool)  # which the loop shuts down in the end
        assert await loop.run_in_executor(None, threading.get_ident) != threading.get_ident()
        wrapped = asyncio.wrap_future(pool.submit(lambda: "from a thread"))
        assert await wrapped == "from a thread"
        heard = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(heard.set))
        thread.start()
        await heard.wait()
        thread.join()
        answers: list[int] = []

        def ask() -> None:
            answers.append(asyncio.run_coroutine_threadsafe(asyncio.sleep(0, 5), loop).result(TIMEOUT))

        await asyncio.to_thread(ask)
        assert answers == [5]

    run(main())


# -- what tasks share


def test_locks() -> None:
    async def main() -> None:
        lock, inside = asyncio.Lock(), 0
        most = 0

        async def enter() -> None:
            nonlocal inside, most
            async with lock:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(enter() for _ in range(10)))
        assert most == 1
        assert await lock.acquire()
        assert lock.locked()
        lock.release()
        with pytest.raises(RuntimeError):
            lock.release()

    run(main())


def test_no_more_than_so_many_connections(echo: Endpoint) -> None:
    async def main() -> None:
        gate, inside, most = asyncio.BoundedSemaphore(3), 0, 0

        async def client() -> None:
            nonlocal inside, most
            async with gate:
                inside += 1
                most = max(most, inside)
                reader, writer = await asyncio.open_connection(echo.host, echo.port)
                writer.write(b"x")
                await reader.readexactly(1)
                await closed(writer)
                inside -= 1

        await asyncio.gather(*(client() for _ in range(12)))
        assert most == 3
        with pytest.raises(ValueError):
            gate.release()
        plain = asyncio.Semaphore(1)
        await plain.acquire()
        assert plain.locked()
        plain.release()

    run(main())


def test_events_conditions_and_barriers() -> None:
    async def main() -> None:
        event = asyncio.Event()
        assert not event.is_set()
        event.set()
        assert await event.wait()
        event.clear()
        condition, state = asyncio.Condition(), []

        async def waiting() -> None:
            async with condition:
                await condition.wait_for(lambda: len(state) == 2)
                state.append("seen")

        async def woken() -> None:
            async with condition:
                await condition.wait()

        tasks = [asyncio.create_task(waiting()), asyncio.create_task(woken())]
        await asyncio.sleep(0)
        async with condition:
            state.append("one")
            condition.notify(2)
        await tasks[1]
        async with condition:
            state.append("two")
            condition.notify_all()
        await tasks[0]
        assert state == ["one", "two", "seen"]
        barrier = asyncio.Barrier(3)
        places = await asyncio.gather(*(barrier.wait() for _ in range(3)))
        assert sorted(places) == [0, 1, 2]
        early = asyncio.create_task(barrier.wait())
        await asyncio.sleep(0)
        await barrier.reset()
        with pytest.raises(asyncio.BrokenBarrierError):
            await early
        await barrier.abort()
        assert barrier.broken

    run(main())


def test_queues(echo: Endpoint) -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)
        results: list[bytes] = []

        async def worker() -> None:
            reader, writer = await asyncio.open_connection(echo.host, echo.port)
            try:
                while True:
                    number = await queue.get()
                    writer.write(b"%d\n" % number)
                    results.append(await reader.readline())
                    queue.task_done()
            finally:
                writer.close()

        workers = [asyncio.create_task(worker()) for _ in range(3)]
        for number in range(20):
            await queue.put(number)
        await queue.join()
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        assert sorted(map(int, results)) == list(range(20))
        assert (queue.empty(), queue.qsize(), queue.maxsize) == (True, 0, 2)
        queue.put_nowait(1)
        queue.put_nowait(2)
        assert queue.full()
        with pytest.raises(asyncio.QueueFull):
            queue.put_nowait(3)
        assert (queue.get_nowait(), queue.get_nowait()) == (1, 2)
        with pytest.raises(asyncio.QueueEmpty):
            queue.get_nowait()
        queue.task_done()
        queue.task_done()
        with pytest.raises(ValueError):
            queue.task_done()
        if hasattr(queue, "shutdown"):  # 3.13
            queue.shutdown()
            with pytest.raises(asyncio.QueueShutDown):
                await queue.get()

    run(main())


def test_queues_in_order() -> None:
    async def main() -> None:
        last: asyncio.LifoQueue[int] = asyncio.LifoQueue()
        least: asyncio.PriorityQueue[int] = asyncio.PriorityQueue()
        for number in (2, 1, 3):
            last.put_nowait(number)
            least.put_nowait(number)
        assert [await last.get() for _ in range(3)] == [3, 1, 2]
        assert [await least.get() for _ in range(3)] == [1, 2, 3]

    run(main())


# -- futures and loops


def test_futures(loop: asyncio.AbstractEventLoop) -> None:
    future = loop.create_future()
    heard: list[object] = []
    future.add_done_callback(heard.append)
    future.add_done_callback(print)
    assert future.remove_done_callback(print) == 1
    assert (future.done(), future.get_loop(), asyncio.isfuture(future)) == (False, loop, True)
    future.set_result(1)
    assert (loop.run_until_complete(future), future.exception(), future.cancelled()) == (1, None, False)
    assert heard == [future]
    with pytest.raises(asyncio.InvalidStateError):
        future.set_result(2)
    failed = loop.create_future()
    failed.set_exception(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        failed.result()
    cancelled = loop.create_future()
    assert cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        cancelled.result()


def test_running_a_loop(loop: asyncio.AbstractEventLoop) -> None:
    order: list[str] = []
    loop.call_soon(order.append, "soon")
    handle = loop.call_soon(order.append, "never")
    handle.cancel()
    assert handle.cancelled()
    timer = loop.call_later(0.01, loop.stop)
    assert loop.time() < timer.when() + 1
    other = loop.call_at(loop.time() + 60, order.append, "much later")
    other.cancel()
    assert other.cancelled()
    loop.run_forever()
    assert order == ["soon"]
    assert (loop.is_running(), loop.is_closed()) == (False, False)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)


def test_exceptions_that_nobody_awaits(loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    told: list[dict[str, Any]] = []
    assert loop.get_exception_handler() is None
    loop.set_exception_handler(lambda _, context: told.append(context))
    assert loop.get_exception_handler() is not None
    loop.call_exception_handler({"message": "by hand"})
    loop.call_soon(lambda: 1 / 0)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert [context["message"][:7] for context in told] == ["by hand", "Excepti"]
    loop.set_exception_handler(None)
    loop.default_exception_handler({"message": "the default one"})
    assert "the default one" in caplog.text


def test_factories_and_debugging(loop: asyncio.AbstractEventLoop) -> None:
    made: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **keywords: Any) -> asyncio.Task[Any]:
        made.append(work.__name__)
        return asyncio.Task(work, loop=loop, **keywords)

    assert loop.get_task_factory() is None
    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    assert loop.run_until_complete(loop.create_task(asyncio.sleep(0, "made"))) == "made"
    assert made == ["sleep"]
    loop.set_debug(True)
    assert loop.get_debug()
    loop.set_debug(False)
    if hasattr(asyncio, "eager_task_factory"):  # 3.12
        loop.set_task_factory(asyncio.eager_task_factory)
        assert loop.run_until_complete(asyncio.sleep(0, 1)) == 1
        loop.set_task_factory(asyncio.create_eager_task_factory(asyncio.Task))
        assert loop.run_until_complete(asyncio.sleep(0, 2)) == 2


def test_runners() -> None:
    async def who() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    with asyncio.Runner(debug=True) as runner:
        first = runner.run(who())
        assert first is runner.get_loop() is runner.run(who())
        assert first.get_debug()
    assert first.is_closed()
    runner.close()
    assert asyncio.run(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    with pytest.raises(ValueError, match="coroutine"):
        asyncio.run(1)  # type: ignore[arg-type]


def test_the_current_loop() -> None:
    loop = asyncio.new_event_loop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop(loop)
        assert asyncio.get_event_loop() is loop
        policy = asyncio.get_event_loop_policy()
        assert policy.get_event_loop() is loop
        asyncio.set_event_loop_policy(policy)
        made = asyncio.DefaultEventLoopPolicy()
        spare = made.new_event_loop()
        made.set_event_loop(spare)
        assert made.get_event_loop() is spare
        spare.close()
        asyncio.set_event_loop(None)
    loop.close()


def test_asynchronous_generators_are_ended() -> None:
    ended: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ended.append("ended")

    async def main() -> None:
        unfinished.append(numbers())
        assert await anext(unfinished[0]) == 1

    unfinished: list[AsyncIterator[int]] = []
    run(main())
    assert ended == ["ended"]


def test_kinds_of_awaitables() -> None:
    async def coroutine() -> None: ...

    work = coroutine()
    assert asyncio.iscoroutine(work)
    work.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert asyncio.iscoroutinefunction(coroutine)
    assert not asyncio.isfuture(work)
    assert isinstance(work, Awaitable)
    kinds: list[Callable[..., object]] = [asyncio.Protocol, asyncio.DatagramProtocol, asyncio.SubprocessProtocol]
    assert all(isinstance(kind(), asyncio.BaseProtocol) for kind in kinds)


def test_call_graphs() -> None:
    if not hasattr(asyncio, "capture_call_graph"):
        pytest.skip("call graphs came with Python 3.14")

    async def main() -> None:
        graph = asyncio.capture_call_graph()
        assert graph is not None
        assert "main" in asyncio.format_call_graph()
        stream = io.StringIO()
        asyncio.print_call_graph(file=stream)
        assert "main" in stream.getvalue()
        task = asyncio.current_task()
        waiter = asyncio.get_running_loop().create_future()
        asyncio.future_add_to_awaited_by(waiter, task)
        asyncio.future_discard_from_awaited_by(waiter, task)

    run(main())
