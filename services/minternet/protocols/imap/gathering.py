"""Gathering a command whole: its lines, and the literals they announce.

A synchronizing literal is asked for only when it may come.  One that comes unasked (`{n+}`) is taken and thrown away where
it may not, up to a bound; past that the session ends (RFC 7888 section 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...wire.wire import TooLong
from ...world.blobs import Blob
from ..commands import Command, Refusal
from .reader import Literal, LiteralMark, Reader, literal_mark
from .replies import Offence, bad, no, refusal_of
from .table import NOT_AUTHENTICATED, Action

if TYPE_CHECKING:
    from .session import ImapSession

LITERAL_BEFORE_LOGIN = 8192
"""Octets of a literal from somebody unknown: user names and passwords."""
LITERAL_LIMIT = 65_536
"""Octets of a literal that is no message."""
COMMAND_LIMIT = 1 << 20
"""Octets of a whole command, messages not counted."""
LITERALS_LIMIT = 1000
"""Literals of one command."""
NONSYNC_MINUS_LIMIT = 4096
"""Octets of a literal that LITERAL- lets a client send unasked (RFC 7888 section 5)."""


async def gather(session: ImapSession, line: bytes, start: int, row: Command[Action] | None) -> Reader:
    """The whole command as a reader that stands behind its name; asks for literals, and takes them."""
    mark = literal_mark(line) if line.endswith(b"}") else None
    if mark is None:
        return Reader((line,), (), start)
    pieces: list[bytes] = []
    literals: list[Literal] = []
    octets = 0
    try:
        while mark is not None:
            pieces.append(line[: mark.start])
            octets += len(line)
            literals.append(await take_literal(session, mark, pieces, literals, start, row))
            if not isinstance(literals[-1].content, Blob):
                octets += mark.size
            line = await session.wire.line()
            mark = literal_mark(line)
            if octets > COMMAND_LIMIT or len(literals) > LITERALS_LIMIT:
                raise bad("Command too long", "TOOBIG")
    except TooLong as too_long:
        if too_long.fatal:
            raise
        raise bad("Command line too long", "TOOBIG") from None
    except Refusal:
        if mark is not None and not mark.synchronizing:
            await drop_rest(session)
        raise
    return Reader((*pieces, line), literals, start)


async def take_literal(
    session: ImapSession,
    mark: LiteralMark,
    pieces: list[bytes],
    literals: list[Literal],
    start: int,
    row: Command[Action] | None,
) -> Literal:
    """One literal, if it may come; else a refusal, after throwing away what is sent without asking."""
    try:
        message = may_take(session, mark, pieces, literals, start, row)
    except Exception as error:
        if not mark.synchronizing:
            await discard(session, mark.size)
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from None
    if mark.synchronizing:
        session.wire.send(b"+ OK\r\n")
    if not message:
        return Literal(await session.wire.exactly(mark.size), mark.size, mark.binary)
    writer = session.world.blobs.writer()
    try:
        async for chunk in session.wire.chunks(mark.size):
            writer.write(chunk)
    except BaseException:
        writer.abandon()
        raise
    return Literal(writer.finish(), mark.size, mark.binary)


def may_take(
    session: ImapSession,
    mark: LiteralMark,
    pieces: list[bytes],
    literals: list[Literal],
    start: int,
    row: Command[Action] | None,
) -> bool:
    """Whether the literal is a message; a refusal where it may not come at all (RFC 7888 section 4)."""
    if row is None or session.state not in row.states or (row.capability and not session.has(row.capability)):
        raise session.out_of_place(row)
    action = row.handler
    # A mailbox name of a command that takes messages is no message: nothing stands before it but the name.
    message = action.messages and b" " in pieces[0][start + 1 :] + b" " * bool(literals)
    if message and action.precheck is not None:
        action.precheck(session, Reader((*pieces,), literals, start))
    check_mark(session, mark, message=message)
    return message


def check_mark(session: ImapSession, mark: LiteralMark, *, message: bool) -> None:
    """Refuse a literal that is too large, or that came unasked where the client may not do so."""
    limit = session.limits.message if message else LITERAL_LIMIT
    if session.state is NOT_AUTHENTICATED:
        limit = LITERAL_BEFORE_LOGIN
    if mark.size > limit:
        raise no("Literal too large", "TOOBIG") if message else bad("Literal too large", "TOOBIG")
    if mark.synchronizing or session.has("LITERAL+"):
        return
    if not session.has("LITERAL-") and not session.has("IMAP4REV2"):
        raise bad("Non-synchronizing literals are not offered")
    if mark.size > NONSYNC_MINUS_LIMIT:
        raise bad("Non-synchronizing literal too large", "TOOBIG")


async def discard(session: ImapSession, size: int) -> None:
    """Take octets that are of no use; too many of them end the session."""
    if size > (COMMAND_LIMIT if session.state is NOT_AUTHENTICATED else session.limits.message * 4):
        raise Offence("[TOOBIG] Literal too large")
    async for _ in session.wire.chunks(size):
        pass


async def drop_rest(session: ImapSession) -> None:
    """Take the rest of a refused command, as far as it comes without asking."""
    while True:
        try:
            mark = literal_mark(await session.wire.line())
        except TooLong as too_long:
            if too_long.fatal:
                raise
            return
        if mark is None or mark.synchronizing:
            return
        await discard(session, mark.size)
