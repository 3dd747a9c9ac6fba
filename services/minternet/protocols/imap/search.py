"""Evaluating SEARCH programs on frozen messages.

A program becomes sieves: functions that let some of a list of messages through, cheap ones first.  Flags, numbers and dates
are in the record; header and body keys look into the content, and are run on a few messages at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from ...world import mime
from ...world.blobs import Blob
from ...world.records import SEEN, Message
from .contents import Contents, header_of, thread_id
from .search_keys import (
    ChangedSince,
    Dated,
    Either,
    Every,
    HasFlag,
    HeaderHas,
    Identified,
    Key,
    Labelled,
    Messages,
    Not,
    Numbered,
    Plain,
    TextHas,
)
from .view import View

Sieve = Callable[[Sequence[Message]], list[Message]]
Predicate = Callable[[Message], bool]

CHEAP, HEADER, BODY = 0, 1, 2
"""What a key costs: nothing but the record, the header, the whole content."""
GMAIL_STATES = {"unread": ("\\Seen", False), "read": ("\\Seen", True), "starred": ("\\Flagged", True)}


NO_DATE = date(1970, 1, 1)
"""What SENTBEFORE, SENTON and SENTSINCE take for the date of a message without one: the RFCs are silent, Dovecot does so."""
SEARCHED = frozenset({"text", "message"})
"""Main types of parts whose content is searched; messages inside are looked into part by part."""


class Search:
    """What a program is evaluated against; `now` in seconds since 1970."""

    def __init__(self, view: View, contents: Contents, now: float) -> None:
        self.view, self.contents, self.now = view, contents, now

    def sieves(self, program: Every) -> list[tuple[int, Sieve]]:
        """The keys of a program as sieves with their costs, the cheap ones first."""
        return sorted(((cost(key), self.sieve(key)) for key in program.keys), key=lambda sieve: sieve[0])

    def sieve(self, key: Key) -> Sieve:
        """A key as a sieve."""
        if isinstance(key, HasFlag):
            flag = self.canonical(key.flag)
            if key.present:
                return lambda messages: [message for message in messages if flag in message.flags]
            return lambda messages: [message for message in messages if flag not in message.flags]
        if isinstance(key, Plain) and key.name in {"ALL", "SAVEDATESUPPORTED"}:
            return list
        predicate = self.predicate(key)
        return lambda messages: list(filter(predicate, messages))

    def canonical(self, flag: str) -> str:
        """A keyword as this mailbox writes it."""
        return flag if flag[0] == "\\" else self.view.canonical_keyword(flag)

    def predicate(self, key: Key) -> Predicate:
        """A key as a question on one message."""
        if isinstance(key, Not):
            inner = self.predicate(key.key)
            return lambda message: not inner(message)
        if isinstance(key, Either):
            first, second = sorted((key.first, key.second), key=cost)
            one, other = self.predicate(first), self.predicate(second)
            return lambda message: one(message) or other(message)
        if isinstance(key, Every):
            predicates = [self.predicate(part) for part in sorted(key.keys, key=cost)]
            return lambda message: all(predicate(message) for predicate in predicates)
        if isinstance(key, HasFlag):
            flag, present = self.canonical(key.flag), key.present
            return lambda message: (flag in message.flags) is present
        if isinstance(key, Messages):
            uids = frozenset(self.view.chosen(key.numbers, uid=key.uid, lenient=True))
            return lambda message: message.uid in uids
        return self.of_record(key)

    def of_record(self, key: Key) -> Predicate:
        """Keys on what the record says."""
        if isinstance(key, Plain):
            return self.plain(key.name)
        if isinstance(key, Dated):
            return self.dated(key.name, key.day)
        if isinstance(key, Numbered):
            return self.numbered(key.name, key.number)
        if isinstance(key, ChangedSince):
            modseq = key.modseq
            return lambda message: message.modseq >= modseq
        if isinstance(key, Identified):
            return self.identified(key.name, key.identifier)
        if isinstance(key, Labelled):
            label = key.label
            return lambda message: label in message.labels
        return self.of_content(key)

    def plain(self, name: str) -> Predicate:
        """ALL, NEW, OLD, RECENT, SAVEDATESUPPORTED."""
        is_recent = self.view.is_recent
        if name == "RECENT":
            return lambda message: is_recent(message.uid)
        if name == "OLD":
            return lambda message: not is_recent(message.uid)
        if name == "NEW":
            return lambda message: SEEN not in message.flags and is_recent(message.uid)
        return lambda message: True

    def dated(self, name: str, day: date) -> Predicate:
        """BEFORE, ON, SINCE; SENT- and SAVED-: dates without their times and zones (RFC 3501 section 6.4.4)."""
        day_of = self.day_of(name)
        comparison = name.removeprefix("SENT").removeprefix("SAVED")
        if comparison == "BEFORE":
            return lambda message: day_of(message) < day
        if comparison == "ON":
            return lambda message: day_of(message) == day
        return lambda message: day_of(message) >= day

    def day_of(self, name: str) -> Callable[[Message], date]:
        """The date that the key is about."""
        headline = self.contents.headline
        if name.startswith("SENT"):
            return lambda message: headline(message.content).sent_day or NO_DATE
        if name.startswith("SAVED"):
            return lambda message: message.saved.date()
        return lambda message: message.internal_date.date()

    def numbered(self, name: str, number: int) -> Predicate:
        """LARGER, SMALLER, OLDER, YOUNGER (RFC 5032)."""
        if name == "LARGER":
            return lambda message: message.content.size > number
        if name == "SMALLER":
            return lambda message: message.content.size < number
        since = self.now - number
        if name == "OLDER":
            return lambda message: message.internal_date.timestamp() <= since
        return lambda message: message.internal_date.timestamp() >= since

    def identified(self, name: str, identifier: str) -> Predicate:
        """EMAILID, THREADID and Gmail's numbers."""
        headline = self.contents.headline
        if name == "EMAILID":
            return lambda message: message.email_id == identifier
        if name == "THREADID":
            return lambda message: thread_id(headline(message.content)) == identifier
        if name == "X-GM-MSGID":
            return lambda message: str(int(message.content.digest[:16], 16) >> 1) == identifier
        return lambda message: (
            str(int((thread_id(headline(message.content))[1:] or message.content.digest)[:16], 16) >> 1) == identifier
        )

    # --- keys on content

    def of_content(self, key: Key) -> Predicate:
        """Keys that look into the message."""
        if isinstance(key, HeaderHas):
            field, wanted = key.field.encode("latin-1", "replace"), mime.casemap(key.text)
            return lambda message: header_has(message.content, field, wanted)
        assert isinstance(key, TextHas)
        if key.name == "X-GM-RAW":
            return self.gmail(key.text)
        wanted, whole = mime.casemap(key.text), key.name == "TEXT"
        return lambda message: content_has(self.contents, message.content, wanted, whole=whole)

    def gmail(self, query: str) -> Predicate:
        """The part of Gmail's search language that clients use: words, from: to: subject: is: has: label: and `-`."""
        predicates = [self.gmail_term(term) for term in query.split()]
        return lambda message: all(predicate(message) for predicate in predicates)

    def gmail_term(self, term: str) -> Predicate:
        """One term of it."""
        if term.startswith("-") and len(term) > 1:
            inner = self.gmail_term(term[1:])
            return lambda message: not inner(message)
        name, colon, value = term.partition(":")
        if colon and name in {"from", "to", "cc", "bcc", "subject"}:
            return self.predicate(HeaderHas(name, value))
        if colon and name == "is" and value in GMAIL_STATES:
            return self.predicate(HasFlag(*GMAIL_STATES[value]))
        if colon and name == "label":
            return self.predicate(Labelled(value))
        if term == "has:attachment":
            return lambda message: has_attachment(self.contents, message.content)
        return self.predicate(TextHas("TEXT", term.strip('"')))


