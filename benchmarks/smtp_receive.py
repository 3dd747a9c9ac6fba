"""How fast mail is received, beside aiosmtpd's own server with its bare Sink, in one run: `python benchmarks/smtp_receive.py`.

Three servers, each in a process of its own: aiosmtpd with its Sink, this project's session with the same Sink behind it, and
the whole of it, delivering into a world with trace headers. The client sends 2 KB messages over connections that stay open
(eight in lock-step, so that the server always has work), one command at a time and pipelined; then one message of 25 MB.
Absolute figures depend on the machine, and on a busy one the client's share of it counts against both: the figures per
second of the server's own processor time tell the servers apart best.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 8
LINE = b"The quick brown fox jumps over the lazy dog, and again and again.\r\n"
SMALL = b"From: bob@example.test\r\nTo: alice@example.test\r\nSubject: small\r\n\r\n" + LINE * 30
LARGE = b"From: bob@example.test\r\nTo: alice@example.test\r\nSubject: large\r\n\r\n" + LINE * (25_000_000 // len(LINE))
MAIL, RCPT = b"MAIL FROM:<bob@example.test>\r\n", b"RCPT TO:<alice@example.test>\r\n"


# -- servers


async def serve_aiosmtpd(bound: socket.socket) -> None:
    """aiosmtpd as its users run it, without the thread of its Controller and with nothing behind it."""
    from aiosmtpd.handlers import Sink
    from aiosmtpd.smtp import SMTP

    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(Sink(), hostname="localhost", loop=loop), sock=bound)


async def serve_with_sink(bound: socket.socket) -> None:
    """This project's session with aiosmtpd's Sink behind it."""
    from aiosmtpd.handlers import Sink

    await _serve(bound, Sink())


async def serve_world(bound: socket.socket) -> None:
    """This project's session, delivering."""
    await _serve(bound, None)


async def _serve(bound: socket.socket, handler: object | None) -> None:
    from minternet.protocols import smtp
    from minternet.protocols.context import ServiceContext
    from minternet.registry import by_name
    from minternet.settings import Settings
    from minternet.wire.tls import Authority
    from minternet.wire.transcript import TranscriptRing
    from minternet.world.changes import AddAccount
    from minternet.world.records import Account
    from minternet.world.world import World

    world = World()
    world.commit_now(AddAccount(Account("alice", "alice@example.test", "wonderland"), 0.0))
    authority = Authority(Path(tempfile.mkdtemp()))
    log = logging.getLogger("benchmark")
    context = ServiceContext(by_name()["smtp"], world, Settings(), authority, TranscriptRing(), log)
    await smtp.serve(context, [bound], handler)


SERVERS: dict[str, Callable[[socket.socket], object]] = {
    "aiosmtpd, Sink": serve_aiosmtpd,
    "minternet, Sink": serve_with_sink,
    "minternet": serve_world,
}


def _run(name: str, pipe: Connection) -> None:
    async def main() -> None:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.bind(("127.0.0.1", 0))
        bound.listen(100)
        bound.setblocking(False)
        await SERVERS[name](bound)  # type: ignore[misc]
        pipe.send(bound.getsockname()[1])
        asyncio.get_running_loop().add_reader(pipe.fileno(), lambda: pipe.send((pipe.recv(), time.process_time())))
        await asyncio.Event().wait()

    asyncio.run(main())


class Server(NamedTuple):
    """A server process: its port, its process id, and the pipe that asks it things."""

    port: int
    process: int
    pipe: Connection

    def processor_time(self) -> float:
        """Seconds of processor time it has used."""
        self.pipe.send("time")
        return float(self.pipe.recv()[1])


