"""Commands on mailboxes as a whole (RFC 3501 sections 6.3 and 6.4.1 - 6.4.2, RFC 6154, 7162, 8438, 8474)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from ...world.changes import ClaimRecent, CreateMailbox, DeleteMailbox, Expunge, RenameMailbox, Subscribe
from ...world.mail import Mailbox
from ...world.records import DELETED
from . import access
from .format import astring
from .names import SEPARATOR, check_new_name
from .reader import Malformed, Reader
from .replies import no
from .sequence import SequenceSet, holds, read_sequence_set
from .table import AFTER_LOGIN, IN_MAILBOX, command
from .telling import tell, tell_flags
from .view import View, permanent_flags, vanished_line, written_flags

if TYPE_CHECKING:
    from .session import ImapSession

SPECIAL_USES = {"\\archive": "\\Archive", "\\drafts": "\\Drafts", "\\junk": "\\Junk", "\\sent": "\\Sent",
                "\\trash": "\\Trash", "\\important": "\\Important"}  # fmt: skip
"""Uses a client may give a mailbox; \\All and \\Flagged are views on messages, not mailboxes to make."""
PIECE = 200
"""Messages told or changed between two looks at the other sessions."""


class Resync(msgspec.Struct, frozen=True):
    """QRESYNC's parameter: what the client knew of the mailbox (RFC 7162 section 3.2.5)."""

    uidvalidity: int
    modseq: int
    known: SequenceSet | None = None


class SelectOptions(msgspec.Struct, frozen=True):
    """What may follow the name of SELECT and EXAMINE."""

    condstore: bool = False
    resync: Resync | None = None


NO_OPTIONS = SelectOptions()


def read_select_options(reader: Reader) -> SelectOptions:
    """` (CONDSTORE)`, ` (QRESYNC (67890007 20050715194045000 41,43:211 (1,3 5,7)))`, or nothing."""
    if reader.at_end():
        return NO_OPTIONS
    reader.space()
    condstore = False
    resync: Resync | None = None

    def option() -> None:
        nonlocal condstore, resync
        name = reader.keyword()
        if name == "CONDSTORE":
            condstore = True
        elif name == "QRESYNC":
            reader.space()
            resync = read_resync(reader)
        else:
            raise Malformed(f"unknown option {name}")

    reader.list_of(option, empty=False)
    reader.end()
    return SelectOptions(condstore, resync)


def read_resync(reader: Reader) -> Resync:
    """`(uidvalidity modseq [known-uids] [(positions uids)])`."""
    reader.expect(b"(")
    uidvalidity = reader.number()
    reader.space()
    modseq = reader.modseq()
    known: SequenceSet | None = None
    while reader.skip(b" "):
        if reader.skip(b"("):
            # Known positions let a server shorten VANISHED (section 3.2.5.2); ours is never too long.
            read_sequence_set(reader)
            reader.space()
            read_sequence_set(reader)
            reader.expect(b")")
        else:
            known = read_sequence_set(reader)
    reader.expect(b")")
    return Resync(uidvalidity, modseq, known)


@command("SELECT", AFTER_LOGIN, "mailbox [(CONDSTORE | QRESYNC ...)]")
async def select(session: ImapSession, reader: Reader) -> bytes:
    """Open a mailbox to read and change."""
    return await open_mailbox(session, reader, read_only=False)


@command("EXAMINE", AFTER_LOGIN, "mailbox [(CONDSTORE | QRESYNC ...)]")
async def examine(session: ImapSession, reader: Reader) -> bytes:
    """Open a mailbox to read only."""
    return await open_mailbox(session, reader, read_only=True)


async def open_mailbox(session: ImapSession, reader: Reader, *, read_only: bool) -> bytes:
    """Leave the mailbox of before and open this one; where that fails none is open."""
    reader.space()
    name = session.read_mailbox(reader)
    options = read_select_options(reader)
    if (options.condstore or options.resync) and not session.has("CONDSTORE"):
        raise Malformed("unknown option")
    if options.resync and "QRESYNC" not in session.enabled:
        raise Malformed("QRESYNC is not enabled")
    if session.view is not None:
        session.leave()
        session.wire.send(b"* OK [CLOSED] Previous mailbox is closed\r\n")
    mailbox = access.get(session, name, "r")
    rights = access.rights_in(session, mailbox)
    view = View(mailbox, read_only=read_only or not rights & access.CHANGING, rights=rights)
    view.condstore = options.condstore
    if options.condstore:
        session.enabled.add("CONDSTORE")
    if not view.read_only and mailbox.recent_from < mailbox.uidnext:
        view.claim(await session.commit(ClaimRecent(mailbox.owner, mailbox.name)))
    elif view.read_only:
        view.claim((mailbox.recent_from, mailbox.uidnext))
    session.enter(view)
    tell_mailbox(session, view, mailbox)
    if options.resync and options.resync.uidvalidity == mailbox.uidvalidity:
        await resynchronize(session, view, mailbox, options.resync)
    return b"[READ-ONLY] Mailbox opened to read" if view.read_only else b"[READ-WRITE] Mailbox opened"