def cost(key: Key) -> int:
    """What a key costs to evaluate."""
    if isinstance(key, Not):
        return cost(key.key)
    if isinstance(key, Either):
        return max(cost(key.first), cost(key.second))
    if isinstance(key, Every):
        return max(map(cost, key.keys))
    if isinstance(key, TextHas):
        return BODY
    if isinstance(key, HeaderHas) or (isinstance(key, Dated) and key.name.startswith("SENT")):
        return HEADER
    return HEADER if isinstance(key, Identified) and key.name != "EMAILID" else CHEAP


def header_has(blob: Blob, field: bytes, wanted: str) -> bool:
    """Whether a field of the header holds the collation key `wanted`; an empty one, whether the field is there."""
    for value in mime.all_headers(header_of(blob), field):
        if not wanted or wanted in mime.casemap(mime.decode_header(value)):
            return True
    return False


def content_has(contents: Contents, blob: Blob, wanted: str, *, whole: bool) -> bool:
    """Whether a text of the message holds `wanted`; with `whole` the headers are looked into too."""
    if not wanted:
        return True
    octets, root = contents.parse(blob)
    if whole and wanted in mime.casemap(mime.decode_header(octets[root.header_start : root.body_start])):
        return True
    return part_has(octets, root, wanted, whole=whole)


def part_has(octets: bytes, part: mime.Part, wanted: str, *, whole: bool) -> bool:
    """The same for what is below a part; the header of a message inside is part of the body around it."""
    if part.is_multipart:
        return any(child_has(octets, child, wanted, whole=whole) for child in part.parts)
    if part.message is not None:
        header = octets[part.message.header_start : part.message.body_start]
        return wanted in mime.casemap(mime.decode_header(header)) or part_has(octets, part.message, wanted, whole=whole)
    return part.type in SEARCHED and wanted in mime.casemap(mime.text(octets, part))


def child_has(octets: bytes, child: mime.Part, wanted: str, *, whole: bool) -> bool:
    """The same for a part of a multipart, whose own header counts for TEXT."""
    if whole and wanted in mime.casemap(mime.decode_header(octets[child.header_start : child.body_start])):
        return True
    return part_has(octets, child, wanted, whole=whole)


def has_attachment(contents: Contents, blob: Blob) -> bool:
    """Whether a part is an attachment."""
    _, root = contents.parse(blob)
    return any((part.disposition or b"").lower() == b"attachment" for part in mime.leaves(root))