@contextlib.contextmanager
def server(name: str) -> Iterator[Server]:
    """A server of that name, until the end of the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(name, theirs), daemon=True)
    process.start()
    try:
        yield Server(ours.recv(), process.pid or 0, ours)
    finally:
        process.kill()
        process.join()


# -- the client


def connect(port: int) -> socket.socket:
    """A connection that has said EHLO."""
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    expect(client, b"220")
    client.sendall(b"EHLO benchmark\r\n")
    expect(client, b"250")
    return client


def expect(client: socket.socket, status: bytes, replies: int = 1) -> None:
    """Read that many replies, the last of them with that status."""
    received = b""
    while True:
        received += client.recv(65536)
        lines = [line for line in received.split(b"\r\n")[:-1] if line[3:4] == b" "]
        if received.endswith(b"\r\n") and len(lines) >= replies:
            break
    if not lines[-1].startswith(status):
        raise SystemExit(f"unexpected reply {lines[-1]!r}")


def small_messages(port: int, messages: int, *, pipelined: bool) -> float:
    """Messages a second."""
    clients = [connect(port) for _ in range(CONNECTIONS)]
    body = SMALL + b".\r\n"
    commands = (MAIL + RCPT + b"DATA\r\n",) if pipelined else (MAIL, RCPT, b"DATA\r\n")
    rounds = messages // CONNECTIONS
    began = time.perf_counter()
    for _ in range(rounds):
        for command in commands:
            for client in clients:
                client.sendall(command)
            for client in clients:
                expect(client, b"354" if b"DATA" in command else b"250", 3 if pipelined else 1)
        for client in clients:
            client.sendall(body)
        for client in clients:
            expect(client, b"250")
    elapsed = time.perf_counter() - began
    for client in clients:
        client.close()
    return rounds * CONNECTIONS / elapsed


def large_message(port: int) -> float:
    """Octets a second."""
    with connect(port) as client:
        for command in (MAIL, RCPT, b"DATA\r\n"):
            client.sendall(command)
            expect(client, b"354" if command == b"DATA\r\n" else b"250")
        began = time.perf_counter()
        client.sendall(LARGE)
        client.sendall(b".\r\n")
        expect(client, b"250")
        return len(LARGE) / (time.perf_counter() - began)


def peak_memory(process: int) -> int | None:
    """The most octets that process ever had in memory; None where the system does not tell (Linux does)."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except OSError:
        return None
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


# -- the comparison


def measure(name: str, messages: int) -> dict[str, float]:
    """One server's figures."""
    figures: dict[str, float] = {}
    with server(name) as running:
        small_messages(running.port, messages // 10, pipelined=False)
        for manner, pipelined in (("", False), (", pipelined", True)):
            before = running.processor_time()
            figures[f"2 KB messages/s{manner}"] = small_messages(running.port, messages, pipelined=pipelined)
            used = running.processor_time() - before
            figures[f"2 KB messages per second of the server's processor time{manner}"] = messages / used
    with server(name) as running:
        small_messages(running.port, CONNECTIONS, pipelined=False)
        memory, used = peak_memory(running.process), running.processor_time()
        figures["25 MB message, MB/s"] = large_message(running.port) / 1e6
        figures["25 MB message, MB per second of the server's processor time"] = (
            len(LARGE) / 1e6 / (running.processor_time() - used)
        )
        peak = peak_memory(running.process)
        if memory is not None and peak is not None:
            figures["25 MB message, MB of memory"] = (peak - memory) / 1e6
    return figures


def main() -> None:
    """Measure in turns, print the medians and what they are in proportion to aiosmtpd's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--messages", type=int, default=2000, help="small messages of each kind (default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: 3)")
    arguments = parser.parse_args()
    runs = [{name: measure(name, arguments.messages) for name in SERVERS} for _ in range(arguments.rounds)]
    peer = next(iter(SERVERS))
    for figure in runs[0][peer]:
        print(figure)
        theirs = statistics.median(run[peer][figure] for run in runs)
        for name in SERVERS:
            ours = statistics.median(run[name][figure] for run in runs)
            print(f"    {name:18} {ours:10.1f}   {ours / theirs if theirs else 0:5.2f} x")


if __name__ == "__main__":
    main()