ABOUT_FLAGS = b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b)] Flags permitted\r\n* %d EXISTS\r\n"
ABOUT_UIDS = b"* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] Predicted next UID\r\n"


def tell_mailbox(session: ImapSession, view: View, mailbox: Mailbox) -> None:
    """What SELECT says of a mailbox (RFC 3501 section 6.3.1)."""
    flags = written_flags(mailbox)
    permanent = b"" if view.read_only else permanent_flags(view.rights, flags)
    lines = [ABOUT_FLAGS % (flags, permanent, len(view))]
    if not session.rev2:
        lines.append(b"* %d RECENT\r\n" % view.recent_count())
        if mailbox.unseen:
            lines.append(b"* OK [UNSEEN %d] First unseen\r\n" % mailbox.first_unseen)
    lines.append(ABOUT_UIDS % (mailbox.uidvalidity, mailbox.uidnext))
    if session.has("CONDSTORE"):
        lines.append(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % mailbox.highest_modseq)
    if session.has("OBJECTID"):
        lines.append(b"* OK [MAILBOXID (%b)] Id\r\n" % mailbox.mailbox_id.encode("ascii", "replace"))
    if session.rev2:
        name = session.written_name(access.shown_name(session, mailbox))
        lines.append(b'* LIST () "/" %b\r\n' % astring(name, utf8=True))
    session.wire.send(b"".join(lines))


async def resynchronize(session: ImapSession, view: View, mailbox: Mailbox, resync: Resync) -> None:
    """Tell what vanished and what changed since the client was last here (RFC 7162 section 3.2.5)."""
    known = resync.known.resolve(mailbox.uidnext) if resync.known else None
    gone = vanished_since(mailbox, resync.modseq, known)
    if gone:
        session.wire.send(vanished_line(gone, earlier=True))
    changed = [
        uid
        for uid, message in mailbox.messages.items()
        if message.modseq > resync.modseq and (known is None or holds(known, uid))
    ]
    for at in range(0, len(changed), PIECE):
        tell_flags(session, view, changed[at : at + PIECE])
        await session.wire.drain()


def vanished_since(mailbox: Mailbox, modseq: int, known: list[tuple[int, int]] | None) -> list[int]:
    """UIDs expunged after that mod-sequence, ascending, of those asked for."""
    gone: list[int] = []
    for at, uid in reversed(mailbox.vanished):
        if at <= modseq:
            break
        if known is None or holds(known, uid):
            gone.append(uid)
    return sorted(gone)


@command("CREATE", AFTER_LOGIN, "mailbox [(USE (use ...))]")
async def create(session: ImapSession, reader: Reader) -> bytes | None:
    """Make a mailbox."""
    reader.space()
    name = session.read_mailbox(reader).removesuffix(SEPARATOR)
    use = read_create_options(session, reader)
    place = may_make(session, name)
    mailbox = await session.commit(CreateMailbox(place.owner, place.name, use))
    if not session.has("OBJECTID"):
        return None
    return b"[MAILBOXID (%b)] Mailbox made" % mailbox.mailbox_id.encode("ascii", "replace")


def read_create_options(session: ImapSession, reader: Reader) -> str | None:
    """` (USE (\\Sent))`, or nothing (RFC 6154 section 3)."""
    if reader.at_end():
        return None
    reader.space()
    reader.expect(b"(USE ")
    uses = reader.flag_list()
    reader.expect(b")")
    reader.end()
    if not session.has("CREATE-SPECIAL-USE"):
        raise Malformed("USE is not offered")
    unknown = [use for use in uses if use.lower() not in SPECIAL_USES]
    if unknown:
        raise no("No mailbox can be made for that use", "USEATTR")
    return " ".join(SPECIAL_USES[use.lower()] for use in uses) or None


def may_make(session: ImapSession, name: str) -> access.Place:
    """Where a new mailbox of that name would be, if the client may make one there."""
    check_new_name(name, session.limits.mailbox_name)
    place = access.locate(session, name)
    if place.owner == session.login:
        if session.has("ACL") and (name + SEPARATOR).startswith(access.OTHERS):
            raise no("That name leads to other people's mailboxes", "CANNOT")
        return place
    parent = session.world.mail.find(place.owner, place.name.rpartition(SEPARATOR)[0])
    if parent is None or "k" not in access.rights_in(session, parent):
        raise no("Permission denied", "NOPERM")
    return place


