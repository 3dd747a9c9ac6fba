"""SORT and THREAD (RFC 5256, 5267, 5957)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ...world.records import Message
from . import threads
from .contents import Contents, Headline, contents_of
from .format import string
from .ordering import Work, in_steps, sorting
from .reader import Malformed, Reader
from .search_keys import KeyReader, ReturnOptions, SearchRequest, read_charset, read_return_options
from .searching import (
    CHEAP_PIECE,
    COSTLY_PIECE,
    KEPT_REPLY,
    check_returns,
    find,
    keep_reply,
    modseq_text,
    positions,
    reply_key,
    result_items,
    tell_kept,
    tell_result,
)
from .table import IN_MAILBOX, command
from .view import View

if TYPE_CHECKING:
    from .session import ImapSession

T = TypeVar("T")

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
    key = reply_key(session, reader, b"UID SORT" if uid else b"SORT")
    if tell_kept(session, view, key):
        return
    returns: ReturnOptions | None = None
    if reader.skip(b" RETURN "):
        returns = read_return_options(reader)
    reader.space()
    criteria = read_criteria(session, reader)
    request = read_program(reader, returns)
    check_returns(session, returns, "ESORT")
    found = await sorted_messages(session, await find(session, view, request), criteria)
    if returns is not None:
        tell_esort(session, view, found, returns, uid=uid, modseq=request.modseq)
    else:
        await tell_sort(session, view, found, key, uid=uid, modseq=request.modseq)


async def tell_sort(
    session: ImapSession, view: View, found: Sequence[Message], key: bytes, *, uid: bool, modseq: bool
) -> None:
    """`* SORT 5 3 4`; kept for the next time, where it may be."""
    await session.wire.drain()
    uids = [message.uid for message in found]
    numbers = uids if uid else positions(view, uids)
    await session.wire.drain()
    await tell_result(session, view, b"* SORT", numbers, key, modseq_text(found) if modseq and found else b"")


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
    program = keys.to_the_end()
    return SearchRequest(program, returns, keys.modseq, None, frozenset(keys.needs))


async def sorted_messages(session: ImapSession, messages: list[Message], criteria: Criteria) -> list[Message]:
    """The messages in order; equal ones by number (RFC 5256 section 3)."""
    order: Sequence[int] = range(len(messages))
    # Places among the keys keep equal ones in their order, so the last key is sorted by first.
    for name, reverse in reversed(criteria):
        keys = await sort_keys(session, messages, name)
        order = await worked_out(session, reordered(order, keys, reverse=reverse))
    return [messages[at] for at in order]


def reordered(order: Sequence[int], keys: Sequence[Any], *, reverse: bool) -> Work[Sequence[int]]:
    """The order, sorted by the keys of what is at its places; equal ones stay as they are, in reverse too."""
    sign = -1 if reverse else 1
    placed: list[tuple[Any, int]] = []
    yield from in_steps(range(len(order)), lambda place: placed.append((keys[order[place]], sign * place)))
    in_order = yield from sorting(placed)
    yield
    return [order[sign * place] for _, place in (reversed(in_order) if reverse else in_order)]


async def sort_keys(session: ImapSession, messages: Sequence[Message], name: str) -> list[Any]:
    """What each message is sorted by."""
    key, contents = SORT_KEYS[name], contents_of(session.context)
    size = CHEAP_PIECE if name in RECORD_KEYS else COSTLY_PIECE
    keys: list[Any] = []
    for start in range(0, len(messages), size):
        keys += [key(message, contents) for message in messages[start : start + size]]
        await session.wire.drain()
    return keys


# --- THREAD

ALGORITHMS: Mapping[str, Callable[[Sequence[threads.Subject]], Work[list[threads.Node]]]] = MappingProxyType(
    {"ORDEREDSUBJECT": threads.ordered_subject, "REFERENCES": threads.references}
)


@command("THREAD", IN_MAILBOX, "algorithm charset search-key ...", rfc="RFC 5256", uid=True, expunges=False)
async def thread(session: ImapSession, reader: Reader, *, uid: bool) -> None:
    """Find messages, and put them into threads."""
    view = session.selected
    key = reply_key(session, reader, b"UID THREAD" if uid else b"THREAD")
    if tell_kept(session, view, key):
        return
    reader.space()
    name = reader.keyword()
    if name not in ALGORITHMS or not session.has(f"THREAD={name}"):
        raise Malformed("unknown threading algorithm")
    request = read_program(reader, None)
    found = await find(session, view, request)
    uids = [message.uid for message in found]
    numbers = uids if uid else view.positions_of(uids)
    subjects = await subjects_of(session, numbers, found)
    roots = await worked_out(session, ALGORITHMS[name](subjects))
    text = await worked_out(session, threads.formatted(roots))
    reply = b"* THREAD " + text + b"\r\n" if text else b"* THREAD\r\n"
    if key and len(reply) <= KEPT_REPLY:
        keep_reply(session, view, key, reply)
    session.wire.send(reply)


async def subjects_of(
    session: ImapSession, numbers: Sequence[int], messages: Sequence[Message]
) -> list[threads.Subject]:
    """What threading needs of the messages, found out a few at a time."""
    contents: Contents = contents_of(session.context)
    subjects: list[threads.Subject] = []
    for start in range(0, len(messages), COSTLY_PIECE):
        for number, message in zip(
            numbers[start : start + COSTLY_PIECE], messages[start : start + COSTLY_PIECE], strict=True
        ):
            subjects.append(subject_of(number, message, contents.headline(message.content)))
        await session.wire.drain()
    return subjects


def subject_of(number: int, message: Message, headline: Headline) -> threads.Subject:
    """What threading needs of a message."""
    sent = sent_of(message, headline)
    return threads.Subject(number, sent, headline.subject, headline.reply, headline.message_id, headline.references)


async def worked_out(session: ImapSession, work: Work[T]) -> T:
    """The result of a long piece of work; between its steps other sessions go on."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            await session.wire.drain()
            return result
        await session.wire.drain()
