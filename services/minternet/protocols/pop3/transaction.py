"""The commands of the TRANSACTION state, and QUIT (RFC 1939 sections 5 and 6)."""

from __future__ import annotations

from ...wire.dots import dot_stuffed, stuffed_pieces
from ...world.errors import MessageMissing, WorldError
from ...world.records import Message
from .authorization import no_argument
from .session import ANY, ENDED, TABLE, TRANSACTION, Pop3Session
from .top import end_of_top

LOGGED_IN = frozenset({TRANSACTION})
LONGEST_NUMBER = 10
"""Digits of a number; a longer one is none that anybody means."""


@TABLE.command("STAT", LOGGED_IN, rfc="RFC 1939 section 5")
async def stat(session: Pop3Session, argument: bytes) -> bytes:
    """Says how many messages there are, and how many octets they have."""
    if argument:
        no_argument(session, "STAT", argument)
    maildrop = session.maildrop
    return b"+OK %d %d\r\n" % (len(maildrop), maildrop.octets)


@TABLE.command("NOOP", LOGGED_IN, rfc="RFC 1939 section 5")
async def noop(session: Pop3Session, argument: bytes) -> bytes:
    """Does nothing."""
    if argument:
        no_argument(session, "NOOP", argument)
    return b"+OK\r\n"


@TABLE.command("LIST", LOGGED_IN, "[number]", rfc="RFC 1939 section 5")
async def list_(session: Pop3Session, argument: bytes) -> bytes:
    """Says the size of a message, or of all."""
    maildrop = session.maildrop
    if argument:
        return b"+OK " + maildrop.size_line(number_of(session, argument))
    heading = session.ok("%d messages (%d octets)", len(maildrop), maildrop.octets)
    return await listing(session, heading, "sizes")


@TABLE.command("UIDL", LOGGED_IN, "[number]", rfc="RFC 1939 section 7", capability="UIDL")
async def uidl(session: Pop3Session, argument: bytes) -> bytes:
    """Says the unique id of a message, or of all."""
    if argument:
        return b"+OK " + session.maildrop.id_line(number_of(session, argument))
    return await listing(session, session.ok("unique ids follow"), "ids")


async def listing(session: Pop3Session, heading: bytes, kind: str) -> bytes:
    """A multi-line reply for all messages; of a long one, all but the last piece is sent here."""
    pieces = session.maildrop.listing(kind)
    if len(pieces) <= 1:
        return heading + b"".join(pieces) + b".\r\n"
    session.wire.send(heading)
    for piece in pieces:
        session.wire.send(piece)
        await session.wire.drain()
    return b".\r\n"


@TABLE.command("RETR", LOGGED_IN, "number", rfc="RFC 1939 section 5")
async def retr(session: Pop3Session, argument: bytes) -> bytes:
    """Sends a message."""
    message = fetched(session, argument, "RETR")
    if session.context.settings.pop3_marks_seen:
        await session.maildrop.mark_seen(message)
    return await sent(session, session.ok("%d octets", message.content.size), message, message.content.size)


@TABLE.command("TOP", LOGGED_IN, "number lines", rfc="RFC 1939 section 7", capability="TOP")
async def top(session: Pop3Session, argument: bytes) -> bytes:
    """Sends a message's header and the first lines of its body."""
    number, _, lines = argument.strip().partition(b" ")
    if not number or not lines:
        raise session.usage("TOP")
    if not lines.strip().isdigit():
        raise session.refusal("%s is no number of lines", shown(lines))
    message = fetched(session, number, "TOP")
    end = end_of_top(message.content.buffer(), int(lines))
    return await sent(session, session.ok("the first lines follow"), message, end)


async def sent(session: Pop3Session, heading: bytes, message: Message, end: int) -> bytes:
    """The heading and the content up to `end`; of large content, all but the last piece is sent here."""
    content = message.content
    if content.path is None:
        whole = content.bytes()
        return heading + dot_stuffed(whole if end == content.size else whole[:end])
    session.wire.send(heading)
    for piece in stuffed_pieces(content.pieces(0, end)):
        session.wire.send(piece)
        await session.wire.drain()
    return b""


@TABLE.command("DELE", LOGGED_IN, "number", rfc="RFC 1939 section 5")
async def dele(session: Pop3Session, argument: bytes) -> bytes:
    """Marks a message as deleted; QUIT removes it."""
    if not argument:
        raise session.usage("DELE")
    number = number_of(session, argument)
    session.maildrop.delete(number)
    return session.ok("message %d is marked as deleted", number)


@TABLE.command("RSET", LOGGED_IN, rfc="RFC 1939 section 5")
async def rset(session: Pop3Session, argument: bytes) -> bytes:
    """Takes all marks back."""
    no_argument(session, "RSET", argument)
    session.maildrop.undelete()
    return session.ok("maildrop has %d messages (%d octets)", len(session.maildrop), session.maildrop.octets)


@TABLE.command("QUIT", ANY, rfc="RFC 1939 section 6")
async def quit_(session: Pop3Session, argument: bytes) -> bytes:
    """Removes what is marked as deleted, and ends the session."""
    no_argument(session, "QUIT", argument)
    removed = 0
    if session.state is TRANSACTION:
        try:
            removed = await session.maildrop.update()
        except WorldError:
            session.state = ENDED
            raise session.refusal("some deleted messages could not be removed", code="SYS/TEMP") from None
    session.state = ENDED
    return session.ok("goodbye, %d messages removed", removed) if removed else session.ok("goodbye")


def number_of(session: Pop3Session, argument: bytes) -> int:
    """A message number that stands for a message not marked as deleted."""
    argument = argument.strip()
    if not argument.isdigit() or len(argument) > LONGEST_NUMBER:
        raise session.refusal("%s is no message number", shown(argument))
    number, maildrop = int(argument), session.maildrop
    if not 0 < number <= len(maildrop.messages):
        raise session.refusal("there is no message %d, the maildrop has %d", number, len(maildrop.messages))
    if number in maildrop.deleted:
        raise session.refusal("message %d is deleted already", number)
    return number


def fetched(session: Pop3Session, argument: bytes, name: str) -> Message:
    """The message of that number, if its content is still there."""
    if not argument:
        raise session.usage(name)
    number = number_of(session, argument)
    try:
        return session.maildrop.fetch(number)
    except MessageMissing:
        raise session.refusal("message %d is gone: another session has expunged it", number) from None


def shown(argument: bytes) -> str:
    """A client's text as it may be quoted in a reply: short, and without octets that are not printable."""
    return ascii(argument[:40].decode("utf-8", "replace").strip())
