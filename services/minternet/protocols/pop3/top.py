"""How much of a message TOP sends (RFC 1939 section 7)."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap

LINE_END = re.compile(rb"\n")


def end_of_top(content: bytes | mmap.mmap, lines: int) -> int:
    """Where the header, the empty line after it and that many lines of the body end (TOP, RFC 1939 section 7)."""
    body = _start_of_body(content)
    if lines == 0 or body == len(content):
        return body
    line_ends = LINE_END.finditer(content, body)
    last = next(islice(line_ends, min(lines, len(content)) - 1, None), None)
    return len(content) if last is None else last.end()


def _start_of_body(content: bytes | mmap.mmap) -> int:
    """After the first empty line, ended by CRLF or LF; at the end where there is none."""
    if content[:2] == b"\r\n" or content[:1] == b"\n":
        return 2 if content[:2] == b"\r\n" else 1
    crlf = content.find(b"\n\r\n")
    bare = content.find(b"\n\n", 0, len(content) if crlf < 0 else crlf + 1)
    if bare >= 0:
        return bare + 2
    return len(content) if crlf < 0 else crlf + 3
