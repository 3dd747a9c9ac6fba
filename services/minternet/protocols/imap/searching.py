"""SEARCH (RFC 3501 section 6.4.4, RFC 4731, 5182, 7162, 9394)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ...world.records import Message
from .contents import contents_of
from .format import string
from .mailboxes import KEPT_REQUEST
from .reader import Malformed, Reader
from .search import CHEAP, Search
from .search_keys import (
    ReturnOptions,
    SearchRequest,
    read_search,
)
from .sequence import compact
from .table import IN_MAILBOX, command
from .view import View

if TYPE_CHECKING:
    from .session import ImapSession

T = TypeVar("T")
CHEAP_PIECE = 1000
"""Messages sieved by their records between two looks at the other sessions."""
COSTLY_PIECE = 8
"""The same where content must be looked into."""
KEPT_REPLIES = 8
"""Replies kept for each selected mailbox, each of them at most of `NUMBERS_PIECE` numbers."""
KEPT_REPLY = 1 << 16
"""Octets of a THREAD reply that is kept."""
UNKEPT = re.compile(rb"[$]|OLDER|YOUNGER|RETURN")
"""Requests whose reply may change though the mailbox does not, or that have an effect."""
NUMBERS_PIECE = 4000
"""Numbers of a reply written at a time."""


@command("SEARCH", IN_MAILBOX, "[RETURN (...)] [CHARSET name] key ...", uid=True, expunges=False)
async def search(session: ImapSession, reader: Reader, *, uid: bool) -> None:
    """Find messages."""
    reader.space()
    view = session.selected
    key = reply_key(session, reader, b"UID SEARCH" if uid else b"SEARCH")
    if tell_kept(session, view, key):
        return
    try:
        request = read_allowed(session, reader)
        found = await find(session, view, request)
    except Exception:
        # A SEARCH that fails leaves nothing in `$` (RFC 5182 section 2.1).
        if b"SAVE" in reader.text.upper():
            view.saved = ()
        raise
    if request.returns is not None:
        tell_esearch(session, view, found, request.returns, uid=uid, modseq=request.modseq)
    else:
        await tell_search(session, view, found, key, uid=uid, modseq=request.modseq)


def read_allowed(session: ImapSession, reader: Reader) -> SearchRequest:
    """The request, if all of it is offered; IMAP4rev2 always wants ESEARCH."""
    request = read_search(reader)
    check_returns(session, request.returns, "ESEARCH")
    if request.charset is not None and "UTF8=ACCEPT" in session.enabled:
        raise Malformed("no charset is named once UTF8=ACCEPT is enabled")
    if request.modseq:
        follow_modseq(session)
    if request.returns is None and session.rev2:
        return msgspec.structs.replace(request, returns=ReturnOptions(frozenset({"ALL"})))
    return request


async def tell_search(
    session: ImapSession, view: View, found: Sequence[Message], key: bytes, *, uid: bool, modseq: bool
) -> None:
    """`* SEARCH 2 84 882`; kept for the next time, where it may be."""
    uids = [message.uid for message in found]
    numbers = uids if uid else view.positions_of(uids)
    await tell_result(session, view, b"* SEARCH", numbers, key, modseq_text(found) if modseq and found else b"")


async def tell_result(
    session: ImapSession, view: View, name: bytes, numbers: Sequence[int], key: bytes, highest: bytes
) -> None:
    """A result's numbers; kept for the next time, where they may be."""
    if not key or len(numbers) > NUMBERS_PIECE:
        await tell_numbers(session, name, numbers, highest)
        return
    reply = name + numbers_text(numbers) + (b" (" + highest + b")" if highest else b"") + b"\r\n"
    keep_reply(session, view, key, reply)
    session.wire.send(reply)


def reply_key(session: ImapSession, reader: Reader, command: bytes) -> bytes:
    """What a reply is kept under, for clients that poll; nothing where it depends on more than the mailbox."""
    text = reader.rest()
    if session.rev2 or text is None or len(text) > KEPT_REQUEST or UNKEPT.search(text.upper()):
        return b""
    return command + b" " + text


def tell_kept(session: ImapSession, view: View, key: bytes) -> bool:
    """Tell a reply that is kept, where one is; whether it was."""
    kept = view.replies.get(key)
    if kept is None or kept[0] != (session.mailbox().highest_modseq, view.version):
        return False
    session.wire.send(kept[1])
    return True


def keep_reply(session: ImapSession, view: View, key: bytes, reply: bytes) -> None:
    """Keep a reply for as long as nothing changes in the mailbox."""
    if len(view.replies) >= KEPT_REPLIES:
        del view.replies[next(iter(view.replies))]
    view.replies[key] = (session.mailbox().highest_modseq, view.version), reply


def numbers_text(numbers: Sequence[int]) -> bytes:
    """Numbers, a space before each."""
    return (" " + " ".join(map(str, numbers))).encode("ascii") if numbers else b""


def follow_modseq(session: ImapSession) -> None:
    """A MODSEQ key turns CONDSTORE on, where it is offered."""
    if not session.has("CONDSTORE"):
        raise Malformed("unknown search key MODSEQ")
    session.enabled.add("CONDSTORE")


