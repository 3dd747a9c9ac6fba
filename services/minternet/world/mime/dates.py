"""The Date field, read tolerantly (RFC 5322, sections 3.3 and 4.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from minternet.world.mime.headers import first_header

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_HOURS = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_TIME = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:\.\d+)?)?"
_ZONE = r"(?:\s*(?P<zone>[+-]\d{2}:?\d{2}|[A-Za-z]{1,5}))?"
_MAIL_DATE = re.compile(
    r"\s*(?:[^\W\d]+\.?\s*,?\s*)?(?P<day>\d{1,2})[\s-]+(?P<month>[A-Za-z]{3})[A-Za-z]*\.?[\s,-]+(?P<year>\d{2,4}),?\s+"
    + _TIME
    + _ZONE
)
# Seldom seen, so `re` compiles them when they are: it is a good part of what importing this costs.
_ASCTIME = r"\s*[^\W\d]+,?\s+(?P<month>[A-Za-z]{3})\s+(?P<day>\d{1,2})\s+" + _TIME + _ZONE + r"\s+(?P<year>\d{4})"
_ISO = r"\s*(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T ]" + _TIME + _ZONE
_COMMENT = r"\([^()]*\)"
_LONGEST_DATE = 200


def sent_date(content: bytes) -> datetime | None:
    """When the message says it was sent: its first Date field, aware; None where that is missing or unreadable."""
    value = first_header(content, b"date")
    return None if value is None else parse_date(value)


def parse_date(value: bytes) -> datetime | None:
    """The date-time of a Date value; asctime and ISO forms are understood too, an unknown zone counts as UTC."""
    text = value[:_LONGEST_DATE].decode("latin-1")
    if "(" in text:
        text = re.sub(_COMMENT, " ", text)
    found = _MAIL_DATE.match(text) or re.match(_ASCTIME, text) or re.match(_ISO, text)
    if not found:
        return None
    month = found["month"]
    try:
        return datetime(
            _year(found["year"]),
            int(month) if month.isdigit() else _MONTHS[month.lower()],
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            min(int(found["second"] or 0), 59),  # a leap second
            tzinfo=_zone(found["zone"] or ""),
        )
    except (ValueError, KeyError):
        return None


def _year(digits: str) -> int:
    """Two and three digits count as RFC 5322, section 4.3 says."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _zone(name: str) -> timezone:
    if name[:1] in ("+", "-"):
        digits = name[1:].replace(":", "")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        if not minutes or minutes >= 24 * 60:
            return UTC
        return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))
    hours = _HOURS.get(name.upper())
    # Military letters were defined backwards in RFC 822, so RFC 5322 has them mean no more than UTC.
    return timezone(timedelta(hours=hours)) if hours else UTC
