"""Ranges and conditions: what part of a representation is sent, if any (RFC 9110 sections 13 and 14). Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from typing import Literal

import msgspec

MAX_RANGES = 50
"""More ranges than this in one request are an attack rather than a download (RFC 9110 section 17.15)."""
_RANGES = re.compile(r"bytes=([-0-9,\s]*)\Z", re.IGNORECASE)
_RANGE = re.compile(r"[0-9]*-[0-9]*")
_TAG = re.compile(r'(?:W/)?"[^"\x00-\x20\x7f]*"|[^\s,"]+')

Span = tuple[int, int]
"""First octet, and the one after the last."""


class Validators(msgspec.Struct, frozen=True, gc=False):
    """What identifies a version of a representation: an entity-tag as it is sent (quoted), and seconds since 1970."""

    etag: str
    modified: float | None = None


def parse_ranges(value: str, size: int) -> list[Span] | None:
    """The satisfiable spans, [] where none is, None where the field is to be ignored (RFC 9110 section 14.2)."""
    match = _RANGES.match(value)
    if match is None:
        return None
    spans: list[Span] = []
    first_piece, *more = (piece.strip() for piece in match[1].split(","))
    pieces = [first_piece, *filter(None, more)]
    if len(pieces) > MAX_RANGES or not all(map(_RANGE.fullmatch, pieces)):
        return None
    for piece in pieces:
        first, _, last = piece.partition("-")
        if not first and not last:
            return None
        if len(first) > 18 or len(last) > 18:
            first, last = first[:19], last[:19]
        if first and last and int(last) < int(first):
            return None
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start < stop:
            spans.append((start, stop))
    return _worth_it(spans, size)


def _worth_it(spans: list[Span], size: int) -> list[Span] | None:
    """Overlapping spans that would send more than the whole are ignored: they are meant to (RFC 9110 section 17.15)."""
    return None if len(spans) > 1 and sum(stop - start for start, stop in spans) > size else spans


def etags(value: str) -> list[str]:
    """The entity-tags of a list; tags without quotes are taken too, for clients send them."""
    return [match[0] for match in _TAG.finditer(value)]


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/").strip('"')


def matches(value: str, etag: str, *, weak: bool) -> bool:
    """Whether a list of entity-tags, or `*`, holds this one, by weak or strong comparison (RFC 9110 section 8.8.3.2)."""
    if value.strip() == "*":
        return True
    if weak:
        return _opaque(etag) in map(_opaque, etags(value))
    return not etag.startswith("W/") and any(
        not tag.startswith("W/") and _opaque(tag) == _opaque(etag) for tag in etags(value)
    )


def parse_date(value: str) -> float | None:
    """An HTTP date in any of its three forms as seconds since 1970 (RFC 9110 section 5.6.7)."""
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def http_date(seconds: float) -> str:
    """Seconds since 1970 as an IMF-fixdate."""
    return formatdate(int(seconds), usegmt=True)


def evaluate(headers: Mapping[str, str], method: str, known: Validators) -> Literal["go", "unchanged", "failed"]:
    """RFC 9110 section 13.2.2: go on, 304, or 412."""
    if (wanted := headers.get("if-match")) is not None:
        if not matches(wanted, known.etag, weak=False):
            return "failed"
    elif _changed_after(headers, "if-unmodified-since", known) is True:
        return "failed"
    reading = method in ("GET", "HEAD")
    if (unwanted := headers.get("if-none-match")) is not None:
        if matches(unwanted, known.etag, weak=True):
            return "unchanged" if reading else "failed"
    elif reading and _changed_after(headers, "if-modified-since", known) is False:
        return "unchanged"
    return "go"


def _changed_after(headers: Mapping[str, str], name: str, known: Validators) -> bool | None:
    """Whether it changed after the date in that field; None where there is no date on one side."""
    value = headers.get(name)
    since = None if value is None else parse_date(value)
    return None if since is None or known.modified is None else int(known.modified) > since


def wanted_spans(headers: Mapping[str, str], method: str, size: int, known: Validators) -> list[Span] | None:
    """The spans to send, [] for 416, None for the whole; If-Range decides (RFC 9110 section 13.1.5)."""
    value = headers.get("range")
    if value is None or method != "GET":
        return None
    condition = headers.get("if-range")
    if condition is not None:
        if condition.startswith(('"', "W/")):
            if not matches(condition, known.etag, weak=False):
                return None
        elif known.modified is None or parse_date(condition) != int(known.modified):
            return None
    return parse_ranges(value, size)
