"""APPEND with MULTIAPPEND, CATENATE and literal8, and REPLACE (RFC 3501 section 6.3.11, RFC 3502, 4469, 3516, 8508)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ...world import mime
from ...world.blobs import Blob
from ...world.changes import Append, ReplaceMessage
from ...world.mail import Appended, Mailbox
from ...world.records import NewMessage
from . import access
from .contents import contents_of
from .fetch_items import read_section
from .names import InvalidName, decode_name
from .reader import Malformed, Reader
from .replies import bad, no, one_line
from .sequence import compact, read_sequence_set
from .store import check_keywords, known_flags
from .table import AFTER_LOGIN, IN_MAILBOX, command

if TYPE_CHECKING:
    from .session import ImapSession

URL = (
    rb"(?i)(?:imap://[^/]*)?(?:/(?P<mailbox>[^;?]*))?(?:;UIDVALIDITY=(?P<validity>[0-9]+))?/?;UID=(?P<uid>[0-9]+)"
    rb"(?:/;SECTION=(?P<section>[^;]*))?(?:/;PARTIAL=(?P<start>[0-9]+)(?:\.(?P<count>[0-9]+))?)?\Z"
)
"""An IMAP URL of a message or a section of one, absolute or relative (RFC 5092)."""


def check_target(session: ImapSession, reader: Reader) -> None:
    """Before a literal is taken: whether the mailbox is there, where its name stands before the literal."""
    try:
        reader.space()
        name = session.read_mailbox(reader)
    except (Malformed, InvalidName):
        return
    access.destination(session, name)


def check_replacement(session: ImapSession, reader: Reader) -> None:
    """The same for REPLACE, whose message stands before the mailbox."""
    try:
        reader.space()
        read_sequence_set(reader)
    except Malformed:
        return
    check_target(session, reader)


@command("APPEND", AFTER_LOGIN, "mailbox [(flag ...)] [date-time] literal ...", messages=True, precheck=check_target)
async def append(session: ImapSession, reader: Reader) -> bytes | None:
    """Put messages into a mailbox, all or none."""
    reader.space()
    target = access.destination(session, session.read_mailbox(reader))
    now = session.world.clock.datetime()
    messages = [read_message(session, reader, now)]
    while not reader.at_end():
        if not session.has("MULTIAPPEND"):
            raise Malformed("one message at a time")
        messages.append(read_message(session, reader, now))
    check_messages(session, target, messages)
    appended = await session.commit(Append(target.owner, target.name, tuple(messages), now))
    return appended_text(session, appended)


def appended_text(session: ImapSession, appended: Appended) -> bytes | None:
    """`[APPENDUID 38505 3955] ...` (RFC 4315 section 3)."""
    if not session.has("UIDPLUS"):
        return None
    return b"[APPENDUID %d %b] Message stored" % (appended.uidvalidity, compact(appended.uids))


def check_messages(session: ImapSession, target: Mailbox, messages: list[NewMessage]) -> None:
    """Whether these may be stored."""
    if any(message.content.size == 0 for message in messages):
        raise no("A message of no octets cannot be stored")
    if any(message.content.size > session.limits.message for message in messages):
        raise no("Message too large", "TOOBIG")
    check_keywords(target, frozenset(flag for message in messages for flag in message.flags))


def read_message(session: ImapSession, reader: Reader, now: datetime) -> NewMessage:
    """` (flags) "date" {n}...`."""
    reader.space()
    flags: frozenset[str] = frozenset()
    date = now
    if reader.peek() == b"(":
        flags = known_flags(reader.flag_list())
        reader.space()
    if reader.peek() == b'"':
        date = reader.date_time()
        reader.space()
    return NewMessage(read_content(session, reader), date, flags)


def read_content(session: ImapSession, reader: Reader) -> Blob:
    """A literal, `UTF8 (~{n}...)` or `CATENATE (...)`."""
    if reader.skip(b"UTF8 ("):
        if not session.has("UTF8=ACCEPT"):
            raise Malformed("UTF8 is not offered")
        blob = literal_blob(session, reader)
        reader.expect(b")")
        return blob
    if reader.skip(b"CATENATE "):
        if not session.has("CATENATE"):
            raise Malformed("CATENATE is not offered")
        return concatenated(session, reader)
    return literal_blob(session, reader)


def literal_blob(session: ImapSession, reader: Reader) -> Blob:
    """A literal as a blob."""
    taken = reader.literal()
    if taken.binary and not (session.has("BINARY") or session.has("UTF8=ACCEPT") or session.rev2):
        raise bad("Binary literals are not offered")
    return taken.content if isinstance(taken.content, Blob) else session.world.blobs.of(taken.content)


def concatenated(session: ImapSession, reader: Reader) -> Blob:
    """`(URL "/INBOX/;UID=20/;SECTION=HEADER" TEXT {n}...)` (RFC 4469)."""
    writer = session.world.blobs.writer()

    def part() -> None:
        if reader.skip(b"TEXT "):
            pieces = literal_blob(session, reader).pieces()
        elif reader.skip(b"URL "):
            pieces = iter((resolved(session, reader.astring()),))
        else:
            raise Malformed("expected TEXT or URL")
        for piece in pieces:
            if writer.size + len(piece) > session.limits.message:
                raise no("Message too large", "TOOBIG")
            writer.write(piece)

    try:
        reader.list_of(part, empty=False)
    except BaseException:
        writer.abandon()
        raise
    return writer.finish()


def resolved(session: ImapSession, url: bytes) -> bytes:
    """The octets an IMAP URL names; NO [BADURL] where it names none."""
    refusal = no("The URL names nothing here", "BADURL " + one_line(url.decode("ascii", "replace")).replace("]", "%5D"))
    found = re.match(URL, url)
    if found is None:
        raise refusal
    try:
        mailbox = url_mailbox(session, found["mailbox"])
    except InvalidName:
        raise refusal from None
    if mailbox is None or (found["validity"] and int(found["validity"]) != mailbox.uidvalidity):
        raise refusal
    message = mailbox.messages.get(int(found["uid"]))
    if message is None:
        raise refusal
    octets = url_section(session, message.content, found["section"])
    if octets is None:
        raise refusal
    start = int(found["start"] or 0)
    return octets[start : start + int(found["count"])] if found["count"] else octets[start:]


def url_mailbox(session: ImapSession, name: bytes | None) -> Mailbox | None:
    """The mailbox a URL names: the selected one where it names none."""
    if not name:
        return None if session.view is None else session.mailbox()
    mailbox = access.find(session, decode_name(unquote_to_bytes(name.rstrip(b"/")), utf8=True))
    return mailbox if mailbox is not None and "r" in access.rights_in(session, mailbox) else None


def url_section(session: ImapSession, blob: Blob, section: bytes | None) -> bytes | None:
    """A section of a message, by the part of the URL that names it."""
    if not section:
        return blob.bytes()
    try:
        reader = Reader((b"[" + unquote_to_bytes(section) + b"]",))
        item = read_section(reader, "BODY", peek=True)
        reader.end()
    except Malformed:
        return None
    octets, root = contents_of(session.context).parse(blob)
    if item.text.startswith("HEADER.FIELDS"):
        part = mime.locate(root, item.part, "HEADER")
        return None if part is None else mime.select_headers(octets, part, item.fields, item.text.endswith("NOT"))
    found = mime.section(octets, root, item.part, item.text or None)  # type: ignore[arg-type]
    return None if found is None else octets[found[0] : found[1]]


@command(
    "REPLACE",
    IN_MAILBOX,
    "number mailbox [(flag ...)] [date-time] literal",
    rfc="RFC 8508",
    capability="REPLACE",
    uid=True,
    messages=True,
    precheck=check_replacement,
)
async def replace(session: ImapSession, reader: Reader, *, uid: bool) -> bytes | None:
    """Store a message and expunge an older one, in one step."""
    reader.space()
    numbers = read_sequence_set(reader)
    reader.space()
    target = access.destination(session, session.read_mailbox(reader))
    now = session.world.clock.datetime()
    message = read_message(session, reader, now)
    reader.end()
    view = session.writable_view()
    if not {"t", "e"} <= view.rights:
        raise no("Permission denied", "NOPERM")
    uids = view.chosen(numbers, uid=uid)
    if len(uids) != 1:
        raise bad("REPLACE takes one message") if uids or not uid else no("No such message", "NONEXISTENT")
    check_messages(session, target, [message])
    change = ReplaceMessage(view.owner, view.name, uids[0], target.owner, target.name, message, now)
    appended, _ = await session.commit(change)
    text = appended_text(session, appended)
    if text is not None:
        session.wire.send(b"* OK " + text + b"\r\n")
    return None
