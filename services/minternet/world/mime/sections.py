"""IMAP's section numbers and names (RFC 3501, section 6.4.5) on a parsed message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from minternet.world.mime.headers import FIELD
from minternet.world.mime.structure import Part

SectionName = Literal["HEADER", "TEXT", "MIME"]


def find_part(root: Part, path: Sequence[int]) -> Part | None:
    """The part with number `path`, () being the message itself; None where there is none.

    Part 1 of a non-multipart is that part itself; numbers below a message/rfc822 count the parts of its message.
    """
    part = root
    for depth, number in enumerate(path, 1):
        last = depth == len(path)
        if part.is_multipart:
            if not 0 < number <= len(part.parts):
                return None
            part = part.parts[number - 1]
        elif number != 1 or not (last or part.is_message):
            return None
        if part.message is not None and not last:
            part = part.message
    return part


def locate(root: Part, path: Sequence[int], what: SectionName | None = None) -> Part | None:
    """The part whose header or body `section` would return: below a path, HEADER and TEXT belong to the message inside."""
    part = find_part(root, path)
    if part is None or not path:
        return None if what == "MIME" else part
    return part.message if what in ("HEADER", "TEXT") else part


def section(content: bytes, root: Part, path: Sequence[int], what: SectionName | None = None) -> tuple[int, int] | None:
    """Start and end of BODY[path] or BODY[path.what] in the content; None where no such section exists."""
    part = locate(root, path, what)
    if part is None:
        return None
    if what in ("HEADER", "MIME"):
        return part.header_start, part.body_start
    if what is None and not path:
        return 0, len(content)
    return part.body_start, part.end


def select_headers(content: bytes, part: Part, names: Iterable[bytes], invert: bool = False) -> bytes:
    """The header lines of `part` with (or, inverted, without) these names, exact, and the empty line at the end.

    Inverted, a header that has no empty line gets none (RFC 9051, section 6.4.5.1).

    For HEADER.FIELDS of a section, `part` is what `locate` gives for its path and "HEADER".
    """
    wanted = frozenset(name.lower() for name in names)
    lines: list[bytes] = []
    ends = False
    position, end = part.header_start, part.body_start
    while position < end and (found := FIELD.match(content, position, end)):
        name = found[1].rstrip(b" \t\r").lower()
        if not name and not found[2]:
            ends = True
        elif (name in wanted) is not invert:
            lines.append(found[0])
        position = found.end()
    if invert and not ends:
        return b"".join(lines)
    if lines and not lines[-1].endswith(b"\n"):
        lines.append(b"\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)