@command("DELETE", AFTER_LOGIN, "mailbox")
async def delete(session: ImapSession, reader: Reader) -> None:
    """Remove a mailbox and its messages; those below it stay."""
    reader.space()
    name = session.read_mailbox(reader)
    reader.end()
    mailbox = access.get(session, name, "x")
    view = session.view
    if view is not None and view.is_this(mailbox.owner, mailbox.name):
        raise_if_inbox(mailbox)
        session.leave()
    await session.commit(DeleteMailbox(mailbox.owner, mailbox.name))


def raise_if_inbox(mailbox: Mailbox) -> None:
    """INBOX stays."""
    if mailbox.name == "INBOX":
        raise no("INBOX cannot be deleted", "CANNOT")


@command("RENAME", AFTER_LOGIN, "mailbox mailbox")
async def rename(session: ImapSession, reader: Reader) -> None:
    """Give a mailbox, and those below it, another name; INBOX's messages move and INBOX stays."""
    reader.space()
    name = session.read_mailbox(reader)
    reader.space()
    to = session.read_mailbox(reader).removesuffix(SEPARATOR)
    reader.end()
    source, target = access.locate(session, name), may_make(session, to)
    if source.owner != session.login:
        access.get(session, name, "x")
    if source.owner != target.owner:
        raise no("A mailbox cannot be given to another account", "CANNOT")
    if target.name == "INBOX":
        raise no("INBOX is there already", "ALREADYEXISTS")
    await session.commit(RenameMailbox(source.owner, source.name, target.name))


@command("SUBSCRIBE", AFTER_LOGIN, "mailbox")
async def subscribe(session: ImapSession, reader: Reader) -> None:
    """Put a mailbox on the list of those to show."""
    reader.space()
    name = session.read_mailbox(reader)
    reader.end()
    if access.find(session, name) is None:
        raise no("No such mailbox", "NONEXISTENT")
    await session.commit(Subscribe(session.login, name, True))


@command("UNSUBSCRIBE", AFTER_LOGIN, "mailbox")
async def unsubscribe(session: ImapSession, reader: Reader) -> None:
    """Take a mailbox off the list of those to show."""
    reader.space()
    name = session.read_mailbox(reader)
    reader.end()
    await session.commit(Subscribe(session.login, name, False))


# --- STATUS

PLAIN_LIST = re.compile(rb"\(([A-Za-z-]+(?: [A-Za-z-]+)*)\)")
"""A list of names as all clients write it: read at once."""
StatusItem = Callable[["ImapSession", Mailbox], bytes]


def number_of(read: Callable[[Mailbox], int]) -> StatusItem:
    """An item that is a number of the mailbox."""
    return lambda session, mailbox: b"%d" % read(mailbox)


STATUS_ITEMS: Mapping[str, tuple[str, StatusItem]] = MappingProxyType(
    {
        "MESSAGES": ("", number_of(len)),
        "RECENT": ("", number_of(lambda mailbox: mailbox.recent)),
        "UIDNEXT": ("", number_of(lambda mailbox: mailbox.uidnext)),
        "UIDVALIDITY": ("", number_of(lambda mailbox: mailbox.uidvalidity)),
        "UNSEEN": ("", number_of(lambda mailbox: mailbox.unseen)),
        "DELETED": ("", number_of(lambda mailbox: mailbox.deleted)),
        "DELETED-STORAGE": ("", number_of(lambda mailbox: deleted_octets(mailbox))),
        "SIZE": ("STATUS=SIZE", number_of(lambda mailbox: mailbox.octets)),
        "HIGHESTMODSEQ": ("CONDSTORE", number_of(lambda mailbox: mailbox.highest_modseq)),
        "MAILBOXID": ("OBJECTID", lambda session, mailbox: b"(%b)" % mailbox.mailbox_id.encode("ascii", "replace")),
        "APPENDLIMIT": ("APPENDLIMIT", lambda session, mailbox: b"%d" % session.limits.message),
    }
)
"""What STATUS can tell: the capability it belongs to, and how it is told."""


def deleted_octets(mailbox: Mailbox) -> int:
    """Octets that EXPUNGE would free (RFC 9208 section 3.1.2)."""
    return sum(message.size for message in mailbox if DELETED in message.flags) if mailbox.deleted else 0


