"""IMAP sessions in memory, and a client that believes only what it is told."""

from __future__ import annotations

import logging
import re
from typing import Any

from small_world import small_world

from minternet import registry
from minternet.protocols.context import ServiceContext
from minternet.protocols.imap import make_session
from minternet.settings import Settings
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.transcript import TranscriptRing
from minternet.world.world import World


def context_of(world: World, settings: Settings | None = None, **more: Any) -> ServiceContext:
    """What a service gets; there is no TLS."""
    return ServiceContext(
        service=registry.by_name()["imap"],
        world=world,
        settings=settings or Settings(),
        authority=None,  # type: ignore[arg-type]
        transcripts=TranscriptRing(),
        log=logging.getLogger("minternet.test"),
        **more,
    )


def converse(context: ServiceContext) -> Conversation:
    """A conversation with a new session."""
    return Conversation(make_session(MemoryWire(), context))


class Dialogue:
    """A client that tags its commands, for tests that look at replies rather than compare them whole."""

    def __init__(self, world: World | None = None, context: ServiceContext | None = None, **settings: Any) -> None:
        self.world = world or (context.world if context else small_world())
        self.context = context or context_of(self.world, Settings(**settings) if settings else None)
        self.conversation = converse(self.context)
        self.greeting = self.conversation.greeting
        self.count = 0

    def __call__(self, command: str | bytes) -> bytes:
        """Everything said to a command; literals in it are non-synchronizing or simply inside."""
        self.count += 1
        octets = command.encode() if isinstance(command, str) else command
        return self.conversation.say(b"t%d %b\r\n" % (self.count, octets))

    def ok(self, command: str | bytes) -> bytes:
        """The same, for a command that must succeed; without the tagged line."""
        said = self(command)
        head, _, tail = said[:-2].rpartition(b"\r\n")
        last = tail if head or not said.startswith(b"t") else said[:-2]
        assert last.startswith(b"t%d OK" % self.count), said
        return head

    def log_in(self, user: str = "alice", password: str = "wonderland", mailbox: str = "INBOX") -> Dialogue:
        """Log in and select."""
        self.ok(f"LOGIN {user} {password}")
        if mailbox:
            self.ok(f"SELECT {mailbox}")
        return self


UNTAGGED = re.compile(rb"\* (?:(\d+) (EXISTS|EXPUNGE|FETCH)|VANISHED) ?(.*)")
UID = re.compile(rb"UID (\d+)")
LITERAL = re.compile(rb"~?\{(\d+)\}\r\n")
FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")


def without_literals(said: bytes) -> bytes:
    """Replies with `""` for each literal, so that a reply is a line."""
    pieces = []
    while found := LITERAL.search(said):
        pieces += [said[: found.start()], b'""']
        said = said[found.end() + int(found[1]) :]
    return b"".join([*pieces, said])


class Believer:
    """What a client knows of its mailbox from untagged replies alone: a UID (or None) and flags for each position."""

    def __init__(self) -> None:
        self.uids: list[int | None] = []
        self.flags: dict[int, frozenset[bytes]] = {}

    def hear(self, said: bytes) -> int:
        """Believe every line; how many messages went."""
        gone = 0
        for line in without_literals(said).split(b"\r\n"):
            found = UNTAGGED.match(line)
            if found is None:
                continue
            number, kind, rest = found.groups()
            if kind == b"EXISTS":
                assert int(number) >= len(self.uids), "EXISTS went down"
                self.uids += [None] * (int(number) - len(self.uids))
            elif kind == b"EXPUNGE":
                assert 1 <= int(number) <= len(self.uids), "EXPUNGE of no message"
                self.uids.pop(int(number) - 1)
                gone += 1
            elif kind == b"FETCH":
                self.hear_fetch(int(number), rest)
            else:
                gone += self.hear_vanished(rest)
        return gone

    def hear_fetch(self, number: int, items: bytes) -> None:
        assert 1 <= number <= len(self.uids), "FETCH of no message"
        uid = UID.search(items)
        if uid:
            assert self.uids[number - 1] in (None, int(uid[1])), "another UID at a position"
            self.uids[number - 1] = int(uid[1])
        flags, known = FLAGS.search(items), self.uids[number - 1]
        if flags and known is not None:
            self.flags[known] = frozenset(flags[1].split()) - {b"\\Recent"}

    def hear_vanished(self, numbers: bytes) -> int:
        gone = 0
        for element in numbers.split(b","):
            low, _, high = element.partition(b":")
            for uid in range(int(low), int(high or low) + 1):
                assert uid in self.uids, "VANISHED of no message"
                self.uids.remove(uid)
                gone += 1
        return gone
