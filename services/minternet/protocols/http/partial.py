"""Sending content that lies somewhere: whole, one range, several ranges, or not at all because the client has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from starlette.responses import Response

from .ranges import Span, Validators, evaluate, http_date, wanted_spans
from .visit import Problem, Streamed, Visit

Pieces = Callable[[int, int], Iterator[bytes]]
"""Gives the octets from a first to before a last one, in pieces."""


def content_reply(
    visit: Visit,
    pieces: Pieces,
    size: int,
    media_type: str,
    known: Validators,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The reply for content of `size` octets: 200, 206, 304, 412 or 416 as the request's fields ask."""
    shared = {"ETag": known.etag, "Accept-Ranges": "bytes", **(headers or {})}
    if known.modified is not None:
        shared["Last-Modified"] = http_date(known.modified)
    verdict = evaluate(visit.headers, visit.method, known)
    if verdict == "failed":
        raise Problem(412, "the precondition does not hold", {"ETag": known.etag})
    if verdict == "unchanged":
        return Response(status_code=304, headers=shared)
    spans = wanted_spans(visit.headers, visit.method, size, known)
    if spans is None:
        return _stream(visit, pieces, [(0, size)], 200, {**shared, "Content-Length": str(size)}, media_type)
    if not spans:
        raise Problem(
            416, f"no octet of that range is among these {size}", {"Content-Range": f"bytes */{size}", **shared}
        )
    if len(spans) == 1:
        start, stop = spans[0]
        told = {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": str(stop - start)}
        return _stream(visit, pieces, spans, 206, {**shared, **told}, media_type)
    return _several(visit, pieces, size, media_type, spans, shared)


def _stream(
    visit: Visit, pieces: Pieces, spans: list[Span], status: int, headers: dict[str, str], media_type: str
) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for start, stop in spans:
            for piece in pieces(start, stop):
                yield piece

    return Streamed(body(), status, {**headers, "Content-Type": media_type})


def _several(
    visit: Visit, pieces: Pieces, size: int, media_type: str, spans: list[Span], headers: dict[str, str]
) -> Response:
    """RFC 9110 section 14.6: multipart/byteranges, each part with its own Content-Range."""
    boundary = visit.around.chance.randbytes(12).hex()
    heads = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: bytes {start}-{stop - 1}/{size}\r\n\r\n"
        ).encode("latin-1")
        for start, stop in spans
    ]
    end = f"\r\n--{boundary}--\r\n".encode("ascii")

    async def body() -> AsyncIterator[bytes]:
        for head, (start, stop) in zip(heads, spans, strict=True):
            yield head
            for piece in pieces(start, stop):
                yield piece
        yield end

    length = sum(map(len, heads)) + sum(stop - start for start, stop in spans) + len(end)
    told = {**headers, "Content-Length": str(length)}
    return Streamed(body(), 206, {**told, "Content-Type": f"multipart/byteranges; boundary={boundary}"})
