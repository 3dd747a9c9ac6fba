"""An NNTP session: its loop, what it remembers, and how it replies (RFC 3977 section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

from ...wire.wire import Hangup, TimedOut, TooLong, Wire
from ...world.errors import ArticleExists, ArticleMissing, GroupMissing, WorldError
from ...world.news import Group
from ...world.records import Account
from ..commands import Command, Refusal
from ..context import ServiceContext
from .arguments import shown
from .table import CLOSED, DEFAULT_LIST, FAMILIES, LOCKED, OPEN, TABLE, Action

PIECE: Final = 1 << 16
"""Octets of a long reply that are handed over at a time, at least."""
LINES: Final = 500
"""Lines of a long reply that are made at a time: about a millisecond of the slowest."""
WORLD_ERRORS: Final[Mapping[type[WorldError], str]] = MappingProxyType(
    {GroupMissing: "411", ArticleMissing: "430", ArticleExists: "441"}
)
"""What the world refuses, as reply codes; the rest is 403."""


class NntpSession:
    """One client's session, from the greeting to QUIT or its disappearance."""

    def __init__(self, wire: Wire, context: ServiceContext) -> None:
        self.wire, self.context, self.world = wire, context, context.world
        self.settings, self.limits, self.hidden = context.settings, context.settings.limits, context.hidden
        self.state = LOCKED if context.settings.news_login else OPEN
        self.account: Account | None = None
        self.user: bytes | None = None
        """The argument of AUTHINFO USER, until AUTHINFO PASS."""
        self.group: str | None = None
        """The currently selected newsgroup."""
        self.number: int | None = None
        """The current article number."""
        self.line = b""
        """The command at work, as it came."""
        self.failures = self.bad_commands = 0
        wire.idle_limit, wire.max_line = self.limits.nntp_idle, self.limits.nntp_line

    async def serve(self) -> None:
        """Greet, then reply to one command after the other until QUIT."""
        wire = self.wire
        wire.send(self.welcome("minternet NNTP server ready"))
        while self.state is not CLOSED:
            line = wire.next_line()
            if line is None:
                try:
                    line = await wire.line()
                except TooLong as overlong:
                    wire.send(self.too_long(overlong))
                    continue
            faults = self.context.faults
            reply = await (self.reply(line) if faults is None else faults.over(self, line, self.reply))
            if reply:
                wire.send(reply)

    @property
    def conversation(self) -> int:
        """The number of its transcript: what its changes are traced by."""
        return self.wire.conversation

    def farewell(self, reason: str) -> bytes:
        """What the client is told when the server ends the session (RFC 3977 section 3.2.1)."""
        return f"400 {reason}\r\n".encode()

    def welcome(self, text: str) -> bytes:
        """The greeting, and the reply to MODE READER: whether posting is allowed."""
        allowed = (200, "posting allowed") if self.may_post else (201, "posting prohibited")
        return f"{allowed[0]} {self.world.news.path_host} {text}, {allowed[1]}\r\n".encode()

    @property
    def may_post(self) -> bool:
        """Whether POST is there."""
        return "POST" not in self.hidden

    # -- one command

    async def reply(self, line: bytes) -> bytes:
        """The reply to one command; of a long one, the end that is not sent yet."""
        words = line.split()
        if not words:
            return b""  # as INN does: an empty line is no command
        try:
            row = TABLE.find(words[0])
            if row is None:
                row, arguments = variant(words)
            else:
                arguments = words[1:]
            if row.capability is not None and row.capability in self.hidden:
                raise not_there(row)
            if self.state not in row.states:
                raise Refusal("480", "Log in first")
            action = row.handler
            if not action.least <= len(arguments) <= action.most:
                raise Refusal("501", f"Usage: {row.name} {row.arguments}".rstrip())
            self.line = line
            reply = await action.run(self, arguments)
        except Refusal as refusal:
            return self.refused(refusal)
        except WorldError as error:
            return f"{WORLD_ERRORS.get(type(error), '403')} {shown(str(error))}\r\n".encode()
        except (Hangup, TimedOut):
            raise
        except TooLong as overlong:
            return self.too_long(overlong)
        except Exception:
            self.context.log.exception("NNTP command %s failed", shown(words[0]))
            return b"403 Internal fault\r\n"
        self.bad_commands = 0
        return reply

    def refused(self, refusal: Refusal) -> bytes:
        """A refusal's reply; too many commands that are none end the session."""
        if refusal.status in ("500", "501"):
            self.bad_commands += 1
            if self.bad_commands >= self.limits.bad_commands:
                self.state = CLOSED
                return b"400 Too many bad commands\r\n"
        return f"{refusal.status} {refusal.text}\r\n".encode()

    def too_long(self, overlong: TooLong) -> bytes:
        """The reply to a line that is too long; where its end never came, the last one."""
        if overlong.fatal:
            self.state = CLOSED
            return self.farewell("line too long")
        return self.refused(Refusal("501", f"A line has at most {overlong.limit} octets"))

    # -- what commands ask and say

    def selected(self) -> Group:
        """The currently selected newsgroup; Refusal 412."""
        if self.group is not None:
            group = self.world.news.groups.get(self.group)
            if group is not None:
                return group
            self.forget_group()
        raise Refusal("412", "No newsgroup selected")

    def forget_group(self) -> None:
        """Select no newsgroup and no article."""
        self.group = self.number = None

    async def long_reply(self, heading: bytes, pieces: Iterable[bytes]) -> bytes:
        """A multi-line reply: sent in pieces as the client takes them, all but the last, which is returned.

        Between any two pieces others get their turn, so a piece may as well be empty.
        """
        held = heading
        for number, piece in enumerate(pieces):
            if number:
                if len(held) >= PIECE:
                    self.wire.send(held)
                    held = b""
                await self.wire.drain()
            held += piece
        return held + b".\r\n"


def variant(words: list[bytes]) -> tuple[Command[Action], list[bytes]]:
    """The row and arguments of a command whose second word names its variant; Refusal 500 or 501."""
    family = words[0].upper()
    if family not in FAMILIES:
        raise Refusal("500", "Unknown command")
    if len(words) == 1 and family != b"LIST":
        raise Refusal("501", f"{family.decode()} wants a keyword")
    row = TABLE.find(b"%b %b" % (family, words[1] if len(words) > 1 else DEFAULT_LIST))
    if row is None:
        raise Refusal("501", f"{family.decode()} has no variant {shown(words[1])}")
    return row, words[2:]


def not_there(row: Command[Action]) -> Refusal:
    """The refusal of a hidden command: a variant's keyword is there without it."""
    family, _, keyword = row.name.partition(" ")
    return Refusal("501", f"{family} has no variant {keyword}") if keyword else Refusal("500", "Unknown command")


def in_pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines joined to pieces of `LINES`; b"" is a line that is left out, and counts, for finding that out took its time."""
    while piece := list(islice(lines, LINES)):
        yield b"".join(piece)
