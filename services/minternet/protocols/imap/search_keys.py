"""SEARCH programs read into records (RFC 3501 section 6.4.4, RFC 4731, 5032, 5182, 7162, 8474, 8514, 9394)."""

from __future__ import annotations

import codecs
from datetime import date

import msgspec

from .fetch_items import read_window
from .reader import Malformed, Reader
from .sequence import SET, SequenceSet, parse_sequence_set

FLAG_KEYS = {
    "ANSWERED": ("\\Answered", True),
    "DELETED": ("\\Deleted", True),
    "DRAFT": ("\\Draft", True),
    "FLAGGED": ("\\Flagged", True),
    "SEEN": ("\\Seen", True),
    "UNANSWERED": ("\\Answered", False),
    "UNDELETED": ("\\Deleted", False),
    "UNDRAFT": ("\\Draft", False),
    "UNFLAGGED": ("\\Flagged", False),
    "UNSEEN": ("\\Seen", False),
}
HEADER_KEYS = frozenset({"BCC", "CC", "FROM", "SUBJECT", "TO"})
STRING_KEYS = HEADER_KEYS | {"BODY", "TEXT", "X-GM-RAW"}
DATE_KEYS = frozenset(
    ["BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE", "SAVEDBEFORE", "SAVEDON", "SAVEDSINCE"]
)
NUMBER_KEYS = frozenset({"LARGER", "SMALLER", "OLDER", "YOUNGER"})
ID_KEYS = frozenset({"EMAILID", "THREADID", "X-GM-MSGID", "X-GM-THRID"})
ARGUMENT_KEYS = (
    DATE_KEYS | NUMBER_KEYS | ID_KEYS | {"KEYWORD", "UNKEYWORD", "UID", "NOT", "OR", "HEADER", "MODSEQ", "X-GM-LABELS"}
)
"""Keys that take something other than a string."""
BARE_KEYS = frozenset({"ALL", "NEW", "OLD", "RECENT", "SAVEDATESUPPORTED"})
RETURN_OPTIONS = frozenset({"MIN", "MAX", "ALL", "COUNT", "SAVE", "PARTIAL"})
NEEDS = {
    "OLDER": "WITHIN",
    "YOUNGER": "WITHIN",
    "EMAILID": "OBJECTID",
    "THREADID": "OBJECTID",
    "SAVEDATESUPPORTED": "SAVEDATE",
    "SAVEDBEFORE": "SAVEDATE",
    "SAVEDON": "SAVEDATE",
    "SAVEDSINCE": "SAVEDATE",
    "X-GM-RAW": "X-GM-EXT-1",
    "X-GM-MSGID": "X-GM-EXT-1",
    "X-GM-THRID": "X-GM-EXT-1",
    "X-GM-LABELS": "X-GM-EXT-1",
}
"""Keys that belong to an extension."""
KEYS_LIMIT = 1000
"""Keys in one program; more are refused rather than evaluated for minutes."""


class BadCharset(Exception):
    """A charset the server does not know: NO [BADCHARSET]."""


class Messages(msgspec.Struct, frozen=True):
    """A message set: sequence numbers, or UIDs."""

    numbers: SequenceSet
    uid: bool


class HasFlag(msgspec.Struct, frozen=True):
    """A flag or keyword that is set, or is not."""

    flag: str
    present: bool


class Plain(msgspec.Struct, frozen=True):
    """ALL, NEW, OLD, RECENT, SAVEDATESUPPORTED."""

    name: str


class HeaderHas(msgspec.Struct, frozen=True):
    """A header field that holds the text (in any decoded form); an empty text asks for the field only."""

    field: str
    text: str


class TextHas(msgspec.Struct, frozen=True):
    """The body (BODY), the body and header (TEXT), or Gmail's search (X-GM-RAW)."""

    name: str
    text: str


class Dated(msgspec.Struct, frozen=True):
    """BEFORE, ON, SINCE and their SENT and SAVED forms."""

    name: str
    day: date


