"""LIST and LSUB (RFC 3501 section 6.3.8, RFC 5258, 5819, 6154, 8440)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from ...world.mail import Mailbox
from . import access
from .format import astring
from .mailboxes import KEPT_REQUEST, read_status_items, status_line
from .names import SEPARATOR, decode_pattern, matches
from .reader import Malformed, Reader
from .table import AFTER_LOGIN, command

if TYPE_CHECKING:
    from .session import ImapSession

SELECTION_OPTIONS = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
RETURN_OPTIONS = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS", "STATUS"})
PATTERNS_LIMIT = 100
"""Patterns of one LIST."""
KEPT_REPLY = 1 << 15
"""Octets of a reply that is kept."""
LISTINGS_LIMIT = 16
"""Replies that a session keeps."""
PIECE = 50
"""Names listed between two looks at the other sessions."""


class ListRequest(msgspec.Struct, frozen=True):
    """A LIST: which mailboxes, and what to tell of them; `status` are items of LIST-STATUS."""

    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended: bool = False


class Listed(msgspec.Struct):
    """A name that may be listed: a mailbox, one that is only above others, or one that is only subscribed to."""

    name: str
    mailbox: Mailbox | None = None
    children: bool = False
    subscribed: bool = False


def read_list(session: ImapSession, reader: Reader) -> ListRequest:
    """What follows LIST."""
    reader.space()
    selection: frozenset[str] = frozenset()
    extended = reader.peek() == b"("
    if extended:
        selection = read_options(reader, SELECTION_OPTIONS)
        reader.space()
    reference = decode_pattern(reader.astring(), utf8=session.utf8)
    reader.space()
    if reader.peek() == b"(":
        extended = True
        patterns = reader.list_of(reader.list_pattern, empty=False)
    else:
        patterns = [reader.list_pattern()]
    if len(patterns) > PATTERNS_LIMIT:
        raise Malformed("too many patterns")
    returns, status = read_return(session, reader)
    reader.end()
    if "RECURSIVEMATCH" in selection and not selection & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise Malformed("RECURSIVEMATCH needs another selection option")
    texts = tuple(decode_pattern(joined(reference, pattern, session), utf8=True) for pattern in patterns)
    return ListRequest(texts, selection, returns, status, extended or bool(returns))


def joined(reference: str, pattern: bytes, session: ImapSession) -> bytes:
    """The pattern behind its reference."""
    return (reference + decode_pattern(pattern, utf8=session.utf8)).encode("utf-8", "replace")


def read_options(reader: Reader, known: frozenset[str]) -> frozenset[str]:
    """`(SUBSCRIBED RECURSIVEMATCH)`."""
    options = frozenset(reader.list_of(reader.keyword))
    if not options <= known:
        raise Malformed(f"unknown option {min(options - known)}")
    return options


def read_return(session: ImapSession, reader: Reader) -> tuple[frozenset[str], tuple[str, ...]]:
    """` RETURN (CHILDREN STATUS (MESSAGES))`, or nothing."""
    if reader.at_end() or not reader.skip(b" RETURN "):
        return frozenset(), ()
    status: list[str] = []

    def option() -> str:
        name = reader.keyword()
        if name not in RETURN_OPTIONS:
            raise Malformed(f"unknown option {name}")
        if name == "STATUS":
            reader.space()
            status.extend(read_status_items(session, reader))
        return name

    return frozenset(reader.list_of(option)), tuple(status)


@command("LIST", AFTER_LOGIN, "[(option ...)] reference pattern | (pattern ...) [RETURN (option ...)]")
async def list_mailboxes(session: ImapSession, reader: Reader) -> None:
    """List mailboxes by pattern."""
    key, now = listing_key(session, reader), session.world.journal.last
    kept = session.listings.get(key)
    if kept is not None and kept[0] == now:
        session.wire.send(kept[1])
        return
    reply = b"".join(await listing(session, read_list(session, reader)))
    if 0 < len(key[0]) <= KEPT_REQUEST and len(reply) <= KEPT_REPLY and session.world.journal.last == now:
        if len(session.listings) >= LISTINGS_LIMIT:
            session.listings.clear()
        session.listings[key] = now, reply
    session.wire.send(reply)


def listing_key(session: ImapSession, reader: Reader) -> tuple[bytes, bool, bool]:
    """What a reply is kept under, for clients that list again and again: it holds until the next change of the world."""
    return reader.rest() or b"", session.utf8, session.rev2


async def listing(session: ImapSession, request: ListRequest) -> list[bytes]:
    """The lines of the reply."""
    if request.extended and not session.has("LIST-EXTENDED") and not session.rev2:
        raise Malformed("LIST-EXTENDED is not offered")
    if request.patterns == ("",) and not request.extended:
        return [b'* LIST (\\Noselect) "/" ""\r\n']
    lines: list[bytes] = []
    for listed, child_info in chosen(session, request):
        lines.append(list_line(session, listed, request, child_info))
        if listed.mailbox is not None:
            lines += further_lines(session, listed.mailbox, request)
        if len(lines) % PIECE == 0:
            await session.wire.drain()
    return lines


@command("LSUB", AFTER_LOGIN, "reference pattern")
async def list_subscribed(session: ImapSession, reader: Reader) -> None:
    """List subscribed mailboxes by pattern."""
    reader.space()
    reference = decode_pattern(reader.astring(), utf8=session.utf8)
    reader.space()
    pattern = reference + decode_pattern(reader.list_pattern(), utf8=session.utf8)
    reader.end()
    if not pattern:
        session.wire.send(b'* LSUB (\\Noselect) "/" ""\r\n')
        return
    subscriptions = subscribed_names(session)
    parents = parents_of(subscriptions) if pattern.endswith("%") else set()
    lines = []
    for name in sorted(parents | subscriptions):
        if not matches(pattern, name):
            continue
        # A name that is only above subscribed ones is listed for `%` (RFC 3501 section 6.3.9).
        attributes = b"" if name in subscriptions else b"\\Noselect"
        lines.append(b'* LSUB (%b) "/" %b\r\n' % (attributes, written(session, name)))
    session.wire.send(b"".join(lines))


def written(session: ImapSession, name: str) -> bytes:
    """A name as an astring."""
    return astring(session.written_name(name), utf8=session.utf8)


def subscribed_names(session: ImapSession) -> set[str]:
    """What the client has subscribed to."""
    store = session.world.mail.stores.get(session.login)
    return set() if store is None else set(store.subscriptions)


def parents_of(names: Iterable[str]) -> set[str]:
    """All names above the names."""
    parents: set[str] = set()
    for name in names:
        while SEPARATOR in name:
            name = name.rpartition(SEPARATOR)[0]
            if name in parents:
                break
            parents.add(name)
    return parents


def everything(session: ImapSession) -> dict[str, Listed]:
    """All names there are for this client: mailboxes, those above them, and those only subscribed to; INBOX first."""
    listed = {mailbox.name: Listed(mailbox.name, mailbox) for mailbox in session.world.mail.mailboxes(session.login)}
    if session.has("ACL"):
        for mailbox in shared_mailboxes(session):
            name = access.shown_name(session, mailbox)
            listed[name] = Listed(name, mailbox)
    for parent in parents_of(listed):
        listed.setdefault(parent, Listed(parent)).children = True
    for name in subscribed_names(session):
        listed.setdefault(name, Listed(name)).subscribed = True
    return {name: listed[name] for name in sorted(listed, key=lambda name: (name != "INBOX", name))}


def shared_mailboxes(session: ImapSession) -> Iterable[Mailbox]:
    """Other people's mailboxes that this client may see."""
    for owner, store in session.world.mail.stores.items():
        if owner != session.login:
            for mailbox in store.mailboxes.values():
                if mailbox.acl and "l" in access.rights_in(session, mailbox):
                    yield mailbox