def read_status_items(session: ImapSession, reader: Reader) -> list[str]:
    """`(MESSAGES UNSEEN)`."""
    found = PLAIN_LIST.match(reader.text, reader.at)
    if found is not None:
        reader.at = found.end()
        items = found[1].decode("ascii").upper().split(" ")
    else:
        items = reader.list_of(reader.keyword, empty=False)
    for item in items:
        if item not in STATUS_ITEMS or (STATUS_ITEMS[item][0] and not session.has(STATUS_ITEMS[item][0])):
            raise Malformed(f"unknown STATUS item {item}")
    if "HIGHESTMODSEQ" in items:
        session.enabled.add("CONDSTORE")
    return items


def status_line(session: ImapSession, mailbox: Mailbox, items: list[str]) -> bytes:
    """`* STATUS INBOX (MESSAGES 3)`."""
    told = b" ".join([item.encode("ascii") + b" " + STATUS_ITEMS[item][1](session, mailbox) for item in items])
    name = astring(session.written_name(access.shown_name(session, mailbox)), utf8=session.utf8)
    return b"* STATUS " + name + b" (" + told + b")\r\n"


@command("STATUS", AFTER_LOGIN, "mailbox (item ...)")
async def status(session: ImapSession, reader: Reader) -> None:
    """Tell counts of a mailbox without opening it."""
    text = reader.rest() or b""
    known = session.statuses.get((text, session.utf8))
    if known is None:
        await first_status(session, reader, text)
        return
    # Clients poll with the same words: only the counts may be others.
    mailbox = access.get(session, known.name, "r")
    if known.mailbox is not mailbox or known.state != (mailbox.highest_modseq, mailbox.recent_from):
        known = session.statuses[text, session.utf8] = known_status(session, known.name, mailbox, known.items)
    session.wire.send(known.line)


async def first_status(session: ImapSession, reader: Reader, text: bytes) -> None:
    """A STATUS that was not asked for before."""
    reader.space()
    name = session.read_mailbox(reader)
    reader.space()
    items = read_status_items(session, reader)
    reader.end()
    known = known_status(session, name, access.get(session, name, "r"), items)
    if 0 < len(text) <= KEPT_REQUEST and len(session.statuses) < STATUSES_LIMIT:
        session.statuses[text, session.utf8] = known
    session.wire.send(known.line)


class KnownStatus(msgspec.Struct, frozen=True):
    """A STATUS as it was asked for, and its reply for one state of the mailbox.

    What STATUS tells changes with the mod-sequence or the recent mark; after a reset or a rename it is another `Mailbox`."""

    name: str
    items: list[str]
    mailbox: Mailbox
    state: tuple[int, int]
    line: bytes


def known_status(session: ImapSession, name: str, mailbox: Mailbox, items: list[str]) -> KnownStatus:
    """The reply for now."""
    state = (mailbox.highest_modseq, mailbox.recent_from)
    return KnownStatus(name, items, mailbox, state, status_line(session, mailbox, items))


STATUSES_LIMIT = 256
"""STATUS requests a session keeps its replies to."""
KEPT_REQUEST = 256
"""Octets of a request that is kept."""


# --- leaving a mailbox


@command("CHECK", IN_MAILBOX)
async def check(session: ImapSession, reader: Reader) -> None:
    """Write everything down: it always is."""
    reader.end()


@command("CLOSE", IN_MAILBOX)
async def close(session: ImapSession, reader: Reader) -> None:
    """Expunge what is \\Deleted, say nothing of it, and leave the mailbox."""
    reader.end()
    view = session.selected
    if not view.read_only and "e" in view.rights:
        await expunge_deleted(session, view, None, tells=False)
    session.leave()


@command("UNSELECT", IN_MAILBOX, rfc="RFC 3691", capability="UNSELECT")
async def unselect(session: ImapSession, reader: Reader) -> None:
    """Leave the mailbox and expunge nothing."""
    reader.end()
    session.leave()


async def expunge_deleted(session: ImapSession, view: View, uids: list[int] | None, *, tells: bool) -> int | None:
    """Expunge what is \\Deleted, of these UIDs or of all; the mod-sequence after it, if anything went."""
    mailbox = session.mailbox()
    if not mailbox.deleted:
        return None
    messages = mailbox.messages
    known = view.uids if uids is None else uids
    gone = tuple(uid for uid in known if (message := messages.get(uid)) is not None and DELETED in message.flags)
    if not gone:
        return None
    modseq = 0
    for at in range(0, len(gone), PIECE):
        expunged = await session.commit(Expunge(view.owner, view.name, gone[at : at + PIECE]))
        modseq = expunged.modseq
        if tells and len(gone) > PIECE:
            tell(session, expunges=True)
        await session.wire.drain()
    return modseq
