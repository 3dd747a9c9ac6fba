"""How fast IMAP is, beside Dovecot on the same machine in the same run: `python benchmarks/imap.py [command ...]`.

Both servers hold the same mailbox of 1,000 messages of 2 KB, filled by APPEND. Each command is timed in pairs, one server right
after the other, several times: once in lock-step (a round trip for each command, as most clients speak) and once pipelined (many
commands in one piece). What counts is the ratio of a pair; its median is shown, for absolute figures depend on the machine.
Without Dovecot (Debian: dovecot-imapd) only our own figures are shown. Ours runs on uvloop where that is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import logging
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

MESSAGES = 1000
LINE = b"The quick brown fox jumps over the lazy dog, and again and again.\r\n"
START_TIME = 10.0
"""Seconds Dovecot has to start."""


class Timed(NamedTuple):
    """A command to time; `{n}` in it counts up from 1 to 1,000. `one_by_one` in lock-step, and `pipelined` in one piece."""

    command: str
    one_by_one: int
    pipelined: int


COMMANDS = (
    Timed("NOOP", 1500, 4000),
    Timed("STATUS Other (MESSAGES UNSEEN UIDNEXT)", 1000, 3000),
    Timed("SELECT INBOX", 400, 800),
    Timed("FETCH {n} FLAGS", 1000, 3000),
    Timed("FETCH {n} BODY.PEEK[]", 1000, 2000),
    Timed("UID FETCH {n} (UID RFC822.SIZE BODY.PEEK[])", 1000, 2000),
    Timed("FETCH 1:50 BODY.PEEK[]", 100, 100),
    Timed("FETCH 1:1000 (UID FLAGS)", 50, 50),
    Timed("FETCH 1:1000 ENVELOPE", 10, 10),
    Timed("SEARCH UNSEEN", 500, 1000),
    Timed("STORE {n} +FLAGS (\\Flagged)", 500, 1000),
    Timed("STORE {n} -FLAGS.SILENT (\\Flagged)", 500, 1000),
    Timed('LIST "" *', 500, 1000),
    Timed("SORT (DATE) UTF-8 ALL", 20, 20),
    Timed("THREAD REFERENCES UTF-8 ALL", 20, 20),
)


def message(number: int) -> bytes:
    """A message of 2 KB."""
    head = (
        b"From: Person %d <p%d@example.test>\r\nTo: alice@example.test\r\nSubject: Re: topic %d\r\n"
        b"Date: Mon, 1 Jan 2024 %02d:%02d:00 +0000\r\nMessage-ID: <%d@example.test>\r\n\r\n"
    )
    return head % (number % 50, number % 50, number % 200, number % 24, number % 60, number) + LINE * 28


# -- servers


def _serve(pipe: Connection) -> None:
    """Our server, in a process of its own."""
    import asyncio

    from minternet.protocols.context import ServiceContext
    from minternet.protocols.imap import make_session
    from minternet.registry import by_name
    from minternet.settings import Settings
    from minternet.wire.listener import bind, serve_sessions
    from minternet.wire.tls import Authority
    from minternet.wire.transcript import TranscriptRing
    from minternet.world.changes import AddAccount
    from minternet.world.records import Account
    from minternet.world.world import World

    async def main() -> None:
        world = World()
        world.commit_now(AddAccount(Account("alice", "alice@example.test", "wonderland"), 0.0))
        authority = Authority(Path(tempfile.mkdtemp()))
        log = logging.getLogger("benchmark")
        context = ServiceContext(by_name()["imap"], world, Settings(), authority, TranscriptRing(), log)
        listener = await serve_sessions(bind("127.0.0.1", 0), lambda wire: make_session(wire, context))
        pipe.send(listener.port)
        await listener.wait()

    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())


@contextlib.contextmanager
def minternet() -> Iterator[int]:
    """Our server's port, until the end of the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()


DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = mdbox:{folder}/mail/%u
first_valid_uid = 1
mail_max_userip_connections = 100
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
passdb {{
  driver = static
  args = password=wonderland
}}
userdb {{
  driver = static
  args = uid={mail} gid={mail_group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def dovecot_configuration(folder: Path, port: int) -> str:
    """Dovecot in a folder of its own: as its own users where we are root, else all as ourselves."""
    import grp

    if os.geteuid() == 0:
        users = {
            "internal": "dovecot",
            "login": "dovenull",
            "group": "dovecot",
            "mail": "nobody",
            "mail_group": "nogroup",
        }
    else:
        me, group = getpass.getuser(), grp.getgrgid(os.getegid()).gr_name
        users = {"internal": me, "login": me, "group": group, "mail": me, "mail_group": group}
    return DOVECOT.format(folder=folder, port=port, **users)


@contextlib.contextmanager
def dovecot() -> Iterator[int]:
    """Dovecot's port, until the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    (folder / "mail").chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "dovecot.conf").write_text(dovecot_configuration(folder, port))
    process = subprocess.Popen([shutil.which("dovecot") or "dovecot", "-F", "-c", str(folder / "dovecot.conf")])
    try:
        wait_for(port, folder)
        yield port
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(port: int, folder: Path) -> None:
    """Wait until it accepts."""
    deadline = time.monotonic() + START_TIME
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionError:
            if time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text()) from None
            time.sleep(0.05)


# -- the client


class Client:
    """A connection that says commands and reads to their tagged replies, doing as little as it can."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.recv(65536)
        self.say(b"LOGIN alice wonderland")

    def say(self, command: bytes) -> None:
        """One command; it must succeed."""
        self.socket.sendall(b"x " + command + b"\r\n")
        self.read(b"\r\nx ", b"x ")

    def read(self, end: bytes, start: bytes) -> None:
        """Read to a tagged reply."""
        tail = b""
        first = True
        while True:
            piece = self.socket.recv(1 << 18)
            if not piece:
                raise ConnectionError("the server hung up")
            said = tail + piece
            at = said.rfind(end)
            if first and said.startswith(start):
                at = max(at, 0)
            if at >= 0 and said.endswith(b"\r\n") and said.find(b"\r\n", at + 2) == len(said) - 2:
                if b" OK" not in said[at : at + 32]:
                    raise RuntimeError(said[at:].decode("utf-8", "replace"))
                return
            tail, first = said[-512:], first and len(said) < len(start)

    def fill(self) -> None:
        """Make the mailboxes, and put the messages there."""
        self.say(b"CREATE Other")
        for name in (b"INBOX", b"Other"):
            for number in range(1, MESSAGES + 1):
                flags = b"\\Seen" if number % 3 else b""
                octets = message(number)
                self.say(b"APPEND %b (%b) {%d+}\r\n%b" % (name, flags, len(octets), octets))
                if name == b"Other" and number == 20:
                    break
        self.say(b"SELECT INBOX")

    def lock_step(self, commands: list[bytes]) -> float:
        """Commands per second, one at a time."""
        began = time.perf_counter()
        for command in commands:
            self.say(command)
        return len(commands) / (time.perf_counter() - began)

    def pipelined(self, commands: list[bytes]) -> float:
        """Commands per second, all sent before the first reply is read to its end."""
        lines = [b"x %b\r\n" % command for command in commands]
        lines[-1] = b"last" + lines[-1][1:]
        data = b"".join(lines)
        began = time.perf_counter()
        self.socket.setblocking(False)
        try:
            tail = self._both_ways(memoryview(data))
        finally:
            self.socket.setblocking(True)
        if not (tail.startswith(b"last ") or b"\r\nlast " in tail):
            self.read(b"\r\nlast ", b"last ")
        return len(commands) / (time.perf_counter() - began)

    def _both_ways(self, data: memoryview) -> bytes:
        """Send all, reading what comes meanwhile; the end of what came."""
        import select

        tail = b""
        while data:
            readable, writable, _ = select.select([self.socket], [self.socket], [])
            if readable:
                tail = (tail + self.socket.recv(1 << 18))[-512:]
            if writable:
                data = data[self.socket.send(data) :]
        return tail


def commands_of(timed: Timed, count: int) -> list[bytes]:
    """The command that often, with its numbers filled in."""
    return [timed.command.replace("{n}", str(at % MESSAGES + 1)).encode() for at in range(count)]


def compare(clients: dict[str, Client], timed: Timed, pairs: int) -> None:
    """Time one command on all servers in turn, and print a line."""
    told = []
    for way, count in (("lock_step", timed.one_by_one), ("pipelined", timed.pipelined)):
        commands = commands_of(timed, count)
        rates: dict[str, list[float]] = {name: [] for name in clients}
        for _ in range(pairs):
            for name, client in clients.items():
                rates[name].append(getattr(client, way)(commands))
        told += [f"{statistics.median(rates[name]):10,.0f}" for name in clients]
        if len(clients) > 1:
            ours, theirs = rates.values()
            ratios = sorted(one / other for one, other in zip(ours, theirs, strict=True))
            told.append(f"{statistics.median(ratios):6.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")
    print(f"{timed.command:45}", *told, flush=True)


def main() -> None:
    """Time all commands, or those whose text holds one of the words given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        ports = {"minternet": stack.enter_context(minternet())}
        if shutil.which("dovecot"):
            ports["Dovecot"] = stack.enter_context(dovecot())
        clients = {name: Client(port) for name, port in ports.items()}
        for client in clients.values():
            client.fill()
        print("commands per second:", " / ".join(clients), "and the ratio; lock-step, then pipelined", flush=True)
        for timed in COMMANDS:
            if not options.words or any(word in timed.command for word in options.words):
                compare(clients, timed, options.pairs)


if __name__ == "__main__":
    main()
