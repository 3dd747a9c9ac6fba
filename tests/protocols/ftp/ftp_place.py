"""An FTP service over the small world, on a loop of its own in a thread, and clients for it."""

from __future__ import annotations

import asyncio
import ftplib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from small_world import small_world

from minternet.protocols.context import Running, Service, ServiceContext
from minternet.protocols.ftp import serve
from minternet.settings import Limits, Settings
from minternet.wire.listener import bind
from minternet.wire.tls import Authority
from minternet.wire.transcript import TranscriptRing
from minternet.world.world import World

FTP = Service("ftp", 21, "ftp", "minternet.protocols.ftp", "FTP", "starttls", "engine", busy=b"421 Too many.\r\n")
FTPS = Service("ftps", 990, "ftps", "minternet.protocols.ftp", "FTPS", "implicit", "engine", busy=b"421 Too many.\r\n")
QUICK = Limits(login_delay=0.01)
TIMEOUT = 10.0
"""Seconds a client waits at most."""


class Place:
    """A running service and what belongs to it."""

    def __init__(self, authority: Authority, loop: asyncio.AbstractEventLoop, context: ServiceContext) -> None:
        self.authority, self.loop, self.context = authority, loop, context
        self.world: World = context.world
        self.running: Running
        self.port = 0

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call on the loop's thread, and wait for what comes of it."""

        async def calling() -> Any:
            result = function(*arguments)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(calling(), self.loop).result(TIMEOUT)

    def content(self, path: str) -> bytes | None:
        """What is stored at a path, or None."""
        entry = self.world.files.find(path)
        return None if entry is None or entry.content is None else entry.content.bytes()

    def client(self, login: str | None = "alice", password: str = "wonderland", host: str = "127.0.0.1") -> ftplib.FTP:
        """ftplib's client, logged in."""
        ftp = ftplib.FTP(timeout=TIMEOUT)
        ftp.connect(host, self.port)
        if login is not None:
            ftp.login(login, password)
        return ftp

    def tls_client(self, kind: type[ftplib.FTP_TLS] = ftplib.FTP_TLS, **options: Any) -> ftplib.FTP_TLS:
        """ftplib's client under TLS, logged in, data connections private."""
        ftp = kind(context=self.authority.client_context(), timeout=TIMEOUT, **options)
        ftp.connect("localhost", self.port)
        ftp.login("alice", "wonderland")
        ftp.prot_p()
        return ftp

    def talk(self, host: str = "127.0.0.1") -> Talk:
        """A client that speaks bare lines."""
        return Talk(socket.create_connection((host, self.port), TIMEOUT))

    def transcript(self) -> str:
        """All that was said, readable."""
        return "".join(each.text() for each in self.context.transcripts.conversations())


class Talk:
    """A control connection by hand."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")

    def send(self, *lines: str) -> None:
        """Send lines in one piece."""
        self.sock.sendall("".join(line + "\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    def read(self) -> str:
        """A whole reply, lines joined by a line feed; "" at the end."""
        lines = [self._line()]
        if lines[0][3:4] == "-":
            while not lines[-1].startswith(lines[0][:3] + " "):
                lines.append(self._line())
        return "\n".join(lines)

    def _line(self) -> str:
        line = self.file.readline(1 << 16)
        return line.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")

    def ask(self, line: str) -> str:
        """Send a line, read the reply."""
        self.send(line)
        return self.read()

    def codes(self, *lines: str) -> list[str]:
        """The codes of the replies to lines, each sent after the reply before."""
        return [self.ask(line)[:3] for line in lines]

    def log_in(self, login: str = "alice", password: str = "wonderland") -> Talk:
        """Read the greeting and log in."""
        assert self.read().startswith("220")
        assert self.codes(f"USER {login}", f"PASS {password}") == ["331", "230"]
        return self

    def passive(self) -> socket.socket:
        """A data connection made with PASV or EPSV."""
        port = int(self.ask("EPSV").split("|")[3])
        return socket.create_connection((self.sock.getpeername()[0], port), TIMEOUT)

    def secure(self, context: ssl.SSLContext) -> None:
        """Wrap it into TLS."""
        self.file.close()
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self.file = self.sock.makefile("rb")

    def close(self) -> None:
        """Go away."""
        self.file.close()
        self.sock.close()

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def until(reached: Callable[[], bool]) -> None:
    """Wait for what another thread does soon."""
    deadline = time.monotonic() + TIMEOUT
    while not reached():
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)


@contextmanager
def place(
    authority: Authority,
    *,
    service: Service = FTP,
    world: World | None = None,
    hidden: frozenset[str] = frozenset(),
    profile: str | None = None,
    limits: dict[str, Any] | None = None,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    **settings: Any,
) -> Iterator[Place]:
    """A service that runs as long as the block, and is drained then."""
    chosen = Settings(limits=msgspec.structs.replace(QUICK, **(limits or {})), **settings)
    loop = new_loop()
    world = world or small_world()
    context = ServiceContext(
        service, world, chosen, authority, TranscriptRing(), logging.getLogger("tests.ftp"), hidden, profile
    )
    here = Place(authority, loop, context)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        sockets = bind("localhost", 0)
        here.port = sockets[0].getsockname()[1]
        here.running = here.call(serve, context, sockets)
        yield here
        here.call(here.running.drain, 0.0)
        here.call(here.running.wait)
        leftovers = here.call(lambda: [task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
        assert leftovers == []
    finally:
        with suppress(Exception):
            here.call(here.running.drain, 0.0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        loop.close()
        world.close()
