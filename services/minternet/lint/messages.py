"""What is wrong with a message or article, as it was sent."""

from __future__ import annotations

import re
from collections import Counter

from .talk import Talk

LONGEST = 998
"""Octets of a line without its end (RFC 5322 section 2.1.1)."""
BARE_LF = re.compile(rb"(?<!\r)\n")
BARE_CR = re.compile(rb"\r(?!\n)")
LONE_DOT = re.compile(rb"(?:\A|(?<=\r\n))\.(?!\.)")
LONG = re.compile(rb"^[^\r\n]{%d,}" % (LONGEST + 1), re.MULTILINE)
EMPTY_LINE = re.compile(rb"\r?\n")
HEADER_END = re.compile(rb"(\r?\n)\r?\n")
FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:", re.MULTILINE)
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


def check_lines(talk: Talk, start: int, content: bytes, *, stuffed: bool = True) -> None:
    """Line ends, dots and lengths of a message that begins at an octet of the client's stream."""
    for name, pattern in (("bare-lf", BARE_LF), ("bare-cr", BARE_CR)):
        if match := pattern.search(content):
            begins = content.rfind(b"\n", 0, match.start()) + 1
            talk.find(name, start + begins, "It stands in a message.")
    if stuffed and (match := LONE_DOT.search(content)):
        talk.find(
            "dot-stuffing", start + match.start(), "The server takes the dot away, and the line is not what it was."
        )
    _check_lengths(talk, start, content, stuffed)


def _check_lengths(talk: Talk, start: int, content: bytes, stuffed: bool) -> None:
    header = len(header_of(content))
    for match in LONG.finditer(content):
        length = match.end() - match.start()
        if stuffed and match[0].startswith(b".."):
            length -= 1
        if length > LONGEST:
            name = "header-too-long" if match.start() < header else "line-too-long"
            talk.find(name, start + match.start(), f"It has {length} octets.")


def check_fields(talk: Talk, start: int, header: bytes, required: tuple[tuple[bytes, str], ...]) -> None:
    """The fields that must be there, and those that may be there once only."""
    names = Counter(names_in(header))
    for name, rule in required:
        if not names[name]:
            talk.find(rule, start, f"There is no {name.decode().title()}.")
    for name in ONCE:
        if names[name] > 1:
            where = re.search(rb"^" + re.escape(name) + rb"[ \t]*:", header, re.MULTILINE | re.IGNORECASE)
            talk.find("message-duplicate", start + (where.start() if where else 0), f"{name.decode().title()} twice.")
