"""SEARCH, SORT and THREAD (RFC 3501 section 6.4.4, RFC 4731, 5182, 5256, 5267, 5957, 7162, 9394)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from ...world.records import Message
from . import threads
from .contents import Contents, Headline, contents_of
from .format import string
from .reader import Malformed, Reader
from .search import CHEAP, Search
from .search_keys import (
    Every,
    KeyReader,
    ReturnOptions,
    SearchRequest,
    read_charset,
    read_return_options,
    read_search,
)
from .sequence import compact
from .table import IN_MAILBOX, command
from .view import View

if TYPE_CHECKING:
    from .session import ImapSession

CHEAP_PIECE = 2000
"""Messages sieved by their records between two looks at the other sessions."""
COSTLY_PIECE = 8
"""The same where content must be looked into."""
KEPT_REPLIES = 8
"""Replies kept for each selected mailbox, each of them at most of `NUMBERS_PIECE` numbers."""
KEPT_REQUEST = 256
"""Octets of a request whose reply is kept."""
UNKEPT = re.compile(rb"[$]|OLDER|YOUNGER|RETURN")
"""Requests whose reply may change though the mailbox does not, or that have an effect."""
NUMBERS_PIECE = 10_000
"""Numbers of a reply written at a time."""


@command("SEARCH", IN_MAILBOX, "[RETURN (...)] [CHARSET name] key ...", uid=True, expunges=False)
async def search(session: ImapSession, reader: Reader, *, uid: bool) -> None:
    """Find messages."""
    reader.space()
    view = session.selected
    key = reply_key(session, reader, uid=uid)
    kept = view.replies.get(key)
    if kept is not None and kept[0] == (session.mailbox().highest_modseq, view.version):
        session.wire.send(kept[1])
        return
    try:
        request = read_allowed(session, reader)
        found = await find(session, view, request.program)
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
    highest = modseq_text(found) if modseq and found else b""
    if not key or len(numbers) > NUMBERS_PIECE:
        await tell_numbers(session, b"* SEARCH", numbers, highest)
        return
    reply = b"* SEARCH" + numbers_text(numbers) + (b" (" + highest + b")" if highest else b"") + b"\r\n"
    keep_reply(session, view, key, reply)
    session.wire.send(reply)


def reply_key(session: ImapSession, reader: Reader, *, uid: bool) -> bytes:
    """What a SEARCH's reply is kept under, for clients that poll; nothing where it depends on more than the mailbox."""
    text = reader.text[reader.at :].upper()
    if session.rev2 or len(reader.pieces) > 1 or len(text) > KEPT_REQUEST or UNKEPT.search(text):
        return b""
    return (b"U " if uid else b"S ") + reader.text[reader.at :]


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


async def find(session: ImapSession, view: View, program: Every) -> list[Message]:
    """The messages that match, in order."""
    mailbox = session.mailbox()
    messages = mailbox.messages
    view.keyword_names = mailbox.keywords
    sieves = Search(view, contents_of(session.context), session.world.clock.now()).sieves(program)
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
    places = {uid: position for position, uid in enumerate(view.uids, 1)}
    return [places[uid] for uid in uids]


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


# --- SORT

SortKey = Callable[[Message, Contents], Any]


def sent_of(message: Message, headline: Headline) -> float:
    """When it was sent; when it came, where it does not say (RFC 5256 section 2.2)."""
    return message.internal_date.timestamp() if headline.sent is None else headline.sent


SORT_KEYS: Mapping[str, SortKey] = MappingProxyType(
    {
        "ARRIVAL": lambda message, contents: message.internal_date.timestamp(),
        "CC": lambda message, contents: contents.people(message.content).cc,
        "DATE": lambda message, contents: sent_of(message, contents.headline(message.content)),
        "FROM": lambda message, contents: contents.people(message.content).from_,
        "SIZE": lambda message, contents: message.content.size,
        "SUBJECT": lambda message, contents: contents.headline(message.content).subject,
        "TO": lambda message, contents: contents.people(message.content).to,
        "DISPLAYFROM": lambda message, contents: contents.people(message.content).display_from,
        "DISPLAYTO": lambda message, contents: contents.people(message.content).display_to,
    }
)
RECORD_KEYS = frozenset({"ARRIVAL", "SIZE"})
"""Sort keys that need no look into the message."""
Criteria = list[tuple[str, bool]]


def read_criteria(session: ImapSession, reader: Reader) -> Criteria:
    """`(REVERSE DATE SUBJECT)`: keys, each with whether it is reversed."""
    criteria: Criteria = []

    def criterion() -> None:
        name = reader.keyword()
        reverse = name == "REVERSE"
        if reverse:
            reader.space()
            name = reader.keyword()
        if name not in SORT_KEYS or (name.startswith("DISPLAY") and not session.has("SORT=DISPLAY")):
            raise Malformed(f"unknown sort key {name}")
        criteria.append((name, reverse))

    reader.list_of(criterion, empty=False)
    return criteria


