"""STORE (RFC 3501 section 6.4.6, RFC 7162 section 3.1.3), and flags as clients write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from ...world.changes import StoreFlags, StoreLabels
from ...world.mail import How, Mailbox, Stored
from ...world.records import DELETED, SEEN, SYSTEM_FLAGS
from .format import astring
from .names import InvalidName, decode_utf7, encode_utf7
from .reader import FLAG, Malformed, Reader
from .replies import no
from .sequence import compact, read_sequence_set
from .table import IN_MAILBOX, command
from .telling import flags_text, tell_keywords
from .view import View

if TYPE_CHECKING:
    from .session import ImapSession

CANONICAL = {flag.lower(): flag for flag in SYSTEM_FLAGS}
RECENT = "\\recent"
KEYWORD_LIMIT = 250
"""Characters of a keyword."""
KEYWORDS_LIMIT = 1000
"""Different keywords of a mailbox: FLAGS lists them all at each SELECT."""
PIECE = 100
"""Messages changed between two looks at the other sessions."""
ACTIONS: dict[str, How] = {"+": "add", "-": "remove", "": "replace"}


class StoreRequest(msgspec.Struct, frozen=True):
    """What STORE is to do; `labels` where it is about X-GM-LABELS."""

    how: How
    flags: frozenset[str]
    silent: bool = False
    unchanged_since: int | None = None
    labels: bool = False


def known_flags(flags: Iterable[str]) -> frozenset[str]:
    """Flags as they are kept: system flags in their one spelling, \\Recent left out (no client can set it)."""
    kept: set[str] = set()
    for flag in flags:
        if not flag.startswith("\\"):
            if len(flag) > KEYWORD_LIMIT:
                raise no("Keyword too long", "LIMIT")
            kept.add(flag)
        elif flag.lower() in CANONICAL:
            kept.add(CANONICAL[flag.lower()])
        elif flag.lower() != RECENT:
            raise Malformed(f"invalid system flag {flag}")
    return frozenset(kept)


def check_keywords(mailbox: Mailbox, flags: frozenset[str]) -> None:
    """A mailbox has a bounded number of keywords."""
    if len(mailbox.keywords) + len(flags) > KEYWORDS_LIMIT:
        known = {keyword.lower() for keyword in mailbox.keywords}
        new = [flag for flag in flags if flag[0] != "\\" and flag.lower() not in known]
        if new and len(mailbox.keywords) + len(new) > KEYWORDS_LIMIT:
            raise no("Too many keywords in this mailbox", "LIMIT")


PLAIN_STORE = re.compile(rb" ([+-]?)FLAGS(\.SILENT)? \(([^\x00-\x1f\x7f-\xff(){%*\"\]]+)\)\Z", re.IGNORECASE)
PLAIN_LIMIT = 256
"""Octets of a request that is kept as it was read."""


@lru_cache(maxsize=256)
def plain_store(text: bytes) -> StoreRequest | None:
    """The request as nearly all clients write it, read in one go and only once; None for any other."""
    found = PLAIN_STORE.match(text)
    if found is None:
        return None
    flags = found[3].split(b" ")
    if not all(map(FLAG.fullmatch, flags)):
        return None
    names = known_flags(flag.decode("ascii") for flag in flags)
    return StoreRequest(ACTIONS[found[1].decode("ascii")], names, found[2] is not None)


def read_store(session: ImapSession, reader: Reader) -> StoreRequest:
    """` (UNCHANGEDSINCE 12) +FLAGS.SILENT (\\Seen)`, behind the set."""
    text = reader.rest()
    request = plain_store(text) if text is not None and len(text) <= PLAIN_LIMIT else None
    if request is not None:
        reader.skip_rest()
        return request
    return read_any_store(session, reader)


def read_any_store(session: ImapSession, reader: Reader) -> StoreRequest:
    """The same in any form."""
    reader.space()
    unchanged_since: int | None = None
    if session.has("CONDSTORE") and reader.skip(b"(UNCHANGEDSINCE "):
        unchanged_since = reader.modseq()
        reader.expect(b")")
        reader.space()
        session.enabled.add("CONDSTORE")
    sign = "+" if reader.skip(b"+") else "-" if reader.skip(b"-") else ""
    labels = session.has("X-GM-EXT-1") and reader.skip(b"X-GM-LABELS")
    if not labels:
        reader.expect(b"FLAGS")
    silent = reader.skip(b".SILENT")
    reader.space()
    flags = read_labels(reader) if labels else read_flags(reader)
    reader.end()
    return StoreRequest(ACTIONS[sign], flags, silent, unchanged_since, labels)


def read_flags(reader: Reader) -> frozenset[str]:
    """Flags in a list, or without parentheses."""
    if reader.peek() == b"(":
        return known_flags(reader.flag_list())
    flags = [reader.flag()]
    while not reader.at_end():
        reader.space()
        flags.append(reader.flag())
    return known_flags(flags)


def read_labels(reader: Reader) -> frozenset[str]:
    """Gmail's labels: mailbox names, or flags such as \\Important."""

    def label() -> str:
        if reader.peek() == b"\\":
            return reader.flag()
        name = reader.astring()
        try:
            return decode_utf7(name)
        except InvalidName:
            return name.decode("utf-8", "replace")

    return frozenset(reader.list_of(label) if reader.peek() == b"(" else [label()])


