"""Reading one request: a cursor over its pieces of text and the literals between them.

A request arrives as lines; a line that ends in `{n}` is followed by n octets of literal and then by the next line.  The
session gathers both before anything is parsed, so the reader never waits and literal data is never mistaken for syntax.
At the end of a piece, if a literal follows, the literal is the next token (RFC 3501 section 9).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]+")
ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
ASTRING = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
LIST_PATTERN = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"\\]+")
QUOTED = re.compile(rb'"([^\x00\r\n"\\]*(?:\\["\\][^\x00\r\n"\\]*)*)"')
ESCAPED = re.compile(rb"\\([\"\\])")
NUMBER = re.compile(rb"[0-9]{1,20}")
WORD = re.compile(rb"[A-Za-z0-9.:_-]+")
FLAG = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
DATE_TIME = re.compile(
    rb'"([ 0-9][0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
LITERAL = re.compile(rb"(~?)\{([0-9]{1,20})([+-]?)\}\Z")

MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
STRING_LIMIT = 65_536
"""Octets of a string; only messages may be longer."""
DEPTH_LIMIT = 64
"""Lists and SEARCH keys nest at most this deep; deeper ones are refused before they exhaust the stack."""


class Malformed(Exception):
    """The request is not of the grammar: a tagged BAD with this text."""


class Literal(msgspec.Struct, frozen=True):
    """One literal of a request: `content` is its octets, or a stored blob where it is a message; `binary` for `~{n}`."""

    content: Any
    size: int
    binary: bool = False


class LiteralMark(msgspec.Struct, frozen=True):
    """The announcement of a literal at the end of a line."""

    start: int
    size: int
    synchronizing: bool
    binary: bool


def literal_mark(line: bytes) -> LiteralMark | None:
    """The `{n}`, `{n+}` or `~{n}` that ends the line, if one does."""
    if not line.endswith(b"}"):
        return None
    found = LITERAL.search(line, max(0, len(line) - 25))
    if not found:
        return None
    return LiteralMark(found.start(), int(found[2]), found[3] == b"", found[1] == b"~")


class Reader:
    """A cursor over one request.  Every method takes one thing or raises `Malformed`."""

    __slots__ = ("at", "depth", "index", "literals", "pieces", "text")

    def __init__(self, pieces: Sequence[bytes], literals: Sequence[Literal] = (), at: int = 0) -> None:
        self.pieces, self.literals = pieces, literals
        self.index, self.at, self.text, self.depth = 0, at, pieces[0], 0

    # --- looking

    def at_literal(self) -> bool:
        """Whether the next token is a literal."""
        return self.at == len(self.text) and self.index < len(self.literals)

    def at_end(self) -> bool:
        """Whether nothing is left of the request."""
        return self.at == len(self.text) and self.index == len(self.literals)

    def rest(self) -> bytes | None:
        """All that is left, where no literal is in it: what replies that are kept are known by."""
        return None if self.literals else self.text[self.at :]

    def skip_rest(self) -> None:
        """Take all that is left of the text."""
        self.at = len(self.text)

    def peek(self) -> bytes:
        """The next octet of text; empty at a literal or at the end."""
        return self.text[self.at : self.at + 1]

    # --- single tokens

    def match(self, pattern: re.Pattern[bytes], expected: str) -> re.Match[bytes]:
        """What `pattern` matches here."""
        found = pattern.match(self.text, self.at)
        if found is None:
            raise Malformed(f"expected {expected}")
        self.at = found.end()
        return found

    def skip(self, token: bytes) -> bool:
        """Take `token` (compared without case) if it is next."""
        end = self.at + len(token)
        if self.text[self.at : end].upper() != token.upper():
            return False
        self.at = end
        return True

    def expect(self, token: bytes) -> None:
        """Take `token`."""
        if not self.skip(token):
            raise Malformed(f"expected {token.decode('latin-1')!r}")

    def space(self) -> None:
        """Take the space between two arguments."""
        if self.text[self.at : self.at + 1] != b" ":
            raise Malformed("missing argument" if self.at_end() else "expected a space")
        self.at += 1

    def end(self) -> None:
        """Check that the request ends here (a trailing space is forgiven, as by most servers)."""
        if self.peek() == b" " and self.at + 1 == len(self.text) and self.index == len(self.literals):
            self.at += 1
        if not self.at_end():
            raise Malformed("unexpected argument")

    def atom(self) -> bytes:
        """An atom."""
        return self.match(ATOM, "an atom")[0]

    def keyword(self) -> str:
        """An atom read as a name: upper case."""
        return self.atom().decode("ascii").upper()

    def word(self) -> str:
        """A bare word of letters, digits, dots and dashes, in upper case: a FETCH item, a SEARCH key."""
        return self.match(WORD, "a name")[0].decode("ascii").upper()

    def number(self, maximum: int = 0xFFFFFFFF) -> int:
        """A number from 0 to `maximum`."""
        value = int(self.match(NUMBER, "a number")[0])
        if value > maximum:
            raise Malformed("number out of range")
        return value

    def modseq(self) -> int:
        """A mod-sequence: 63 bits (RFC 7162 section 3)."""
        return self.number(0x7FFFFFFFFFFFFFFF)

    def literal(self) -> Literal:
        """A literal."""
        if not self.at_literal():
            raise Malformed("expected a literal")
        taken = self.literals[self.index]
        self.index += 1
        self.at, self.text = 0, self.pieces[self.index]
        return taken

    def quoted(self) -> bytes:
        """A quoted string, without its quotes."""
        value = self.match(QUOTED, "a quoted string")[1]
        return ESCAPED.sub(rb"\1", value) if b"\\" in value else value

    def string(self) -> bytes:
        """A quoted string or a literal."""
        if self.peek() == b'"':
            return self.quoted()
        if not self.at_literal():
            raise Malformed("expected a string")
        taken = self.literal()
        if isinstance(taken.content, bytes):
            return taken.content
        if taken.size > STRING_LIMIT:
            raise Malformed("literal too large here")
        content: bytes = taken.content.bytes()
        return content

    def astring(self) -> bytes:
        """An atom (which may hold `]`) or a string."""
        found = ASTRING.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            return found[0]
        return self.string()

    def nstring(self) -> bytes | None:
        """A string, or None for NIL."""
        if self.peek() != b'"' and self.skip(b"NIL"):
            return None
        return self.string()

    def list_pattern(self) -> bytes:
        """A LIST pattern: an atom that may hold wildcards, or a string."""
        found = LIST_PATTERN.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            return found[0]
        return self.string()

    def flag(self) -> str:
        """A flag or a keyword, as written."""
        return self.match(FLAG, "a flag")[0].decode("ascii")

    def date(self) -> date:
        """A date, quoted or not: `1-Feb-1994`."""
        quoted = self.skip(b'"')
        found = self.match(DATE, "a date")
        if quoted:
            self.expect(b'"')
        try:
            return date(int(found[3]), month_number(found[2]), int(found[1]))
        except ValueError as wrong:
            raise Malformed(f"invalid date: {wrong}") from None

    def date_time(self) -> datetime:
        """A quoted date with time and zone, as APPEND takes it."""
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = self.match(
            DATE_TIME, "a date-time"
        ).groups()
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        try:
            zone = timezone(-offset if sign == b"-" else offset) if offset else UTC
            return datetime(
                int(year), month_number(month), int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone
            )
        except ValueError as wrong:
            raise Malformed(f"invalid date-time: {wrong}") from None

    # --- lists

    def list_of(self, element: Callable[[], T], *, empty: bool = True) -> list[T]:
        """`(a b c)`, each read by `element`."""
        self.expect(b"(")
        self.deeper()
        taken: list[T] = []
        if empty and self.skip(b")"):
            self.depth -= 1
            return taken
        taken.append(element())
        while not self.skip(b")"):
            self.space()
            taken.append(element())
        self.depth -= 1
        return taken

    def deeper(self) -> None:
        """Count one more level of nesting."""
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise Malformed("nested too deeply")

    def flag_list(self) -> list[str]:
        """`(\\Seen $Important)`."""
        return self.list_of(self.flag)


def month_number(name: bytes) -> int:
    """1 to 12 of an English month's first three letters; ValueError if there is none."""
    try:
        return MONTHS.index(name.lower()) + 1
    except ValueError:
        raise ValueError("no such month") from None
