"""What is wrong with a message or article, as it was sent."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from .talk import Talk

LONGEST = 998
"""Octets of a line without its end (RFC 5322 section 2.1.1)."""
BARE_LF = re.compile(rb"(?<!\r)\n")
BARE_CR = re.compile(rb"\r(?!\n)")
EMPTY_LINE = re.compile(rb"\r?\n")
HEADER_END = re.compile(rb"(\r?\n)\r?\n")
FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:", re.MULTILINE)
NO_FIELD = re.compile(rb"^(?![!-9;-~]+[ \t]*:|[ \t])[^\r\n]+|\A[ \t]", re.MULTILINE)
COMMENT = re.compile(rb"\([^()]*\)")
DATE = re.compile(
    rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s*,\s*)?[0-9]{1,2}\s+(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+"
    rb"[0-9]{2,}\s+[0-9]{2}\s*:\s*[0-9]{2}(?:\s*:\s*[0-9]{2})?\s*(?:[+-][0-9]{4}|[A-Z]+)",
    re.IGNORECASE,
)
"""date-time and obs-zone (RFC 5322 sections 3.3 and 4.3), comments taken out."""
MESSAGE_ID = re.compile(rb'<(?:"[^"]*"|[^<>@\s"]+)@(?:\[[^\]]*\]|[^<>@\s]+)>')
NOT_ASCII = re.compile(rb"[\x80-\xff]")
ONCE = frozenset(
    b"date from sender reply-to to cc bcc message-id in-reply-to references subject newsgroups path".split()
)
"""Fields that a message has at most once (RFC 5322 section 3.6, RFC 5536 section 3)."""


def header_of(content: bytes) -> bytes:
    """The header, with the line end of its last line."""
    if EMPTY_LINE.match(content):
        return b""
    end = HEADER_END.search(content)
    return content if end is None else content[: end.end(1)]


def names_in(header: bytes) -> list[bytes]:
    """The fields' names in lower case, in order."""
    return [match[1].lower() for match in FIELD.finditer(header)]


@dataclass(frozen=True, slots=True)
class Content:
    """A message as it was sent: its octets, and where each part of it begins in itself and in the client's stream."""

    data: bytes
    parts: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, *chunks: tuple[int, bytes]) -> Content:
        """From its chunks: where each begins in the client's stream, and its octets."""
        begins = accumulate((len(data) for _, data in chunks), initial=0)
        return cls(
            b"".join(data for _, data in chunks), tuple(zip(begins, (start for start, _ in chunks), strict=False))
        )

    def at(self, offset: int) -> int:
        """Where in the client's stream an octet of it is."""
        begins, start = self.parts[bisect_right(self.parts, offset, key=lambda part: part[0]) - 1]
        return start + offset - begins

    def line_at(self, offset: int) -> int:
        """The same of the line that an octet of it stands in."""
        return self.at(self.data.rfind(b"\n", 0, offset) + 1)

    def header(self) -> Content:
        """The header alone."""
        return Content(header_of(self.data), self.parts)


def has_bare(content: bytes) -> bool:
    """Whether there may be a line end that is not CRLF: counting is many times as fast as an expression."""
    whole = content.count(b"\r\n")
    return content.count(b"\n") != whole or content.count(b"\r") != whole


def not_ascii(content: bytes, start: int = 0) -> int:
    """Where the first octet outside ASCII is; -1 where there is none."""
    if content.isascii():
        return -1
    match = NOT_ASCII.search(content, start)
    return -1 if match is None else match.start()


def check_lines(talk: Talk, content: Content, *, stuffed: bool = True) -> None:
    """Line ends, dots and lengths of a message; `stuffed` where a line of one dot ends it (not by BDAT)."""
    data = content.data
    if has_bare(data):
        for name, pattern in (("bare-lf", BARE_LF), ("bare-cr", BARE_CR)):
            if match := pattern.search(data):
                talk.find(name, content.line_at(match.start()), "It stands in a message.")
    if stuffed and (dot := _lone_dot(data)) >= 0:
        talk.find("dot-stuffing", content.at(dot), "The server takes the dot away, and the line is not what it was.")
    if (nul := data.find(b"\0")) >= 0:
        talk.find("message-nul", content.line_at(nul))
    header = len(header_of(data))
    for start, length in _long_lines(data):
        length -= stuffed and data.startswith(b"..", start)
        if length > LONGEST:
            name = "header-too-long" if start < header else "line-too-long"
            talk.find(name, content.at(start), f"It has {length} octets.")


def _lone_dot(data: bytes) -> int:
    """Where a line begins with one dot; -1 where none does."""
    if data[:1] == b"." and data[1:2] != b".":
        return 0
    at = data.find(b"\r\n.")
    while at >= 0 and data[at + 3 : at + 4] == b".":
        at = data.find(b"\r\n.", at + 3)
    return at + 2 if at >= 0 else -1


def _long_lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and length, without its end, of each line that is too long; it looks only as often as lines may end."""
    start = 0
    while len(data) - start > LONGEST:
        end = data.rfind(b"\n", start, start + LONGEST + 1)
        if end < 0:
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            length = end - start - data.endswith(b"\r", start, end)
            if length > LONGEST:
                yield start, length
        start = end + 1


def check_fields(talk: Talk, content: Content, required: tuple[tuple[bytes, str], ...]) -> None:
    """The fields that must be there, those that may be there once only, and what stands in some of them."""
    header = content.header()
    if match := NO_FIELD.search(header.data):
        talk.find("message-header", header.at(match.start()))
    names = Counter(names_in(header.data))
    for name, rule in required:
        if not names[name]:
            talk.find(rule, content.at(0), f"There is no {name.decode().title()}.")
    for name in ONCE:
        if names[name] > 1:
            start, _ = _field(header.data, name)
            talk.find("message-duplicate", header.at(start), f"{name.decode().title()} twice.")
    for name, pattern, rule in ((b"date", DATE, "message-bad-date"), (b"message-id", MESSAGE_ID, "message-bad-id")):
        if names[name]:
            start, value = _field(header.data, name)
            value = COMMENT.sub(b" ", value).strip()
            if b"(" not in value and pattern.fullmatch(value) is None:  # comments in comments are let be
                talk.find(rule, header.at(start))


def _field(header: bytes, name: bytes) -> tuple[int, bytes]:
    """Where a field begins that is in the header, and its value in one line."""
    match = re.search(
        rb"^" + re.escape(name) + rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", header, re.MULTILINE | re.IGNORECASE
    )
    return (match.start(), match[1].replace(b"\r", b"").replace(b"\n", b"")) if match else (0, b"")