def check_returns(session: ImapSession, returns: ReturnOptions | None, capability: str) -> None:
    """BAD for RETURN options of extensions that are hidden."""
    if returns is None:
        return
    needs = {"SAVE": "SEARCHRES", "PARTIAL": "PARTIAL"}
    if not session.has(capability) or any(not session.has(needs[name]) for name in returns.names & needs.keys()):
        raise Malformed("unknown RETURN option")


async def find(session: ImapSession, view: View, request: SearchRequest) -> list[Message]:
    """The messages that match, in order."""
    if any(not session.has(capability) for capability in request.needs):
        raise Malformed("unknown search key")
    mailbox = session.mailbox()
    messages = mailbox.messages
    view.keyword_names = mailbox.keywords
    sieves = Search(view, contents_of(session.context), session.world.clock.now()).sieves(request.program)
    if not view.pending and len(view.uids) == len(messages):
        found = list(messages.values())
    else:
        found = [messages[uid] for uid in view.uids if uid in messages]
    for cost, sieve in sieves:
        piece = CHEAP_PIECE if cost == CHEAP else COSTLY_PIECE
        if len(found) <= piece:
            found = sieve(found)
            continue
        passed: list[Message] = []
        for start in range(0, len(found), piece):
            passed += sieve(found[start : start + piece])
            await session.wire.drain()
        found = passed
    return found


async def tell_numbers(session: ImapSession, name: bytes, numbers: Sequence[int], modseq: bytes) -> None:
    """`* SEARCH 2 84 882`, in pieces where it is long."""
    session.wire.send(name)
    for start in range(0, len(numbers), NUMBERS_PIECE):
        session.wire.send(numbers_text(numbers[start : start + NUMBERS_PIECE]))
        if len(numbers) > NUMBERS_PIECE:
            await session.wire.drain()
    session.wire.send((b" (" + modseq + b")" if modseq else b"") + b"\r\n")


def modseq_text(messages: Iterable[Message]) -> bytes:
    """`MODSEQ 917162500`: the highest of the messages' (RFC 7162 section 3.1.6)."""
    return b"MODSEQ %d" % max(message.modseq for message in messages)


def tell_esearch(
    session: ImapSession, view: View, found: Sequence[Message], returns: ReturnOptions, *, uid: bool, modseq: bool
) -> None:
    """`* ESEARCH (TAG "a") UID MIN 1 COUNT 5` (RFC 4731); what is to be saved is saved."""
    names = returns.names
    if "SAVE" in names:
        view.saved = saved_of(view, found, names)
        if names == {"SAVE"}:
            return
    uids = [message.uid for message in found]
    numbers = uids if uid else positions(view, uids)
    items = [b"* ESEARCH (TAG " + string(session.tag) + b")"]
    if uid:
        items.append(b"UID")
    items += result_items(numbers, returns, lowest=min, highest=max)
    if modseq and found:
        items.append(modseq_text(told_of(found, names)))
    session.wire.send(b" ".join(items) + b"\r\n")


def positions(view: View, uids: Sequence[int]) -> list[int]:
    """The sequence numbers of UIDs in any order."""
    places = dict(zip(view.uids, range(1, len(view.uids) + 1), strict=True))
    return list(map(places.__getitem__, uids))


def saved_of(view: View, found: Sequence[Message], names: frozenset[str]) -> tuple[int, ...]:
    """What `$` becomes: all, or only the first and last where no more was asked for (RFC 5182 section 2.4)."""
    return tuple(sorted(message.uid for message in told_of(found, names))) if found else ()


def told_of(found: Sequence[Message], names: frozenset[str]) -> list[Message]:
    """The messages that a result speaks of: the first, the last, or all."""
    if names & {"ALL", "COUNT", "PARTIAL"} or not names & {"MIN", "MAX"}:
        return list(found)
    ends = []
    if "MIN" in names:
        ends.append(min(found, key=lambda message: message.uid))
    if "MAX" in names:
        ends.append(max(found, key=lambda message: message.uid))
    return ends


def result_items(
    numbers: Sequence[int],
    returns: ReturnOptions,
    *,
    lowest: Callable[[Sequence[int]], int],
    highest: Callable[[Sequence[int]], int],
) -> list[bytes]:
    """MIN, MAX, ALL, PARTIAL and COUNT of a result."""
    names = returns.names
    items = []
    if numbers and "MIN" in names:
        items.append(b"MIN %d" % lowest(numbers))
    if numbers and "MAX" in names:
        items.append(b"MAX %d" % highest(numbers))
    if numbers and "ALL" in names:
        items.append(b"ALL " + compact(numbers))
    if returns.partial is not None:
        low, high = returns.partial
        kept = numbers[low - 1 : high] if low > 0 else numbers[max(0, len(numbers) + high) : len(numbers) + low + 1]
        items.append(b"PARTIAL (%d:%d %b)" % (low, high, compact(kept) or b"NIL"))
    if "COUNT" in names:
        items.append(b"COUNT %d" % len(numbers))
    return items
