"""The arguments of commands, read from octets: numbers, ranges, message-ids, times, wildmats. A wrong one is a Refusal 501."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ..commands import Refusal
from .wildmat import Malformed, Wildmat, wildmat

MESSAGE_ID: Final = re.compile(rb"<[\x21-\x3d\x3f-\x7e]{1,248}>")
"""RFC 3977 section 3.6: 3 to 250 octets of printable ASCII."""
RANGE: Final = re.compile(rb"([0-9]{1,16})(-([0-9]{1,16})?)?")
KEYWORD: Final = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{2,}")
FIELD_NAME: Final = re.compile(rb":?[\x21-\x39\x3b-\x7e]+")
DIGITS: Final = 16
"""Of an article number, at most (RFC 3977 section 9.8)."""
LAST_NUMBER: Final = 10**DIGITS
ZONES: Final = frozenset({b"GMT", b"UTC"})
"""RFC 3977 knows GMT; pynntp says UTC."""
SHOWN: Final = 60
"""Characters of a client's words that a reply repeats."""


def shown(argument: bytes | str) -> str:
    """A client's words as a reply may repeat them: short, printable, one line."""
    text = argument.decode("utf-8", "replace") if isinstance(argument, bytes) else argument
    cut = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    return "".join(character if character.isprintable() else "?" for character in cut)


def wrong(what: str, argument: bytes) -> Refusal:
    """A syntax error in an argument."""
    return Refusal("501", f"{shown(argument)} is no {what}")


def number_of(argument: bytes) -> int:
    """An article number."""
    if not argument.isdigit() or len(argument) > DIGITS:
        raise wrong("article number or message-id", argument)
    return int(argument)


def range_of(argument: bytes) -> tuple[int, int]:
    """`n`, `n-` or `n-m`: the first and the last number; the second is before the first where nothing is meant."""
    found = RANGE.fullmatch(argument)
    if found is None:
        raise wrong("range", argument)
    first = int(found[1])
    if found[3] is not None:
        return first, int(found[3])
    return first, LAST_NUMBER if found[2] else first


def message_id_of(argument: bytes) -> str:
    """A message-id with its angle brackets."""
    if MESSAGE_ID.fullmatch(argument) is None:
        raise wrong("message-id", argument)
    return argument.decode("ascii")


def wildmat_of(argument: bytes) -> Wildmat:
    """A wildmat."""
    try:
        return wildmat(argument.decode())
    except (Malformed, UnicodeDecodeError) as error:
        raise Refusal("501", f"{shown(argument)} is no wildmat: {shown(str(error))}") from None


def group_of(argument: bytes) -> str:
    """A group's name; one that is not UTF-8 is the name of none."""
    return argument.decode("utf-8", "replace")


def keyword_of(argument: bytes) -> str:
    """A keyword of RFC 3977 section 9.8, in capitals."""
    if KEYWORD.fullmatch(argument) is None:
        raise wrong("keyword", argument)
    return argument.decode("ascii").upper()


def field_of(argument: bytes) -> bytes:
    """The name of a header field, or of a metadata item with its colon, in small letters."""
    if FIELD_NAME.fullmatch(argument) is None:
        raise wrong("header field", argument)
    return argument.lower()


def moment_of(arguments: list[bytes], now: datetime) -> float:
    """Date, time and maybe GMT (RFC 3977 section 7.3) as seconds since 1970. The server's own zone is UTC too."""
    date, time, *zone = arguments
    if len(date) not in (6, 8) or len(time) != 6 or not (date + time).isdigit():
        raise wrong("date and time", date + b" " + time)
    if zone and zone[0].upper() not in ZONES:
        raise wrong("zone: only GMT is", zone[0])
    year = int(date[:-4])
    if len(date) == 6:
        century = now.year // 100 * 100
        year += century if year <= now.year % 100 else century - 100
    parts = (date[-4:-2], date[-2:], time[:2], time[2:4], time[4:])
    month, day, hour, minute, second = map(int, parts)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        raise wrong("date and time", date + b" " + time) from None
    if second > 60:
        raise wrong("date and time", date + b" " + time)
    return moment.timestamp()
