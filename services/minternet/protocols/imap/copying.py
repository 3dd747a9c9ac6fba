"""EXPUNGE, COPY and MOVE (RFC 3501 sections 6.4.3 and 6.4.7, RFC 4315, RFC 6851)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...world.changes import Copy, Expunge, Move
from ...world.mail import Copied, Mailbox
from ...world.records import Quota
from . import access
from .mailboxes import expunge_deleted
from .reader import Reader
from .replies import no
from .sequence import compact, read_sequence_set
from .store import check_keywords
from .table import IN_MAILBOX, command
from .view import View

if TYPE_CHECKING:
    from .session import ImapSession

PIECE = 100
"""Messages copied between two looks at the other sessions."""


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
    modseq = await expunge_deleted(session, view, uids, tells=True)
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
    copied = await copy_in_pieces(session, session.selected, uids, target)
    return copied_text(session, copied, b"COPY completed")


async def copy_in_pieces(session: ImapSession, view: View, uids: tuple[int, ...], target: Mailbox) -> list[Copied]:
    """Copy; where that fails in the middle, the target is put back as it was (RFC 3501 section 6.4.7)."""
    check_quota(session, uids, target)
    at = session.world.clock.datetime()
    copied: list[Copied] = []
    try:
        for start in range(0, len(uids), PIECE):
            piece = uids[start : start + PIECE]
            copied.append(await session.commit(Copy(view.owner, view.name, piece, target.owner, target.name, at)))
            if len(uids) > PIECE:
                await session.wire.drain()
                session.mailbox()
    except Exception:
        found = session.world.mail.find(target.owner, target.name)
        done = tuple(uid for part in copied for uid in part.appended.uids)
        if done and found is not None and found.uidvalidity == target.uidvalidity:
            await session.commit(Expunge(target.owner, target.name, done))
        raise
    return copied


def check_quota(session: ImapSession, uids: tuple[int, ...], target: Mailbox) -> None:
    """Whether all will fit: what fails is better refused before it begins."""
    account = session.world.accounts.find(target.owner)
    if account is not None and account.quota != Quota():
        sizes = [message.size for uid in uids if (message := session.mailbox().messages.get(uid)) is not None]
        session.world.mail.check_quota(target.owner, account.quota, sum(sizes), len(sizes))


@command("MOVE", IN_MAILBOX, "set mailbox", rfc="RFC 6851", capability="MOVE", uid=True)
async def move(session: ImapSession, reader: Reader, *, uid: bool) -> bytes | None:
    """Move messages into another mailbox."""
    uids, target = read_copy(session, reader, uid=uid)
    view = session.writable_view()
    if not {"t", "e"} <= view.rights:
        raise no("Permission denied", "NOPERM")
    if not uids:
        return b"No messages moved"
    copied = await move_in_pieces(session, view, uids, target)
    text = copied_text(session, copied, b"Moved UIDs")
    if text.startswith(b"["):
        # COPYUID comes before the EXPUNGEs, in an untagged OK (RFC 6851 section 4.3).
        session.wire.send(b"* OK " + text + b"\r\n")
    if copied and copied[-1].expunged is not None and session.condstore:
        return b"[HIGHESTMODSEQ %d] MOVE completed" % copied[-1].expunged.modseq
    return None


async def move_in_pieces(session: ImapSession, view: View, uids: tuple[int, ...], target: Mailbox) -> list[Copied]:
    """Move: each message goes in one step, so that one that fails in the middle has moved some (RFC 6851 section 3.3)."""
    if view.owner != target.owner:
        check_quota(session, uids, target)
    at = session.world.clock.datetime()
    copied: list[Copied] = []
    for start in range(0, len(uids), PIECE):
        piece = uids[start : start + PIECE]
        copied.append(await session.commit(Move(view.owner, view.name, piece, target.owner, target.name, at)))
        if len(uids) > PIECE:
            await session.wire.drain()
            session.mailbox()
    return copied


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


def copied_text(session: ImapSession, copied: list[Copied], text: bytes) -> bytes:
    """`[COPYUID 38505 304,319 3956:3957] ...` (RFC 4315 section 3)."""
    sources = [uid for part in copied for uid in part.source_uids]
    if not sources or not session.has("UIDPLUS"):
        return text
    targets = [uid for part in copied for uid in part.appended.uids]
    uidvalidity = copied[0].appended.uidvalidity
    return b"[COPYUID %d %b %b] %b" % (uidvalidity, compact(sources), compact(targets), text)
