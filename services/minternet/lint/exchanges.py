"""HTTP/1 requests and replies out of the octets of a conversation, and what is wrong with how they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .talk import Stream, Talk

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") (\S+) (HTTP/[0-9]\.[0-9])\Z")
STATUS_LINE = re.compile(rb"(HTTP/[0-9]\.[0-9]) ([0-9]{3})(?: (.*))?\Z", re.DOTALL)
TARGET = re.compile(rb"[!-~]+\Z")
NAME = re.compile(TOKEN + rb"\Z")
CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?\Z", re.DOTALL)
NO_BODY = frozenset((204, 304))


class Unreadable(Exception):
    """What follows is not HTTP/1, or does not say where it ends."""


@dataclass(slots=True)
class Part:
    """A request or a reply: where it begins in its stream, its words, fields in order, and the body without its framing."""

    start: int
    words: tuple[bytes, bytes, bytes]
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    body_octets: int = 0
    """As they were sent, with chunk lines."""
    head_octets: int = 0
    whole: bool = False
    breaches: list[tuple[str, int, str]] = field(default_factory=list)

    def values(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        return [value for known, value in self.fields if known.lower() == name]

    def value(self, name: bytes) -> bytes:
        """A field's value; b"" where there is none."""
        return b", ".join(self.values(name))


@dataclass(slots=True)
class Exchange:
    """A request, the interim replies, and the final one where it came."""

    request: Part
    reply: Part | None = None
    interim: list[Part] = field(default_factory=list)


def exchanges(talk: Talk) -> list[Exchange]:
    """The exchanges of a conversation, as far as they can be read."""
    found: list[Exchange] = []
    replies_readable = True
    while (request := read_request(talk.client)) is not None:
        exchange = Exchange(request)
        found.append(exchange)
        if replies_readable:
            replies_readable = _read_replies(talk.server, exchange)
        switched = exchange.reply is not None and exchange.reply.words[1] == b"101"
        if switched or not request.whole:
            break
    return found


def _read_replies(stream: Stream, exchange: Exchange) -> bool:
    """Read up to the final reply; whether what follows can be read."""
    try:
        while (reply := _read_reply(stream, exchange.request.words[0])) is not None:
            if reply.words[1].startswith(b"1") and reply.words[1] != b"101":
                exchange.interim.append(reply)
                continue
            exchange.reply = reply
            return reply.whole
    except Unreadable:
        pass
    return False


def read_request(stream: Stream) -> Part | None:
    """The next request; None where there is none, or what is there is not HTTP/1."""
    line = stream.line()
    while line is not None and not line.data:
        line = stream.line()
    if line is None:
        return None
    match = REQUEST_LINE.match(line.data)
    if match is None:
        return _broken_request(line.start, line.data, line.end)
    if match[3] == b"HTTP/2.0":
        return None
    part = Part(line.start, (match[1], match[2], match[3]))
    if line.end == b"\n":
        part.breaches.append(("bare-lf", line.start, ""))
    if TARGET.match(match[2]) is None or b"#" in match[2]:
        part.breaches.append(("http-request-line", line.start, ""))
    try:
        _read_fields(stream, part)
        length = _request_length(part)
        _read_body(stream, part, length)
    except Unreadable:
        pass
    return part


def _broken_request(start: int, line: bytes, end: bytes) -> Part | None:
    if b" HTTP/1." not in line or line[:1] in (b"\x16", b"\x80"):
        return None
    part = Part(start, (line.split(b" ")[0], b"", b""))
    part.breaches.append(("http-request-line", start, ""))
    return part


def _read_reply(stream: Stream, method: bytes) -> Part | None:
    line = stream.line()
    if line is None:
        return None
    match = STATUS_LINE.match(line.data)
    if match is None:
        raise Unreadable
    part = Part(line.start, (match[1], match[2], match[3] or b""))
    _read_fields(stream, part)
    status = int(match[2])
    if status < 200 or status in NO_BODY or method == b"HEAD" or (method == b"CONNECT" and status < 300):
        part.whole = True
        return part
    if part.value(b"transfer-encoding").lower().endswith(b"chunked"):
        _read_body(stream, part, None)
    elif part.values(b"content-length"):
        _read_body(stream, part, _one_length(part))
    else:
        _read_body(stream, part, len(stream.data) - stream.at)
    return part


def _read_fields(stream: Stream, part: Part) -> None:
    """The fields up to the empty line, breaches noted; Unreadable."""
    while (line := stream.line()) is not None:
        if line.end == b"\n":
            part.breaches.append(("bare-lf", line.start, ""))
        if not line.data:
            part.head_octets = stream.at - part.start
            return
        if line.data[:1] in b" \t":
            part.breaches.append(("http-fold", line.start, ""))
            if part.fields:
                name, value = part.fields[-1]
                part.fields[-1] = (name, value + b" " + line.data.strip())
            continue
        name, colon, value = line.data.partition(b":")
        if not colon or NAME.match(name) is None:
            part.breaches.append(("http-field-name", line.start, ""))
        if b"\0" in value or b"\r" in value:
            part.breaches.append(("http-field-value", line.start, ""))
        part.fields.append((name.strip(), value.strip(b" \t")))
    raise Unreadable


def _one_length(part: Part) -> int:
    lengths = {each.strip() for value in part.values(b"content-length") for each in value.split(b",")}
    only = lengths.pop()
    if lengths or not only.isdigit() or len(only) > 18:
        raise Unreadable
    return int(only)


def _request_length(part: Part) -> int | None:
    """The body's octets, None where it is chunked; Unreadable where nobody can know."""
    lengths, codings = part.values(b"content-length"), part.value(b"transfer-encoding").lower()
    if codings and lengths:
        part.breaches.append(("http-framing", part.start, "It has both Content-Length and Transfer-Encoding."))
        raise Unreadable
    if codings:
        if not codings.endswith(b"chunked"):
            part.breaches.append(("http-framing", part.start, "The last coding of a request has to be chunked."))
            raise Unreadable
        if part.words[2] == b"HTTP/1.0":
            part.breaches.append(("http-framing", part.start, "HTTP/1.0 has no Transfer-Encoding."))
        return None
    if not lengths:
        return 0
    try:
        return _one_length(part)
    except Unreadable:
        part.breaches.append(("http-framing", part.start, "Content-Length is not one number."))
        raise


def _read_body(stream: Stream, part: Part, length: int | None) -> None:
    begun = stream.at
    if length is not None:
        part.body = stream.data[begun : begun + length]
        stream.at = min(begun + length, len(stream.data))
        part.whole = len(part.body) == length
    else:
        pieces: list[bytes] = []
        part.whole = _read_chunks(stream, pieces)
        part.body = b"".join(pieces)
    part.body_octets = stream.at - begun


def _read_chunks(stream: Stream, pieces: list[bytes]) -> bool:
    """Whether the chunks came to their end."""
    while (line := stream.line()) is not None:
        match = CHUNK.match(line.data)
        if match is None:
            return False
        size = int(match[1], 16)
        if size == 0:
            break
        chunk = stream.take(size)
        if chunk is None:
            pieces.append(stream.data[stream.at :])
            stream.at = len(stream.data)
            return False
        pieces.append(chunk)
        stream.line()
    while (line := stream.line()) is not None:
        if not line.data:
            return True
    return False
