"""Wildmats (RFC 3977 section 4): patterns parted by commas, of which the rightmost that matches decides.

`*` stands for any characters, `?` for one, `!` before a pattern takes away what it matches. Sets such as `[a-z]` and
`[^0-9]` and a backslash before a character, which the RFC leaves to servers, mean what they mean to INN. A wildmat becomes
one regular expression. What lies between two stars is looked for once and never again (an atomic group), so no
pattern takes more than time proportional to its length times the text's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

CACHED = 512
"""Wildmats kept compiled; clients repeat themselves."""
NOTHING = "(?!)"


class Malformed(ValueError):
    """A wildmat that breaks the grammar."""


class Wildmat(msgspec.Struct, frozen=True):
    """A compiled wildmat."""

    expression: re.Pattern[str]
    wanted: tuple[bool, ...]

    def matches(self, text: str) -> bool:
        """Whether the rightmost pattern that matches the whole text is one without `!`."""
        found = self.expression.match(text)
        return found is not None and found.lastindex is not None and self.wanted[found.lastindex - 1]


@lru_cache(maxsize=CACHED)
def wildmat(text: str) -> Wildmat:
    """The wildmat of that text, such as `comp.*,!comp.os.*`; Malformed."""
    patterns = _parts(text)[::-1]
    wanted = tuple(not pattern.startswith("!") for pattern in patterns)
    expressions = "|".join(f"({translated(pattern.removeprefix('!'))})" for pattern in patterns)
    return Wildmat(re.compile(expressions, re.DOTALL), wanted)


@lru_cache(maxsize=CACHED)
def simple(text: str) -> Wildmat:
    """One pattern, in which commas and `!` are themselves (XPAT); Malformed."""
    return Wildmat(re.compile(f"({translated(text)})", re.DOTALL), (True,))


def translated(pattern: str) -> str:
    """A pattern as a regular expression for the whole text."""
    if not pattern:
        raise Malformed("a pattern is empty")
    segments = [""]
    for piece in _pieces(pattern):
        if piece == "*":
            segments.append("")
        else:
            segments[-1] += piece
    first, *middle = segments
    if not middle:
        return first + r"\Z"
    *middle, last = middle
    return first + "".join(f"(?>.*?{segment})" for segment in middle if segment) + f".*{last}" + r"\Z"


def _pieces(pattern: str) -> Iterator[str]:
    """The pattern's characters and sets as regular expressions; a star stays a star."""
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            yield "*"
        elif character == "?":
            yield "."
        elif character == "[":
            end = _end_of_set(pattern, at)
            yield _set(pattern[at:end])
            at = end + 1
        elif character == "\\":
            if at == len(pattern):
                raise Malformed("nothing comes after the last backslash")
            yield re.escape(pattern[at])
            at += 1
        else:
            yield re.escape(character)


def _parts(text: str) -> list[str]:
    """The patterns between the commas; a comma in a set or after a backslash parts nothing."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "[":
            at = _end_of_set(text, at + 1)
        elif text[at] == "\\":
            at += 1
        elif text[at] == ",":
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _end_of_set(pattern: str, start: int) -> int:
    """Where the set that begins at `start` has its bracket; one that comes first is a member."""
    first = start + pattern.startswith("^", start)
    end = pattern.find("]", first + 1)
    if end < 0:
        raise Malformed("a set has no end: ] is missing")
    return end


def _set(members: str) -> str:
    negated, members = members.startswith("^"), members.removeprefix("^")
    inside, at = "", 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            low, high = members[at], members[at + 2]
            inside += f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
            at += 3
        else:
            inside += re.escape(members[at])
            at += 1
    if not inside:
        return "." if negated else NOTHING
    return f"[{'^' if negated else ''}{inside}]"
