"""Bodies as text: decoded parts, file names, and the PREVIEW of a message (RFC 8970)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from minternet.world.mime.charsets import decode_bytes, decode_transfer
from minternet.world.mime.parameters import decoded_parameter
from minternet.world.mime.structure import Part

_PREVIEW_OCTETS = 64 * 1024
"""Octets of an encoded body that a preview looks at; a preview has 256 characters at most (RFC 8970, section 3.1)."""

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)[^<>]*>?")
_HIDDEN = frozenset(("head", "style", "script", "title", "blockquote"))
_INLINE = frozenset(
    ("a", "b", "i", "u", "s", "em", "strong", "span", "font", "small", "big", "sub", "sup", "code", "tt")
)


def parameter(part: Part, name: str) -> str | None:
    """A Content-Type parameter, decoded (RFC 2231, encoded words, raw 8-bit)."""
    return decoded_parameter(part.parameters, name)


def disposition_parameter(part: Part, name: str) -> str | None:
    """A Content-Disposition parameter, decoded the same way."""
    return decoded_parameter(part.disposition_parameters, name)


def filename(part: Part) -> str | None:
    """The file name an attachment goes by."""
    return disposition_parameter(part, "filename") or parameter(part, "name")


def charset_of(part: Part) -> str:
    """The charset the part names, lower-case; us-ascii where it names none."""
    return (parameter(part, "charset") or "us-ascii").strip().lower()


def decoded(content: bytes, part: Part) -> bytes | None:
    """The body with its transfer encoding undone; None where that encoding is unknown."""
    return decode_transfer(content[part.body_start : part.end], part.encoding)


def text(content: bytes, part: Part) -> str:
    """The body as text; the raw octets are decoded where the transfer encoding is unknown."""
    return _text(content[part.body_start : part.end], part)


def _text(body: bytes, part: Part) -> str:
    data = decode_transfer(body, part.encoding)
    return decode_bytes(body if data is None else data, charset_of(part))


def leaves(root: Part) -> Iterator[Part]:
    """All parts that hold no others, in order, those of messages inside included."""
    if root.is_multipart:
        for part in root.parts:
            yield from leaves(part)
    elif root.message is not None:
        yield from leaves(root.message)
    else:
        yield root


def preview(content: bytes, root: Part, limit: int = 200) -> str:
    """The first `limit` characters of the text, white space collapsed; lines quoted with ">" count only if alone."""
    part = _readable(root)
    if part is None:
        return ""
    body = _text(content[part.body_start : min(part.end, part.body_start + _PREVIEW_OCTETS)], part)
    if part.subtype in ("html", "xhtml", "xhtml+xml"):
        return _shortened((_without_markup(body),), limit)
    own = (line for line in body.split("\n") if not line.startswith(">"))
    return _shortened(own, limit) or _shortened((body,), limit)


def _readable(root: Part) -> Part | None:
    """The text to show: the first plain one that is no attachment, else the first HTML, else any first text."""
    texts = [part for part in leaves(root) if part.is_text and (part.disposition or b"").lower() != b"attachment"]
    for subtype in ("plain", "html"):
        for part in texts:
            if part.subtype == subtype:
                return part
    return texts[0] if texts else None


def _shortened(lines: Iterable[str], limit: int) -> str:
    words: list[str] = []
    length = 0
    for line in lines:
        for word in line.replace("\0", "").replace("\ufeff", "").split():
            words.append(word)
            length += len(word) + 1
        if length > limit:
            break
    return " ".join(words)[:limit].rstrip()


def _without_markup(body: str) -> str:
    """HTML as text: no tags, no comments, no head, style, script or quoted block; entities decoded."""
    import html

    pieces: list[str] = []
    position = 0
    hidden: list[str] = []
    while (start := body.find("<", position)) >= 0:
        if not hidden:
            pieces.append(body[position:start])
        if body.startswith("<!--", start):
            position = _after(body, "-->", start)
            continue
        tag = _TAG.match(body, start)
        if not tag:
            declaration = body.startswith(("<!", "<?"), start)
            position = _after(body, ">", start) if declaration else start + 1
            if not (declaration or hidden):
                pieces.append("<")
            continue
        position = tag.end()
        name = tag[2].lower()
        if name in ("style", "script") and not tag[1]:
            position = _after_end_tag(body, name, position)
        elif name in _HIDDEN:
            if not tag[1]:
                hidden.append(name)
            elif name in hidden:
                del hidden[hidden.index(name) :]
        elif name == "body":
            hidden.clear()
        if name not in _INLINE and not hidden:
            pieces.append(" ")
    if not hidden:
        pieces.append(body[position:])
    return html.unescape("".join(pieces))


def _after(body: str, needle: str, start: int) -> int:
    found = body.find(needle, start)
    return len(body) if found < 0 else found + len(needle)


def _after_end_tag(body: str, name: str, start: int) -> int:
    found = re.compile(rf"</{name}[^<>]*>?", re.IGNORECASE).search(body, start)
    return found.end() if found else len(body)
