"""Replies that break the rules, each in one way, so that a client's handling of it can be tested. All of them end."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.responses import Response

from ..visit import Problem, Streamed, Visit
from .content import compress_gzip

TEXT = b"This reply is broken on purpose.\n"
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
CLOSING = PLAIN + b"connection: close\r\n"
ENDLESS = 256 << 20
"""Octets after which even an endless body ends."""
PIECE = b"and so on, " * 5957
SLOW = 0.1
"""Seconds between the octets of what drips, unless ?pause= says otherwise."""


class Raw(Response):
    """Octets as they are, with a pause before each piece but the first, and how it ends: "close" or "reset"."""

    def __init__(self, pieces: Sequence[bytes] | AsyncIterator[bytes], end: str = "close") -> None:
        super().__init__()
        self.pieces, self.end = pieces, end

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if isinstance(self.pieces, Sequence):
            for piece in self.pieces:
                await send({"type": "minternet.raw", "body": piece})
        else:
            async for piece in self.pieces:
                await send({"type": "minternet.raw", "body": piece})
        await send({"type": "minternet.raw", "end": self.end})


def _sized(size: int, body: bytes = TEXT, more: bytes = b"") -> bytes:
    return CLOSING + more + b"content-length: %d\r\n\r\n" % size + body


async def short_length(visit: Visit) -> Response:
    """Content-Length says less than is sent."""
    return Raw([_sized(len(TEXT) - 10)])


async def long_length(visit: Visit) -> Response:
    """Content-Length says more than is sent, then the connection closes."""
    return Raw([_sized(len(TEXT) + 100)])


async def two_lengths(visit: Visit) -> Response:
    """Two Content-Length fields that differ."""
    return Raw([_sized(len(TEXT), more=b"content-length: 5\r\n")])


async def negative_length(visit: Visit) -> Response:
    return Raw([CLOSING + b"content-length: -1\r\n\r\n" + TEXT])


async def length_and_chunked(visit: Visit) -> Response:
    """Content-Length and Transfer-Encoding in one reply."""
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(TEXT), TEXT)
    return Raw([CLOSING + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + chunks])


async def duplicate_headers(visit: Visit) -> Response:
    """Fields that may stand once stand twice, and differ."""
    doubled = b'content-type: application/json\r\ndate: yesterday\r\ndate: tomorrow\r\netag: "a"\r\netag: "b"\r\n'
    return Raw([_sized(len(TEXT), more=doubled + b"location: /get\r\nlocation: /ip\r\n")])


async def bad_chunk_size(visit: Visit) -> Response:
    """A chunk size that is no number."""
    return Raw([_chunked(b"%x\r\n%b\r\nxyz\r\nmore\r\n0\r\n\r\n" % (len(TEXT), TEXT))])


async def huge_chunk_size(visit: Visit) -> Response:
    """A chunk size beyond 64 bits."""
    return Raw([_chunked(b"fffffffffffffffff\r\n" + TEXT)])


async def chunk_overrun(visit: Visit) -> Response:
    """A chunk that is longer than its size says."""
    return Raw([_chunked(b"5\r\n" + TEXT + b"\r\n0\r\n\r\n")])


async def no_last_chunk(visit: Visit) -> Response:
    """The connection closes without the last chunk."""
    return Raw([_chunked(b"%x\r\n%b\r\n" % (len(TEXT), TEXT))])


def _chunked(chunks: bytes) -> bytes:
    return CLOSING + b"transfer-encoding: chunked\r\n\r\n" + chunks


async def close(visit: Visit) -> Response:
    """The connection closes without a reply."""
    return Raw([])


async def early_close(visit: Visit) -> Response:
    """The connection closes `after` octets of the reply."""
    return Raw([_sized(len(TEXT))[: visit.integer("after", 40, 0, 10_000)]])


async def reset(visit: Visit) -> Response:
    """RST instead of a reply."""
    return Raw([], "reset")


async def reset_in_body(visit: Visit) -> Response:
    """RST in the middle of the body."""

    async def pieces() -> AsyncIterator[bytes]:
        yield _sized(len(TEXT) * 2)
        await visit.wait(0.05)  # so that what was written leaves before RST overtakes it

    return Raw(pieces(), "reset")


async def dripping_head(visit: Visit) -> Response:
    """The head comes octet by octet, `pause` seconds apart."""
    return Raw(_dripped(visit, _sized(len(TEXT)), visit.number("pause", SLOW, 0.001, 5.0)))


async def slow_body(visit: Visit) -> Response:
    """The body comes octet by octet, `pause` seconds apart."""
    pause = visit.number("pause", SLOW, 0.001, 5.0)

    async def body() -> AsyncIterator[bytes]:
        for octet in TEXT:
            yield bytes((octet,))
            await visit.wait(pause)

    return Streamed(body(), headers={"Content-Length": str(len(TEXT))}, media_type="text/plain")


async def _dripped(visit: Visit, content: bytes, pause: float) -> AsyncIterator[bytes]:
    for octet in content:
        yield bytes((octet,))
        await visit.wait(pause)


async def hang(visit: Visit) -> Response:
    """No reply for `seconds`, then the connection closes."""
    await visit.wait(visit.number("seconds", visit.options.max_wait, 0, visit.options.max_wait))
    return Raw([])


async def hang_in_body(visit: Visit) -> Response:
    """Half of the body, then nothing for `seconds`."""
    seconds = visit.number("seconds", visit.options.max_wait, 0, visit.options.max_wait)

    async def pieces() -> AsyncIterator[bytes]:
        yield _sized(len(TEXT) * 2)
        await visit.wait(seconds)

    return Raw(pieces())


async def garbage(visit: Visit) -> Response:
    """Octets that are no HTTP at all."""
    return Raw([visit.around.chance.randbytes(visit.integer("size", 512, 1, 1 << 16)).replace(b"H", b"h")])


async def no_status_line(visit: Visit) -> Response:
    """A reply that begins with its fields."""
    return Raw([_sized(len(TEXT)).partition(b"\r\n")[2]])


async def bad_status(visit: Visit) -> Response:
    """A status that is no number."""
    return Raw([_sized(len(TEXT)).replace(b"200 OK", b"abc OK", 1)])


async def bad_version(visit: Visit) -> Response:
    """A version that does not exist."""
    return Raw([_sized(len(TEXT)).replace(b"HTTP/1.1", b"HTTP/9.9", 1)])


async def no_body_version(visit: Visit) -> Response:
    """HTTP/0.9: a body and nothing else."""
    return Raw([TEXT])


BAD_FIELDS = {
    "space": b"bad name: x\r\n",
    "no-colon": b"no colon here\r\n",
    "before-colon": b"name : x\r\n",
    "fold": b"folded: one\r\n two\r\n",
    "nul": b"nul: a\x00b\r\n",
    "empty-name": b": x\r\n",
    "bare-cr": b"cr: a\rb\r\n",
    "latin-1": b"latin: gr\xfc\xdfe\r\n",
}


async def invalid_header(visit: Visit) -> Response:
    """A field that is not well-formed; `kind` says how."""
    kind = visit.argument("kind", "space")
    return Raw([_sized(len(TEXT), more=BAD_FIELDS.get(kind, BAD_FIELDS["space"]))])


async def bare_line_feeds(visit: Visit) -> Response:
    """Lines that end in LF alone."""
    return Raw([_sized(len(TEXT)).replace(b"\r\n", b"\n")])


async def huge_header(visit: Visit) -> Response:
    """One field of `size` octets."""
    size = visit.integer("size", 1 << 17, 1, 16 << 20)
    return Raw([_sized(len(TEXT), more=b"x-huge: " + b"x" * size + b"\r\n")])


async def many_headers(visit: Visit) -> Response:
    """`count` fields."""
    count = visit.integer("count", 1000, 1, 100_000)
    return Raw([_sized(len(TEXT), more=b"".join(b"x-%d: %d\r\n" % (at, at) for at in range(count)))])


async def half_gzip(visit: Visit) -> Response:
    """A gzip body that stops half-way; the length is right."""
    content = compress_gzip(TEXT * 100)
    return Response(content[: len(content) // 2], headers={"Content-Encoding": "gzip"}, media_type="text/plain")


async def wrong_encoding(visit: Visit) -> Response:
    """Content-Encoding says gzip, the body is not."""
    coding = visit.argument("encoding", "gzip")
    if not re.fullmatch(r"[A-Za-z0-9, _-]{1,100}", coding):
        raise Problem(400, "encoding is no list of codings")
    return Response(TEXT, headers={"Content-Encoding": coding}, media_type="text/plain")


async def gzip_bomb(visit: Visit) -> Response:
    """A small gzip body that inflates to `size` octets."""
    size = visit.integer("size", 10 << 20, 1, 256 << 20)
    content = await asyncio.to_thread(_bomb, size)
    return Response(content, headers={"Content-Encoding": "gzip"}, media_type="text/plain")


def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(bytes(min(1 << 20, size - at))) for at in range(0, size, 1 << 20)]
    return b"".join(packed) + packer.flush()


async def wrong_charset(visit: Visit) -> Response:
    """Latin-1 that is called UTF-8."""
    return Response("Grüße\n".encode("latin-1"), headers={"Content-Type": "text/plain; charset=utf-8"})


async def invalid_json(visit: Visit) -> Response:
    """JSON that stops half-way."""
    return Response(b'{"slideshow": {"title": "Sample', headers={"Content-Type": "application/json"})


async def redirect_loop(visit: Visit) -> Response:
    """A redirect to itself."""
    return Response(status_code=302, headers={"Location": "/broken/redirect-loop"})


async def endless_redirects(visit: Visit) -> Response:
    """Redirects to ever new places."""
    return Response(status_code=302, headers={"Location": f"/broken/endless-redirects/{int(visit.params['n']) + 1}"})


async def redirect_nowhere(visit: Visit) -> Response:
    """A redirect without Location."""
    return Response(status_code=302)


async def endless_body(visit: Visit) -> Response:
    """A chunked body that goes on and on (to 256 MiB)."""

    async def body() -> AsyncIterator[bytes]:
        sent = 0
        while sent < ENDLESS:
            yield PIECE
            sent += len(PIECE)
            await visit.wait(0)

    return Streamed(body(), media_type="text/plain")


async def extra_reply(visit: Visit) -> Response:
    """A second reply that nobody asked for."""
    first = PLAIN + b"content-length: %d\r\n\r\n" % len(TEXT) + TEXT
    return Raw([first + _sized(len(TEXT))])


async def endless_interim(visit: Visit) -> Response:
    """`count` interim replies before the final one."""
    count = visit.integer("count", 1000, 1, 100_000)
    return Raw([b"HTTP/1.1 100 Continue\r\n\r\n" * count + _sized(len(TEXT))])


async def body_with_204(visit: Visit) -> Response:
    """204 with a body."""
    return Raw([_sized(len(TEXT)).replace(b"200 OK", b"204 No Content", 1)])