class Numbered(msgspec.Struct, frozen=True):
    """LARGER, SMALLER (octets), OLDER, YOUNGER (seconds)."""

    name: str
    number: int


class ChangedSince(msgspec.Struct, frozen=True):
    """MODSEQ: a mod-sequence equal or above."""

    modseq: int


class Identified(msgspec.Struct, frozen=True):
    """EMAILID, THREADID, X-GM-MSGID, X-GM-THRID."""

    name: str
    identifier: str


class Labelled(msgspec.Struct, frozen=True):
    """X-GM-LABELS."""

    label: str


class Not(msgspec.Struct, frozen=True):
    """What the key does not match."""

    key: Key


class Either(msgspec.Struct, frozen=True):
    """OR."""

    first: Key
    second: Key


class Every(msgspec.Struct, frozen=True):
    """Keys side by side: all must match."""

    keys: tuple[Key, ...]


Key = (
    Messages
    | HasFlag
    | Plain
    | HeaderHas
    | TextHas
    | Dated
    | Numbered
    | ChangedSince
    | Identified
    | Labelled
    | Not
    | Either
    | Every
)


class ReturnOptions(msgspec.Struct, frozen=True):
    """RETURN (...): what an ESEARCH reply holds; `partial` a window of the result."""

    names: frozenset[str]
    partial: tuple[int, int] | None = None


class SearchRequest(msgspec.Struct, frozen=True):
    """A whole SEARCH: `returns` is None for the old reply; `modseq` whether a MODSEQ key was used."""

    program: Every
    returns: ReturnOptions | None = None
    modseq: bool = False
    charset: str | None = None
    needs: frozenset[str] = frozenset()
    """Extensions whose keys were used."""


def decoded(text: bytes, charset: str) -> str:
    """A search string as text."""
    try:
        return text.decode(charset)
    except UnicodeDecodeError:
        if charset == "ascii":
            return text.decode("utf-8", "replace")
        raise Malformed("the search string is not of the charset") from None


def read_charset(reader: Reader) -> str:
    """A charset's name as Python's codec name."""
    name = reader.astring().decode("latin-1")
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        raise BadCharset(name) from None
    if not getattr(info, "_is_text_encoding", True):
        raise BadCharset(name)
    return info.name


def read_search(reader: Reader, *, returns: ReturnOptions | None = None) -> SearchRequest:
    """What follows SEARCH: RETURN options, CHARSET, keys to the end of the request."""
    if returns is None and reader.skip(b"RETURN ("):
        reader.at -= 1
        returns = read_return_options(reader)
        reader.space()
    charset: str | None = None
    if reader.skip(b"CHARSET "):
        charset = read_charset(reader)
        reader.space()
    keys = KeyReader(reader, charset or "ascii")
    program = keys.to_the_end()
    return SearchRequest(program, returns, keys.modseq, charset, frozenset(keys.needs))


def read_return_options(reader: Reader) -> ReturnOptions:
    """`(MIN MAX COUNT PARTIAL 1:10)`; empty means ALL (RFC 4731 section 3.1)."""
    names: set[str] = set()
    partial: tuple[int, int] | None = None

    def option() -> None:
        nonlocal partial
        name = reader.word()
        if name not in RETURN_OPTIONS:
            raise Malformed(f"unknown RETURN option {name}")
        if name == "PARTIAL":
            if partial is not None:
                raise Malformed("PARTIAL given twice")
            reader.space()
            partial = read_window(reader)
        names.add(name)

    reader.list_of(option)
    if {"PARTIAL", "ALL"} <= names:
        raise Malformed("PARTIAL and ALL exclude each other")
    return ReturnOptions(frozenset(names) or frozenset({"ALL"}), partial)