def chosen(session: ImapSession, request: ListRequest) -> list[tuple[Listed, bool]]:
    """The names that the request wants, each with whether a child that is wanted is not among them."""
    names = everything(session)
    wanted = {name for name, listed in names.items() if is_selected(listed, request.selection)}
    if "RECURSIVEMATCH" not in request.selection:
        subscribed_only = "SUBSCRIBED" in request.selection
        return [
            (listed, False)
            for name, listed in names.items()
            if name in wanted and (subscribed_only or exists(listed)) and matches_any(request.patterns, name)
        ]
    above = parents_of(wanted)
    return [
        (listed, name in above)
        for name, listed in names.items()
        if (name in wanted or name in above) and matches_any(request.patterns, name)
    ]


def exists(listed: Listed) -> bool:
    """Whether the name is a mailbox, or above one."""
    return listed.mailbox is not None or listed.children


def is_selected(listed: Listed, selection: frozenset[str]) -> bool:
    """Whether the selection options take the name."""
    if "SUBSCRIBED" in selection and not listed.subscribed:
        return False
    return "SPECIAL-USE" not in selection or (listed.mailbox is not None and listed.mailbox.special_use is not None)


def matches_any(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of the patterns matches."""
    return any(matches(pattern, name) for pattern in patterns)


def list_line(session: ImapSession, listed: Listed, request: ListRequest, child_info: bool) -> bytes:
    """`* LIST (\\HasNoChildren \\Sent) "/" Sent`."""
    attributes = []
    if listed.mailbox is None:
        attributes.append("\\NonExistent" if request.extended or session.rev2 else "\\Noselect")
    if session.has("CHILDREN") or "CHILDREN" in request.returns:
        attributes.append("\\HasChildren" if listed.children else "\\HasNoChildren")
    if listed.subscribed and "SUBSCRIBED" in request.selection | request.returns:
        attributes.append("\\Subscribed")
    if listed.mailbox is not None and listed.mailbox.special_use and session.has("SPECIAL-USE"):
        attributes.append(listed.mailbox.special_use)
    line = b'* LIST (%b) "/" %b' % (" ".join(attributes).encode("ascii", "replace"), written(session, listed.name))
    if child_info:
        kinds = b" ".join(b'"%b"' % kind.encode() for kind in sorted(request.selection - {"RECURSIVEMATCH", "REMOTE"}))
        line += b' ("CHILDINFO" (%b))' % kinds
    return line + b"\r\n"


def further_lines(session: ImapSession, mailbox: Mailbox, request: ListRequest) -> list[bytes]:
    """STATUS and MYRIGHTS of a listed mailbox, where they were asked for."""
    lines = []
    if request.status:
        lines.append(status_line(session, mailbox, list(request.status)))
    if "MYRIGHTS" in request.returns:
        rights = access.rights_in(session, mailbox)
        told = "".join(right for right in access.RIGHTS if right in rights).encode("ascii")
        lines.append(b"* MYRIGHTS %b %b\r\n" % (written(session, access.shown_name(session, mailbox)), told))
    return lines
