"""Header fields of a message or body part, as byte ranges of the one content buffer.

A header ends at the first empty line (CRLF or a bare LF), or where the content ends. A line that begins with a space
or a tab continues the field before it. A line without a colon is a field whose name is the whole line: it does not end
the header. Nothing here looks at a line twice, so a hundred thousand header lines cost a hundred thousand steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

NUL_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()  # no IMAP string may hold NUL (RFC 3501, section 9)

_EMPTY_LINE = re.compile(rb"\n\r?\n")
FIELD = re.compile(rb"([^\n:]*+)(:?)([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_LINE_END_BEFORE_SPACE = re.compile(rb"[\r\n]+(?=[ \t]|\Z)")
_LINE_END = re.compile(rb"[\r\n]+")
_SPACES = re.compile(rb"[ \t\r\n]+")


class HeaderField(msgspec.Struct, frozen=True):
    """One header field: `value` is what follows the colon, folding included, final line end not; [start, end) has it all."""

    name: bytes
    value: bytes
    start: int
    end: int


def header_end(content: bytes, start: int = 0) -> int:
    """Where the body begins: the offset just after the empty line, or the length of the content."""
    if content.startswith(b"\r\n", start):
        return start + 2
    if content.startswith(b"\n", start):
        return start + 1
    found = _EMPTY_LINE.search(content, start)
    return found.end() if found else len(content)


def fields_between(content: bytes, start: int, end: int) -> Iterator[HeaderField]:
    """The fields of a header whose limits are known; its empty line, if it is inside, is no field."""
    position = start
    while position < end:
        found = FIELD.match(content, position, end)
        if found is None:
            return
        name, colon, value = found.groups()
        if not colon:
            name = name.removesuffix(b"\r")
            if not name and not value:
                return
        yield HeaderField(name.rstrip(b" \t"), value.removesuffix(b"\r"), position, found.end())
        position = found.end()


def header_fields(content: bytes, start: int = 0) -> tuple[HeaderField, ...]:
    """All fields of the header that begins at `start`, in order."""
    return tuple(fields_between(content, start, header_end(content, start)))


def _find(content: bytes, lowered: bytes, name: bytes, start: int, position: int) -> tuple[bytes, int] | None:
    """The first field `name` at or after `position` in `lowered` (the header, which begins at `start`), and its end."""
    needle = b"\n" + name
    line = position if lowered.startswith(name, position) else _after_line_feed(lowered.find(needle, position))
    while line is not None:
        colon = line + len(name)
        while lowered.startswith((b" ", b"\t"), colon):
            colon += 1
        if lowered.startswith(b":", colon):
            end = lowered.find(b"\n", colon)
            while end >= 0 and lowered.startswith((b" ", b"\t"), end + 1):
                end = lowered.find(b"\n", end + 1)
            end = len(lowered) if end < 0 else end
            return unfold(content[start + colon + 1 : start + end]).strip(b" \t\r\n"), end
        line = _after_line_feed(lowered.find(needle, colon))
    return None


def _after_line_feed(found: int) -> int | None:
    return found + 1 if found >= 0 else None


def first_header(content: bytes, name: bytes, start: int = 0, end: int | None = None) -> bytes | None:
    """The unfolded, stripped value of the first field called `name`, or None; `end` saves looking for the header's end."""
    lowered = content[start : header_end(content, start) if end is None else end].lower()
    found = _find(content, lowered, name.lower(), start, 0)
    return found[0] if found else None


def all_headers(content: bytes, name: bytes, start: int = 0, end: int | None = None) -> tuple[bytes, ...]:
    """The unfolded, stripped values of all fields called `name`, in order."""
    lowered = content[start : header_end(content, start) if end is None else end].lower()
    name = name.lower()
    values: list[bytes] = []
    found = _find(content, lowered, name, start, 0)
    while found:
        values.append(found[0])
        found = _find(content, lowered, name, start, found[1])
    return tuple(values)


def first_headers(header: bytes, pattern: re.Pattern[bytes]) -> dict[bytes, bytes]:
    """What `first_header` gives for each field that `field_pattern` was made for, by name in lower case, in one look."""
    found: dict[bytes, bytes] = {}
    for match in pattern.finditer(header):
        name = match[1].lower()
        if name not in found:
            found[name] = unfold(match[2]).strip(b" \t\r\n")
    return found


def field_pattern(*names: bytes) -> re.Pattern[bytes]:
    """The pattern of fields with these names, for `first_headers`."""
    alternatives = b"|".join(map(re.escape, names))
    return re.compile(rb"^(" + alternatives + rb")[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE | re.MULTILINE)


def unfold(value: bytes) -> bytes:
    """The value on one line (RFC 5322, section 2.2.3): line ends before white space go, the white space stays."""
    return _FOLD.sub(b"", value) if b"\n" in value else value


def full_value(raw: bytes) -> bytes:
    """A field's value as IMAP reads it: no white space after the colon, LF between folded lines, no NUL."""
    value = raw.removesuffix(b"\r").replace(b"\r\n", b"\n")
    stripped = value.lstrip(b" \t")
    # A value of nothing but white space loses one octet only, as the reference does it.
    value = stripped or value[1:]
    return value.replace(b"\0", NUL_REPLACEMENT) if b"\0" in value else value


def without_line_ends(value: bytes) -> bytes:
    """The value with its line ends dropped, a space put where two words would otherwise touch."""
    if b"\n" not in value and b"\r" not in value:
        return value
    return _LINE_END.sub(b" ", _LINE_END_BEFORE_SPACE.sub(b"", value))


def tidy(value: bytes) -> bytes:
    """The value for people: runs of white space become one space, none at either end."""
    return _SPACES.sub(b" ", value).strip(b" ")
