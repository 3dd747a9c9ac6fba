"""FTP transfers beside bare pyftpdlib on the same disk, in one run: rates and ratios.

    python benchmarks/ftp_transfer.py [--megabytes 64] [--rounds 5] [--small 200]

Each server runs in a process of its own; one client asks both in turn, round by round, and the best round of each
counts, for the machine's other work only ever slows things down. 90 % is what large files must reach.
"""

from __future__ import annotations

import argparse
import asyncio
import ftplib
import logging
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

PIECE = 1 << 20


def serve_bare(pipe: Connection, root: str) -> None:
    """pyftpdlib as it comes, on a folder."""
    import pyftpdlib.ioloop  # noqa: F401 - first, or asyncore warns
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    logging.getLogger("pyftpdlib").setLevel(logging.ERROR)
    logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
    authorizer = DummyAuthorizer()
    authorizer.add_user("alice", "wonderland", root, perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler)
    pipe.send(server.address[1])
    server.serve_forever(handle_exit=False)


def serve_ours(pipe: Connection, root: str, uvloop: bool) -> None:
    """This project's service, on the loop that it has in an internet."""
    from minternet.protocols.context import ServiceContext
    from minternet.protocols.ftp import serve
    from minternet.registry import by_name
    from minternet.settings import Settings
    from minternet.wire.listener import bind
    from minternet.wire.tls import Authority
    from minternet.wire.transcript import TranscriptRing
    from minternet.world.changes import AddAccount
    from minternet.world.records import Account
    from minternet.world.world import World

    async def run() -> None:
        world = World(journal_keeps=2)  # so that overwritten content gives its disk back, as pyftpdlib's does
        account = Account("alice", "alice@example.test", "wonderland", home="/home/alice")
        await world.commit(AddAccount(account, 0.0))
        log = logging.getLogger("benchmark")
        context = ServiceContext(by_name()["ftp"], world, Settings(), Authority(), TranscriptRing(), log)
        sockets = bind("127.0.0.1", 0)
        running = await serve(context, sockets)
        pipe.send(sockets[0].getsockname()[1])
        await running.wait()

    tempfile.tempdir = root
    if uvloop:
        import uvloop as fast

        fast.run(run())
    else:
        asyncio.run(run())


class Client:
    """Measures one server."""

    def __init__(self, port: int) -> None:
        self.ftp = ftplib.FTP(timeout=60)
        self.ftp.connect("127.0.0.1", port)
        self.ftp.login("alice", "wonderland")
        self.ftp.voidcmd("TYPE I")
        self.buffer = bytearray(PIECE)

    def upload(self, megabytes: int) -> float:
        """Megabytes a second of STOR."""
        content = os.urandom(PIECE)
        started = time.perf_counter()
        with self.ftp.transfercmd("STOR large") as connection:
            for _ in range(megabytes):
                connection.sendall(content)
        self.ftp.voidresp()
        return megabytes / (time.perf_counter() - started)

    def download(self, megabytes: int) -> float:
        """Megabytes a second of RETR."""
        started, received = time.perf_counter(), 0
        with self.ftp.transfercmd("RETR large") as connection:
            while count := connection.recv_into(self.buffer):
                received += count
        self.ftp.voidresp()
        assert received == megabytes * PIECE
        return megabytes / (time.perf_counter() - started)

    def store_small(self, count: int) -> float:
        """Files of 1 KiB stored a second."""
        started = time.perf_counter()
        for number in range(count):
            with self.ftp.transfercmd(f"STOR small{number % 10}") as connection:
                connection.sendall(b"x" * 1024)
            self.ftp.voidresp()
        return count / (time.perf_counter() - started)

    def fetch_small(self, count: int) -> float:
        """Files of 1 KiB fetched a second."""
        started = time.perf_counter()
        for number in range(count):
            with self.ftp.transfercmd(f"RETR small{number % 10}") as connection:
                while connection.recv_into(self.buffer):
                    pass
            self.ftp.voidresp()
        return count / (time.perf_counter() - started)

    def noop(self, count: int) -> float:
        """NOOPs a second, one at a time."""
        started = time.perf_counter()
        for _ in range(count):
            self.ftp.voidcmd("NOOP")
        return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=200)
    chosen = parser.parse_args()
    measures: dict[str, Callable[[Client], float]] = {
        "STOR large, MB/s": lambda client: client.upload(chosen.megabytes),
        "RETR large, MB/s": lambda client: client.download(chosen.megabytes),
        "STOR 1 KiB, a second": lambda client: client.store_small(chosen.small),
        "RETR 1 KiB, a second": lambda client: client.fetch_small(chosen.small),
        "NOOP, a second": lambda client: client.noop(chosen.small * 5),
    }
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        root = str(Path(folder).resolve())
        servers = []
        for target, arguments in ((serve_bare, ()), (serve_ours, (False,)), (serve_ours, (True,))):
            here, there = spawn.Pipe()
            process = spawn.Process(target=target, args=(there, root, *arguments), daemon=True)
            process.start()
            servers.append((process, Client(here.recv())))
        results: dict[str, list[list[float]]] = {name: [[] for _ in servers] for name in measures}
        for _ in range(chosen.rounds):
            for name, measure in measures.items():
                for index, (_, client) in enumerate(servers):
                    results[name][index].append(measure(client))
        for process, _ in servers:
            process.terminate()
            process.join()
    print(f"{'':24}{'pyftpdlib':>12}{'minternet':>12}{'ratio':>8}{'on uvloop':>12}{'ratio':>8}{'spread':>8}")
    for name, (bare, ours, fast) in results.items():
        best = [max(rates) for rates in (bare, ours, fast)]
        spread = statistics.median(bare) / max(bare)
        rates = f"{best[0]:12.0f}{best[1]:12.0f}{best[1] / best[0]:8.0%}{best[2]:12.0f}{best[2] / best[0]:8.0%}"
        print(f"{name:24}{rates}{spread:8.0%}")


if __name__ == "__main__":
    main()
