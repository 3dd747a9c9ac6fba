"""Writing values as IMAP has them: strings, dates, flags, lists (RFC 3501 section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from .reader import ATOM

QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*\Z")
QUOTED_SPECIALS = re.compile(rb'([\\"])')
QUOTED_LIMIT = 4096
"""Octets of a quoted string we send: RFC 2683 section 3.2.1.5 asks for bounded lines, a literal has no bound."""
MONTH_NAMES = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")


def string(value: bytes, *, utf8: bool = False) -> bytes:
    """A string: quoted where it can be, else a literal."""
    if len(value) <= QUOTED_LIMIT and (QUOTABLE.match(value) or (utf8 and quotable_utf8(value))):
        return b'"' + (QUOTED_SPECIALS.sub(rb"\\\1", value) if b'"' in value or b"\\" in value else value) + b'"'
    return literal(value)


def quotable_utf8(value: bytes) -> bool:
    """Whether the octets may stand between quotes once the client understands UTF-8 (RFC 6855)."""
    if b"\r" in value or b"\n" in value or b"\0" in value:
        return False
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def nstring(value: bytes | None, *, utf8: bool = False) -> bytes:
    """A string, or NIL."""
    return b"NIL" if value is None else string(value, utf8=utf8)


def literal(value: bytes) -> bytes:
    """A literal; octets NUL cannot be in one, and are sent as 0x80 in the manner of Dovecot."""
    if b"\0" in value:
        value = value.replace(b"\0", b"\x80")
    return b"{%d}\r\n%b" % (len(value), value)


def astring(value: bytes, *, utf8: bool = False) -> bytes:
    """An atom where it can be one, else a string; never the atom NIL."""
    if ATOM.fullmatch(value) and value.upper() != b"NIL":
        return value
    return string(value, utf8=utf8)


def date_time(moment: datetime) -> bytes:
    """`" 1-Feb-1994 21:52:25 -0800"`, in quotes."""
    if moment.tzinfo is UTC:
        return b'"%2d-%b-%04d %02d:%02d:%02d +0000"' % (
            moment.day, MONTH_NAMES[moment.month - 1], moment.year, moment.hour, moment.minute, moment.second,
        )  # fmt: skip
    offset = moment.utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds()) // 60
    sign = b"-" if minutes < 0 else b"+"
    hours, minutes = divmod(abs(minutes), 60)
    return b'"%2d-%b-%04d %02d:%02d:%02d %b%02d%02d"' % (
        moment.day, MONTH_NAMES[moment.month - 1], moment.year, moment.hour, moment.minute, moment.second, sign, hours, minutes,
    )  # fmt: skip


SYSTEM_ORDER = {"\\Answered": 0, "\\Flagged": 1, "\\Deleted": 2, "\\Seen": 3, "\\Draft": 4}


def flag_order(flag: str) -> tuple[int, str]:
    """System flags first, in the RFC's order, keywords by name."""
    return SYSTEM_ORDER.get(flag, 9), flag


def flag_list(flags: Iterable[str]) -> bytes:
    """Flags in a fixed order, without parentheses."""
    return " ".join(sorted(flags, key=flag_order)).encode("ascii", "replace")
