"""EXPUNGE, COPY and MOVE (RFC 3501 sections 6.4.3 and 6.4.7, RFC 4315, RFC 6851)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...world.changes import Copy, Move
from ...world.mail import Copied, Mailbox
from . import access
from .mailboxes import expunge_deleted
from .reader import Reader
from .replies import no
from .sequence import compact, read_sequence_set
from .store import check_keywords
from .table import IN_MAILBOX, command

if TYPE_CHECKING:
    from .session import ImapSession


@command("EXPUNGE", IN_MAILBOX)
async def expunge(session: ImapSession, reader: Reader) -> bytes | None:
    """Remove the messages that are \\Deleted."""
    reader.end()
    return await expunge_and_tell(session, None)


@command("UID EXPUNGE", IN_MAILBOX, "set", rfc="RFC 4315", capability="UIDPLUS")
async def uid_expunge(session: ImapSession, reader: Reader) -> bytes | None:
    """Remove the messages of a set that are \\Deleted."""
    reader.space()
    numbers = read_sequence_set(reader)
    reader.end()
    return await expunge_and_tell(session, session.selected.chosen(numbers, uid=True))


async def expunge_and_tell(session: ImapSession, uids: list[int] | None) -> bytes | None:
    """Expunge; what went is told before the reply, as everything is that happens in the mailbox."""
    view = session.writable_view()
    if "e" not in view.rights:
        raise no("Permission denied", "NOPERM")
    modseq = await expunge_deleted(session, view, uids)
    if modseq is None or not session.condstore:
        return None
    # RFC 7162 section 3.1.10: the client may then take that as the mod-sequence it is up to date with.
    return b"[HIGHESTMODSEQ %d] Expunged" % modseq


@command("COPY", IN_MAILBOX, "set mailbox", uid=True)
async def copy(session: ImapSession, reader: Reader, *, uid: bool) -> bytes | None:
    """Copy messages into another mailbox."""
    uids, target = read_copy(session, reader, uid=uid)
    if not uids:
        return b"No messages copied"
    view = session.selected
    at = session.world.clock.datetime()
    copied = await session.commit(Copy(view.owner, view.name, uids, target.owner, target.name, at))
    return copied_text(session, copied, b"COPY completed")


@command("MOVE", IN_MAILBOX, "set mailbox", rfc="RFC 6851", capability="MOVE", uid=True)
async def move(session: ImapSession, reader: Reader, *, uid: bool) -> bytes | None:
    """Move messages into another mailbox."""
    uids, target = read_copy(session, reader, uid=uid)
    view = session.writable_view()
    if not {"t", "e"} <= view.rights:
        raise no("Permission denied", "NOPERM")
    if not uids:
        return b"No messages moved"
    at = session.world.clock.datetime()
    copied = await session.commit(Move(view.owner, view.name, uids, target.owner, target.name, at))
    text = copied_text(session, copied, b"Moved UIDs")
    if text.startswith(b"["):
        # COPYUID comes before the EXPUNGEs, in an untagged OK (RFC 6851 section 4.3).
        session.wire.send(b"* OK " + text + b"\r\n")
    if copied.expunged is not None and session.condstore:
        return b"[HIGHESTMODSEQ %d] MOVE completed" % copied.expunged.modseq
    return None


def read_copy(session: ImapSession, reader: Reader, *, uid: bool) -> tuple[tuple[int, ...], Mailbox]:
    """Which messages, where to."""
    reader.space()
    numbers = read_sequence_set(reader)
    reader.space()
    name = session.read_mailbox(reader)
    reader.end()
    uids = session.selected.chosen(numbers, uid=uid)
    target = access.destination(session, name)
    messages = session.mailbox().messages
    present = tuple(one for one in uids if one in messages)
    if len(present) < len(uids) and not uid:
        raise no("Some of the messages no longer exist", "EXPUNGEISSUED")
    flags = frozenset(flag for one in present for flag in messages[one].flags)
    check_keywords(target, flags)
    return present, target


def copied_text(session: ImapSession, copied: Copied, text: bytes) -> bytes:
    """`[COPYUID 38505 304,319 3956:3957] ...` (RFC 4315 section 3)."""
    if not copied.source_uids or not session.has("UIDPLUS"):
        return text
    appended = copied.appended
    source, target = compact(copied.source_uids), compact(appended.uids)
    return b"[COPYUID %d %b %b] %b" % (appended.uidvalidity, source, target, text)