class KeyReader:
    """Reads search keys; remembers whether MODSEQ was among them."""

    __slots__ = ("charset", "count", "modseq", "needs", "reader")

    def __init__(self, reader: Reader, charset: str) -> None:
        self.reader, self.charset, self.modseq, self.count = reader, charset, False, 0
        self.needs: set[str] = set()
        """The extensions whose keys were used."""

    def to_the_end(self) -> Every:
        """Keys up to the end of the request."""
        keys = [self.key()]
        while not self.reader.at_end():
            self.reader.space()
            if self.reader.at_end():
                break
            keys.append(self.key())
        return Every(tuple(keys))

    def key(self) -> Key:
        """One key."""
        reader = self.reader
        self.count += 1
        if self.count > KEYS_LIMIT:
            raise Malformed("too many search keys")
        first = reader.peek()
        if first == b"(":
            return Every(tuple(reader.list_of(self.key, empty=False)))
        if first in b"0123456789*" and first:
            return Messages(parse_sequence_set(reader.match(SET, "a message set")[0]), uid=False)
        if reader.skip(b"$"):
            return Messages(SequenceSet(saved=True), uid=False)
        return self.named(reader.word())

    def named(self, name: str) -> Key:
        """The key of that name."""
        if name in NEEDS:
            self.needs.add(NEEDS[name])
        if name in FLAG_KEYS:
            return HasFlag(*FLAG_KEYS[name])
        if name in BARE_KEYS:
            return Plain(name)
        if name in STRING_KEYS:
            text = self.text()
            return HeaderHas(name.capitalize(), text) if name in HEADER_KEYS else TextHas(name, text)
        if name not in ARGUMENT_KEYS:
            raise Malformed(f"unknown search key {name}")
        self.reader.space()
        return self.with_argument(name)

    def with_argument(self, name: str) -> Key:
        """A key that takes something other than a string."""
        reader = self.reader
        if name in DATE_KEYS:
            return Dated(name, reader.date())
        if name in NUMBER_KEYS:
            return Numbered(name, self.number(name))
        if name in {"KEYWORD", "UNKEYWORD"}:
            return HasFlag(reader.flag(), name == "KEYWORD")
        if name in ID_KEYS:
            return Identified(name, reader.astring().decode("latin-1"))
        if name == "X-GM-LABELS":
            return Labelled(decoded(reader.astring(), self.charset))
        if name == "UID":
            if reader.skip(b"$"):
                return Messages(SequenceSet(saved=True), uid=True)
            return Messages(parse_sequence_set(reader.match(SET, "a message set")[0]), uid=True)
        return self.compound(name)

    def number(self, name: str) -> int:
        """Octets or seconds; an interval is not zero (RFC 5032)."""
        value = self.reader.number(0x7FFFFFFFFFFFFFFF)
        if value == 0 and name in {"OLDER", "YOUNGER"}:
            raise Malformed("an interval of no seconds")
        return value

    def compound(self, name: str) -> Key:
        """NOT, OR, HEADER, MODSEQ."""
        reader = self.reader
        reader.deeper()
        if name == "NOT":
            key: Key = Not(self.key())
        elif name == "OR":
            first = self.key()
            reader.space()
            key = Either(first, self.key())
        elif name == "HEADER":
            field = reader.astring().decode("latin-1")
            key = HeaderHas(field, self.text())
        else:
            key = self.changed_since()
        reader.depth -= 1
        return key

    def changed_since(self) -> ChangedSince:
        """`MODSEQ "/flags/\\\\draft" all 620162338` or `MODSEQ 620162338` (RFC 7162 section 3.1.5)."""
        reader = self.reader
        self.modseq = True
        if reader.peek() == b'"':
            reader.quoted()
            reader.space()
            if reader.word() not in {"PRIV", "SHARED", "ALL"}:
                raise Malformed("expected priv, shared or all")
            reader.space()
        return ChangedSince(reader.modseq())

    def text(self) -> str:
        """A space and a string."""
        self.reader.space()
        return decoded(self.reader.astring(), self.charset)
