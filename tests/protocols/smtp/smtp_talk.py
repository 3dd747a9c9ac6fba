"""Sessions of SMTP and LMTP in memory, for tests: a world, a settled client, and what arrived."""

from __future__ import annotations

import logging
from pathlib import Path

from small_world import empty_world

from minternet import registry
from minternet.protocols.context import ServiceContext
from minternet.protocols.smtp import make_session
from minternet.settings import Settings
from minternet.wire.memory_wire import Conversation, MemoryWire
from minternet.wire.tls import Authority
from minternet.wire.transcript import TranscriptRing
from minternet.world.mail import INBOX
from minternet.world.records import Message
from minternet.world.world import World

QUIET = Settings(trace_headers=False)
"""What is delivered is what was sent."""


class Talk:
    """One client's conversation; commands are given without their CRLF."""

    def __init__(
        self,
        world: World | None = None,
        settings: Settings = QUIET,
        service: str = "smtp",
        hidden: frozenset[str] = frozenset(),
        handler: object | None = None,
    ) -> None:
        self.world = world or empty_world()
        row = registry.by_name()[service]
        log = logging.getLogger("minternet.test")
        authority = Authority(Path("unused"))
        self.context = ServiceContext(row, self.world, settings, authority, TranscriptRing(), log, hidden)
        wire = MemoryWire()
        wire.secure = row.tls == "implicit"
        wire.transcript = self.context.transcripts.open(service, ("127.0.0.1", 1), ("127.0.0.1", 2))
        self.conversation = Conversation(make_session(wire, self.context, handler))
        self.say("LHLO test" if service == "lmtp" else "EHLO test")

    def say(self, command: str) -> str:
        """Give a command; the reply."""
        return self.raw(command.encode() + b"\r\n").decode()

    def raw(self, octets: bytes) -> bytes:
        """Send octets; what is said to them."""
        return self.conversation.say(octets)

    def begin(self, *recipients: str, sender: str = "<sender@elsewhere.test>") -> list[str]:
        """MAIL and RCPTs, parameters and all; the replies to the RCPTs."""
        assert self.say(f"MAIL FROM:{sender}").startswith("250")
        return [self.say(f"RCPT TO:{recipient}") for recipient in recipients]

    def send(
        self, *recipients: str, sender: str = "<sender@elsewhere.test>", text: bytes = b"Subject: x\r\n\r\n"
    ) -> str:
        """A whole message; the last reply."""
        replies = self.begin(*recipients, sender=sender)
        assert all(reply.startswith("250") for reply in replies), replies
        assert self.say("DATA").startswith("354")
        return self.raw(stuffed(text) + b".\r\n").decode()

    def inbox(self, login: str) -> list[Message]:
        """What lies in somebody's INBOX."""
        return list(self.world.mail.get(login, INBOX))

    def texts(self, login: str) -> list[bytes]:
        """The content of it."""
        return [message.content.bytes() for message in self.inbox(login)]


def stuffed(text: bytes) -> bytes:
    """Dots doubled where a line (after CRLF) starts with one; the text ends in CRLF."""
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..")
