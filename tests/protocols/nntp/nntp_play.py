"""An NNTP session in memory over a small world, for tests."""

from __future__ import annotations

import logging

from small_world import small_world

from minternet import registry
from minternet.protocols.context import ServiceContext
from minternet.protocols.nntp import make_session
from minternet.protocols.nntp.session import NntpSession
from minternet.settings import Settings
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.tls import Authority
from minternet.wire.transcript import TranscriptRing
from minternet.world.changes import Post
from minternet.world.news import overview_fields
from minternet.world.world import World

SETTINGS = Settings()


class Log(logging.Logger):
    """A logger of one test's own, which keeps what it is told."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.records: list[logging.LogRecord] = []

    def handle(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Play:
    """One client's conversation; `say` takes lines without their CRLF."""

    def __init__(
        self, world: World | None = None, settings: Settings = SETTINGS, hidden: frozenset[str] = frozenset()
    ) -> None:
        self.world = world or small_world()
        self.log = Log("nntp")
        wire = MemoryWire()
        context = ServiceContext(
            service=registry.by_name()["nntp"],
            world=self.world,
            settings=settings,
            authority=Authority(),
            transcripts=TranscriptRing(),
            log=self.log,
            hidden=hidden,
        )
        self.session: NntpSession = make_session(wire, context)
        self.conversation = Conversation(self.session)

    def say(self, *lines: bytes) -> bytes:
        return self.conversation.say(b"".join(line + b"\r\n" for line in lines))

    def code(self, *lines: bytes) -> int:
        """The code of the last reply."""
        return int(self.say(*lines).splitlines()[-1][:3])

    def log_in(self, login: bytes, password: bytes) -> None:
        assert self.code(b"AUTHINFO USER " + login, b"AUTHINFO PASS " + password) == 281

    def post(self, article: bytes) -> bytes:
        """POST an article that ends in CRLF, dots not yet stuffed; the last reply."""
        block = (b"\r\n" + article).replace(b"\r\n.", b"\r\n..")[2:]
        return self.conversation.say(b"POST\r\n" + block + b".\r\n").split(b"\r\n", 1)[1]


def article(**fields: str) -> bytes:
    """An article for local.test; a field given as "" is left out."""
    names = {"from_": "From", "message_id": "Message-ID"}
    all_fields = {"from_": "Dora <dora@example.test>", "newsgroups": "local.test", "subject": "Test"} | fields
    head = "".join(
        f"{names.get(name, name.title().replace('_', '-'))}: {value}\r\n" for name, value in all_fields.items() if value
    )
    return head.encode() + b"\r\nText.\r\n"


def fill(world: World, count: int, group: str = "local.test") -> None:
    """Put articles into a group."""
    for number in range(count):
        head = (
            b"Path: x\r\nFrom: Dora <dora@example.test>\r\nNewsgroups: %b\r\nSubject: Number %d\r\n"
            b"Date: Wed, 1 May 2024 08:00:00 +0000\r\nMessage-ID: <%d@fill.test>\r\n" % (group.encode(), number, number)
        )
        body = world.blobs.of(b"%d\r\n" % number)
        world.commit_now(Post(f"<{number}@fill.test>", (group,), head, body, overview_fields(head), world.clock.now()))
