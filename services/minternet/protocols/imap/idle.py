"""IDLE (RFC 2177): the client waits, and is told at once of new mail, expunges and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reader import Reader
from .replies import bad
from .table import AFTER_LOGIN, command
from .telling import tell

if TYPE_CHECKING:
    from .session import ImapSession


@command("IDLE", AFTER_LOGIN, rfc="RFC 2177", capability="IDLE")
async def idle(session: ImapSession, reader: Reader) -> None:
    """Wait for DONE, and be told what happens meanwhile."""
    reader.end()
    session.wire.send(b"+ idling\r\n")
    if session.view is not None and session.view.pending:
        tell(session, expunges=True)
    session.idling = True
    try:
        line = await session.wire.line()
    finally:
        session.idling = False
    session.raise_if_lost()
    if session.view is not None:
        session.claim_recent()
    if line.strip().upper() != b"DONE":
        raise bad("Expected DONE")