@command(
    "SORT",
    IN_MAILBOX,
    "[RETURN (...)] (key ...) charset search-key ...",
    rfc="RFC 5256",
    capability="SORT",
    uid=True,
    expunges=False,
)
async def sort(session: ImapSession, reader: Reader, *, uid: bool) -> None:
    """Find messages, and put them in an order."""
    view = session.selected
    returns: ReturnOptions | None = None
    if reader.skip(b" RETURN "):
        returns = read_return_options(reader)
    reader.space()
    criteria = read_criteria(session, reader)
    request = read_program(reader, returns)
    check_returns(session, returns, "ESORT")
    found = await sorted_messages(session, await find(session, view, request.program), criteria)
    if returns is not None:
        tell_esort(session, view, found, returns, uid=uid, modseq=request.modseq)
        return
    uids = [message.uid for message in found]
    numbers = uids if uid else positions(view, uids)
    await tell_numbers(session, b"* SORT", numbers, modseq_text(found) if request.modseq and found else b"")


def tell_esort(
    session: ImapSession, view: View, found: Sequence[Message], returns: ReturnOptions, *, uid: bool, modseq: bool
) -> None:
    """ESEARCH for a sorted result: MIN is the first in the order, MAX the last (RFC 5267 section 3)."""
    uids = [message.uid for message in found]
    numbers = uids if uid else positions(view, uids)
    if "SAVE" in returns.names:
        view.saved = tuple(sorted(uids))
    items = [b"* ESEARCH (TAG " + string(session.tag) + b")"]
    if uid:
        items.append(b"UID")
    items += result_items(numbers, returns, lowest=lambda values: values[0], highest=lambda values: values[-1])
    if modseq and found:
        items.append(modseq_text(found))
    session.wire.send(b" ".join(items) + b"\r\n")


def read_program(reader: Reader, returns: ReturnOptions | None) -> SearchRequest:
    """` charset key ...`, where the charset must be given."""
    reader.space()
    keys = KeyReader(reader, read_charset(reader))
    reader.space()
    return SearchRequest(keys.to_the_end(), returns, keys.modseq)


async def sorted_messages(session: ImapSession, messages: list[Message], criteria: Criteria) -> list[Message]:
    """The messages in order; equal ones by number (RFC 5256 section 3)."""
    order = list(range(len(messages)))
    # Sorts are stable, so the last key is sorted by first.
    for name, reverse in reversed(criteria):
        keys = await sort_keys(session, messages, name)
        order.sort(key=keys.__getitem__, reverse=reverse)
    return [messages[at] for at in order]


async def sort_keys(session: ImapSession, messages: Sequence[Message], name: str) -> list[Any]:
    """What each message is sorted by."""
    key, contents = SORT_KEYS[name], contents_of(session.context)
    size = CHEAP_PIECE if name in RECORD_KEYS else COSTLY_PIECE
    keys: list[Any] = []
    for start in range(0, len(messages), size):
        keys += [key(message, contents) for message in messages[start : start + size]]
        await session.wire.drain()
    return keys


async def headlines_of(session: ImapSession, messages: Sequence[Message]) -> list[Headline]:
    """What the messages say of themselves, a few at a time."""
    contents: Contents = contents_of(session.context)
    headlines: list[Headline] = []
    for start in range(0, len(messages), COSTLY_PIECE):
        headlines += [contents.headline(message.content) for message in messages[start : start + COSTLY_PIECE]]
        await session.wire.drain()
    return headlines


# --- THREAD

ALGORITHMS: Mapping[str, Callable[[Sequence[threads.Subject]], threads.Work[list[threads.Node]]]] = MappingProxyType(
    {"ORDEREDSUBJECT": threads.ordered_subject, "REFERENCES": threads.references}
)


@command("THREAD", IN_MAILBOX, "algorithm charset search-key ...", rfc="RFC 5256", uid=True, expunges=False)
async def thread(session: ImapSession, reader: Reader, *, uid: bool) -> None:
    """Find messages, and put them into threads."""
    view = session.selected
    reader.space()
    name = reader.keyword()
    if name not in ALGORITHMS or not session.has(f"THREAD={name}"):
        raise Malformed("unknown threading algorithm")
    request = read_program(reader, None)
    found = await find(session, view, request.program)
    headlines = await headlines_of(session, found)
    uids = [message.uid for message in found]
    numbers = uids if uid else view.positions_of(uids)
    subjects = [
        threads.Subject(
            number,
            sent_of(message, headline),
            headline.subject,
            headline.reply,
            headline.message_id,
            headline.references,
        )
        for number, message, headline in zip(numbers, found, headlines, strict=True)
    ]
    roots = await worked_out(session, ALGORITHMS[name](subjects))
    text = threads.formatted(roots)
    session.wire.send(b"* THREAD " + text + b"\r\n" if text else b"* THREAD\r\n")


async def worked_out(session: ImapSession, work: threads.Work[list[threads.Node]]) -> list[threads.Node]:
    """The result of a long piece of work; between its steps other sessions go on."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            roots: list[threads.Node] = done.value
            return roots
        await session.wire.drain()
