"""Searching messages, a page at a time. A pure function of mailboxes and a query; fit for any thread."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..bench.letters import Letter, text_of
from ..world.mail import Mailbox
from ..world.records import Message
from .call import in_range
from .letters import letter_of, summary
from .problems import unprocessable
from .schemas import MessageQuery, Messages

Key = tuple[float, str, str, int]
"""What messages are ordered by: when they came, then account, mailbox and UID."""


def search(boxes: Sequence[Mailbox], query: MessageQuery) -> Messages:
    """A page of the messages in these mailboxes that are as wanted."""
    cursor = read_cursor(query.cursor)
    newest = query.order == "newest"
    query = with_offsets(query)
    found: list[tuple[Key, Letter]] = []
    for key, letter in candidates(boxes, newest):
        if cursor is not None and (key >= cursor if newest else key <= cursor):
            continue
        if matches(letter, query):
            found.append((key, letter))
            if len(found) > query.limit:
                break
    page = found[: query.limit]
    more = len(found) > query.limit
    return Messages(
        tuple(summary(letter) for _, letter in page), write_cursor(page[-1][0]) if more else None, sum(map(len, boxes))
    )


def with_offsets(query: MessageQuery) -> MessageQuery:
    """The query with times that can be compared; Problem 422."""
    return msgspec.structs.replace(
        query,
        after=None if query.after is None else in_range(query.after, "#query/after"),
        before=None if query.before is None else in_range(query.before, "#query/before"),
    )


def candidates(boxes: Iterable[Mailbox], newest: bool) -> Iterator[tuple[Key, Letter]]:
    """All messages, in order."""
    everything = [(key_of(box, message), box, message) for box in boxes for message in tuple(box.messages.values())]
    everything.sort(key=lambda each: each[0], reverse=newest)
    for key, box, message in everything:
        yield key, letter_of(box.owner, box.name, message)


def key_of(box: Mailbox, message: Message) -> Key:
    return message.internal_date.timestamp(), box.owner, box.name, message.uid


def matches(letter: Letter, query: MessageQuery) -> bool:
    """Whether everything that is asked for holds; what costs least is looked at first."""
    message = letter.message
    if message.size < query.size_min or (query.size_max is not None and message.size > query.size_max):
        return False
    flags = {flag.lower() for flag in message.flags}
    if any(flag.lower() not in flags for flag in query.flag) or any(flag.lower() in flags for flag in query.no_flag):
        return False
    if query.after is not None and message.internal_date < query.after:
        return False
    if query.before is not None and message.internal_date >= query.before:
        return False
    wanted = [
        ("subject", query.subject),
        ("from", query.sender),
        ("to", query.to),
        ("Message-ID", query.message_id),
        *((name, value.strip()) for name, _, value in (header.partition(":") for header in query.header)),
        ("text", query.text),
    ]
    if not all(_holds(letter, name, value) for name, value in wanted if value or name not in _NAMED):
        return False
    return not query.q or any(_holds(letter, name, query.q) for name in ("subject", "from", "to", "text"))


_NAMED = frozenset({"subject", "from", "to", "text", "Message-ID"})


def _holds(letter: Letter, name: str, value: str) -> bool:
    text = text_of(letter, name)
    return value.casefold() in text.casefold() if value else bool(text)


def write_cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read_cursor(text: str) -> Key | None:
    """The key of a cursor; Problem 422 on one that is not ours."""
    if not text:
        return None
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        key: Key = msgspec.json.decode(decoded, type=Key)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise unprocessable("#query/cursor", "this is no `next` of a page") from None
    return key
