"""Comparing messages: base subjects (RFC 5256), message identifiers, and the i;unicode-casemap key (RFC 5051)."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"[ \t\r\n]+")
_BLOB = re.compile(r"\[[^\[\]]*+\] ?")
_BLOBS = re.compile(r"(?:\[[^\[\]]*+\] ?)*+")
_REPLY_OR_FORWARD = re.compile(r"(?:re|fwd?) ?(?:\[[^\[\]]*+\] ?)?:", re.IGNORECASE | re.ASCII)
_MESSAGE_ID = re.compile(rb"<([^<>]*+)>")
_WHITE = re.compile(rb"[ \t\r\n]+")
_QUOTED_LOCAL = re.compile(rb'"([!#-\[\]-~]*+)"(@.*)', re.DOTALL)


def base_subject(subject: str) -> tuple[str, bool]:
    """The base subject of a decoded Subject (RFC 5256, section 2.1) and whether it was a reply or a forward.

    The case is kept: compare base subjects by `casemap`. Takes linear time, however the prefixes are piled up.
    """
    text = _SPACES.sub(" ", subject)
    start, end, is_reply = 0, len(text), False
    while True:
        start, end, trimmed = _without_trailers(text, start, end)
        start, led = _without_leaders(text, start, end)
        is_reply = is_reply or trimmed or led
        if not (text[start : start + 5].lower() == "[fwd:" and end - start > 5 and text[end - 1] == "]"):
            return text[start:end], is_reply
        start, end, is_reply = start + 5, end - 1, True


def _without_trailers(text: str, start: int, end: int) -> tuple[int, int, bool]:
    found = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif end - start >= 5 and text[end - 5 : end].lower() == "(fwd)":
            end, found = end - 5, True
        else:
            break
    return start, end, found


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    found = False
    while True:
        if text.startswith(" ", start, end):
            start += 1
            continue
        blobs = _BLOBS.match(text, start, end)
        after = blobs.end() if blobs else start
        leader = _REPLY_OR_FORWARD.match(text, after, end)
        if leader:
            start, found = leader.end(), True
            continue
        # No leader stands behind these blobs, so each goes on its own account while something is left.
        while (blob := _BLOB.match(text, start, end)) and blob.end() < end:
            start = blob.end()
        if not text.startswith(" ", start, end):
            return start, found


def message_ids(value: bytes) -> tuple[bytes, ...]:
    """The message identifiers in a Message-ID, In-Reply-To or References value, angle brackets included.

    White space inside is dropped and needless quotes around the local part too; what has no "@" is not one.
    """
    result: list[bytes] = []
    for found in _MESSAGE_ID.finditer(value):
        text = _WHITE.sub(b"", found[1])
        if b"@" in text:
            quoted = _QUOTED_LOCAL.fullmatch(text)
            result.append(b"<%b>" % (quoted[1] + quoted[2] if quoted else text))
    return tuple(result)


def casemap(text: str) -> str:
    """The i;unicode-casemap key of `text` (RFC 5051): simple title case, then full decomposition."""
    if text.isascii():
        return text.upper()
    # Title case that is longer than one character is a special casing, which the RFC leaves out.
    table = {ord(c): t for c in set(text) if len(t := c.title()) == 1 and t != c}
    return unicodedata.normalize("NFKD", text.translate(table))