def flags_item(labels: frozenset[str], *, utf8: bool) -> bytes:
    """Labels as FETCH gives them."""
    written = [
        label.encode("ascii", "replace")
        if label.startswith("\\")
        else astring(label.encode("utf-8") if utf8 else encode_utf7(label), utf8=utf8)
        for label in sorted(labels)
    ]
    return b"(" + b" ".join(written) + b")"


@command("STORE", IN_MAILBOX, "set [(UNCHANGEDSINCE n)] [+-]FLAGS[.SILENT] (flag ...)", uid=True, expunges=False)
async def store(session: ImapSession, reader: Reader, *, uid: bool) -> bytes | None:
    """Set, add or remove flags of messages."""
    view = session.selected
    reader.space()
    numbers = read_sequence_set(reader)
    request = read_store(session, reader)
    session.writable_view()
    check_rights(view, request)
    uids = view.chosen(numbers, uid=uid)
    mailbox = session.mailbox()
    check_keywords(mailbox, request.flags)
    failed: list[int] = []
    missing = 0
    for start in range(0, len(uids), PIECE):
        if start:
            await session.wire.drain()
            mailbox = session.mailbox()
        piece = uids[start : start + PIECE]
        present = tuple([one for one in piece if one in mailbox.messages])
        missing += len(piece) - len(present)
        stored = await commit_store(session, view, present, request)
        failed += stored.failed
        tell_stored(session, view, present, stored, request, uid=uid)
    return outcome(view, failed, missing, uid=uid)


def outcome(view: View, failed: list[int], missing: int, *, uid: bool) -> bytes | None:
    """What the tagged reply says."""
    if missing and not uid:
        raise no("Some of the messages no longer exist", "EXPUNGEISSUED")
    if failed:
        numbers = failed if uid else view.positions_of(failed)
        return b"[MODIFIED %b] Some messages had changed" % compact(numbers)
    return None


def check_rights(view: View, request: StoreRequest) -> None:
    """Whether this client may change these flags (RFC 4314 section 4)."""
    needed = {"s" if flag == SEEN else "t" if flag == DELETED else "w" for flag in request.flags} or {"w"}
    if not needed <= view.rights:
        raise no("Permission denied", "NOPERM")


async def commit_store(session: ImapSession, view: View, uids: tuple[int, ...], request: StoreRequest) -> Stored:
    """Make the change for some messages."""
    if request.labels:
        change: StoreLabels | StoreFlags = StoreLabels(view.owner, view.name, uids, request.how, request.flags)
    else:
        change = StoreFlags(view.owner, view.name, uids, request.how, request.flags, request.unchanged_since)
    stored: Stored = await session.commit(change)
    return stored


def tell_stored(
    session: ImapSession, view: View, uids: tuple[int, ...], stored: Stored, request: StoreRequest, *, uid: bool
) -> None:
    """The messages as they are now; of a silent STORE only the mod-sequences, where the client follows those."""
    condstore = session.condstore
    if request.silent and not condstore:
        return
    mailbox = session.mailbox()
    tell_keywords(session, mailbox)
    failed = set(stored.failed)
    # A silent STORE tells the mod-sequence of what it changed (RFC 7162 section 3.1.3), another one every message.
    told = [message.uid for message in stored.changed] if request.silent else [one for one in uids if one not in failed]
    messages = mailbox.messages
    lines = []
    for number, one in zip(view.positions_of(told), told, strict=True):
        message = messages[one]
        items = [b"UID %d" % one] if uid or condstore else []
        if condstore:
            items.append(b"MODSEQ (%d)" % message.modseq)
        if request.labels:
            items.append(b"X-GM-LABELS " + flags_item(message.labels, utf8=session.utf8))
        elif not request.silent:
            items.append(flags_text(session, message.flags, recent=view.is_recent(one)))
        lines.append(b"* %d FETCH (%b)\r\n" % (number, b" ".join(items)))
    session.wire.send(b"".join(lines))
