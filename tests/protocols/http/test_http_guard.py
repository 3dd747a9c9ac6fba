"""The guard: which heads are refused, with which status, and how bodies are followed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minternet.protocols.http.guard import Framing, Head, HeadLimits, Refused, check_unfinished, read_head

LIMITS = HeadLimits(target=100, total=2000, fields=10, body=1000)
HOST = b"Host: x\r\n"


def head(first: bytes = b"GET / HTTP/1.1", *fields: bytes, host: bytes = HOST) -> bytes:
    return first + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


REFUSED = [
    # what, head, status, word of the reason
    ("lengths and coding", head(b"POST / HTTP/1.1", b"Content-Length: 3", b"Transfer-Encoding: chunked"), 400, "both"),
    ("two lengths that differ", head(b"POST / HTTP/1.1", b"Content-Length: 3", b"Content-Length: 4"), 400, "more than"),
    ("two equal lengths", head(b"POST / HTTP/1.1", b"Content-Length: 3", b"Content-Length: 3"), 400, "more than"),
    ("list of lengths", head(b"POST / HTTP/1.1", b"Content-Length: 3, 3"), 400, "not a number"),
    ("negative length", head(b"POST / HTTP/1.1", b"Content-Length: -1"), 400, "not a number"),
    ("signed length", head(b"POST / HTTP/1.1", b"Content-Length: +1"), 400, "not a number"),
    ("hexadecimal length", head(b"POST / HTTP/1.1", b"Content-Length: 0x1"), 400, "not a number"),
    ("empty length", head(b"POST / HTTP/1.1", b"Content-Length:"), 400, "not a number"),
    ("length beyond 64 bits", head(b"POST / HTTP/1.1", b"Content-Length: 99999999999999999999"), 400, "not a number"),
    ("length over the limit", head(b"POST / HTTP/1.1", b"Content-Length: 1001"), 413, "1000"),
    ("chunked twice", head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked, chunked"), 501, "only chunked"),
    ("two codings", head(b"POST / HTTP/1.1", b"Transfer-Encoding: gzip, chunked"), 501, "only chunked"),
    ("chunked not last", head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked, gzip"), 400, "only chunked"),
    (
        "two coding fields",
        head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"),
        400,
        "only",
    ),
    ("smuggled coding", head(b"POST / HTTP/1.1", b"Transfer-Encoding: \x0bchunked"), 400, "control"),
    ("coding in 1.0", head(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked"), 400, "HTTP/1.0"),
    ("folded field", head(b"GET / HTTP/1.1", b"A: b", b" c"), 400, "obs-fold"),
    ("folded by a tab", head(b"GET / HTTP/1.1", b"A: b", b"\tc"), 400, "obs-fold"),
    ("space before colon", head(b"GET / HTTP/1.1", b"A : b"), 400, "white space"),
    ("space in a name", head(b"GET / HTTP/1.1", b"A b: c"), 400, "token"),
    ("no colon", head(b"GET / HTTP/1.1", b"Abc"), 400, "colon"),
    ("empty name", head(b"GET / HTTP/1.1", b": b"), 400, "token"),
    ("NUL in a value", head(b"GET / HTTP/1.1", b"A: b\x00c"), 400, "control"),
    ("bare CR in a value", head(b"GET / HTTP/1.1", b"A: b\rc"), 400, "bare CR"),
    ("bare LF", head(b"GET / HTTP/1.1", b"A: b\nContent-Length: 3"), 400, "bare LF"),
    ("CR CR LF", head(b"GET / HTTP/1.1", b"A: b\r"), 400, "bare CR"),
    ("no Host", head(host=b""), 400, "Host"),
    ("two Hosts", head(b"GET / HTTP/1.1", b"Host: y"), 400, "more than one Host"),
    ("two Hosts in 1.0", head(b"GET / HTTP/1.0", b"Host: y"), 400, "more than one Host"),
    ("odd Host", head(host=b"Host: a b\r\n"), 400, "host name"),
    ("Host with a path", head(host=b"Host: a/b\r\n"), 400, "host name"),
    ("unknown method", head(b"FETCH / HTTP/1.1"), 501, "method"),
    ("lower-case method", head(b"get / HTTP/1.1"), 501, "method"),
    ("method that is no token", head(b"G(T / HTTP/1.1"), 400, "request line"),
    ("two spaces", head(b"GET  / HTTP/1.1"), 400, "request line"),
    ("space in the target", head(b"GET /a b HTTP/1.1"), 400, "request line"),
    ("tab for a space", head(b"GET\t/ HTTP/1.1"), 400, "request line"),
    ("no version", head(b"GET /"), 400, "request line"),
    ("odd version", head(b"GET / HTTQ/1.1"), 400, "version"),
    ("version with more digits", head(b"GET / HTTP/1.10"), 400, "version"),
    ("HTTP/0.9", head(b"GET / HTTP/0.9"), 505, "HTTP/1.1"),
    ("HTTP/1.2", head(b"GET / HTTP/1.2"), 505, "HTTP/1.1"),
    ("HTTP/2.0", head(b"PRI * HTTP/2.0", host=b""), 505, "HTTP/1.1"),
    ("long target", head(b"GET /" + b"a" * 100 + b" HTTP/1.1"), 414, "100"),
    ("large head", head(b"GET / HTTP/1.1", b"A: " + b"b" * 2000), 431, "2000"),
    ("many fields", head(b"GET / HTTP/1.1", *[b"A: b"] * 11), 431, "10"),
    ("control in the target", head(b"GET /\x01 HTTP/1.1"), 400, "control"),
    ("fragment", head(b"GET /#a HTTP/1.1"), 400, "fragment"),
    ("relative target", head(b"GET a HTTP/1.1"), 400, "neither"),
    ("asterisk for GET", head(b"GET * HTTP/1.1"), 400, "neither"),
    ("odd scheme", head(b"GET gopher://x/ HTTP/1.1"), 400, "neither"),
    ("userinfo in the target", head(b"GET http://a@b/ HTTP/1.1"), 400, "neither"),
    ("CONNECT without a port", head(b"CONNECT x HTTP/1.1"), 400, "host:port"),
    ("CONNECT to a path", head(b"CONNECT /x:1 HTTP/1.1"), 400, "host:port"),
    ("CONNECT to no port", head(b"CONNECT x:70000 HTTP/1.1"), 400, "host:port"),
    ("expectation", head(b"POST / HTTP/1.1", b"Expect: miracles"), 417, "100-continue"),
]


@pytest.mark.parametrize(("raw", "status", "word"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_heads_that_are_refused(raw: bytes, status: int, word: str) -> None:
    with pytest.raises(Refused) as refused:
        read_head(raw, LIMITS)
    assert refused.value.status == status
    assert word in refused.value.reason


READ = [
    (head(), Head(b"GET", b"/", "1.1", 0, b"x")),
    (head(host=b"Host:\r\n"), Head(b"GET", b"/", "1.1", 0, b"")),
    (head(host=b"host:   [::1]:80  \r\n"), Head(b"GET", b"/", "1.1", 0, b"[::1]:80")),
    (head(b"GET / HTTP/1.0", host=b""), Head(b"GET", b"/", "1.0", 0, b"", keep_alive=False)),
    (head(b"GET / HTTP/1.0", b"Connection: Keep-Alive"), Head(b"GET", b"/", "1.0", 0, b"x")),
    (head(b"GET / HTTP/1.1", b"Connection: foo, Close"), Head(b"GET", b"/", "1.1", 0, b"x", keep_alive=False)),
    (head(b"PUT /a HTTP/1.1", b"CONTENT-LENGTH: 007"), Head(b"PUT", b"/a", "1.1", 7, b"x")),
    (head(b"PUT /a HTTP/1.1", b"Transfer-Encoding: Chunked"), Head(b"PUT", b"/a", "1.1", None, b"x")),
    (head(b"PUT /a HTTP/1.1", b"Expect: 100-Continue"), Head(b"PUT", b"/a", "1.1", 0, b"x", expects=True)),
    (head(b"OPTIONS * HTTP/1.1"), Head(b"OPTIONS", b"*", "1.1", 0, b"x", form="asterisk")),
    (head(b"GET http://y:8/a HTTP/1.1"), Head(b"GET", b"http://y:8/a", "1.1", 0, b"y:8", form="absolute")),
    (head(b"CONNECT y:443 HTTP/1.1"), Head(b"CONNECT", b"y:443", "1.1", 0, b"y:443", form="authority")),
    (head(b"GET /gr\xc3\xbc HTTP/1.1"), Head(b"GET", b"/gr\xc3\xbc", "1.1", 0, b"x")),
    (
        head(b"GET / HTTP/1.1", b"Connection: Upgrade", b"Upgrade: WebSocket"),
        Head(b"GET", b"/", "1.1", 0, b"x", upgrade=b"websocket"),
    ),
    (head(b"GET / HTTP/1.1", b"Upgrade: websocket"), Head(b"GET", b"/", "1.1", 0, b"x")),
]


@pytest.mark.parametrize(("raw", "expected"), READ)
def test_heads_that_are_read(raw: bytes, expected: Head) -> None:
    assert read_head(raw, LIMITS) == expected


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"\x16\x03\x01\x02\x00", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET /" + b"a" * 200, 414),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 3000, 431),
    ],
)
def test_heads_that_cannot_become_good(start: bytes, status: int) -> None:
    with pytest.raises(Refused) as refused:
        check_unfinished(start, LIMITS)
    assert refused.value.status == status


CHUNKED = Head(b"POST", b"/", "1.1", None, b"x")


def follow(pieces: list[bytes]) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """What is fed to the parser, the trailers, and what is left after the body."""
    framing, fed, left = Framing(CHUNKED, LIMITS), b"", b""
    for piece in pieces:
        at, content = framing.take(piece, 0) if not framing.done else (0, b"")
        fed += content
        left += piece[at:]
    assert framing.done
    return fed, framing.trailers, left


def test_chunks_are_followed_to_their_end() -> None:
    body = b'5;name="a;b"\r\nhello\r\n00A\r\n0123456789\r\n0;last\r\nA: b\r\nC:  d \r\n\r\nGET'
    assert follow([body]) == (b"5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n", [(b"a", b"b"), (b"c", b"d")], b"GET")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_chunks_however_they_come(chunks: list[bytes], chance: object) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    cuts = sorted(chance.randint(0, len(body)) for _ in range(5))  # type: ignore[attr-defined]
    pieces = [body[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert follow(pieces) == (body, [], b"")


BAD_CHUNKS = [
    (b"g\r\n", 400, "hexadecimal"),
    (b"\r\n", 400, "hexadecimal"),
    (b"-1\r\n", 400, "hexadecimal"),
    (b"0x5\r\n", 400, "hexadecimal"),
    (b"5 \r\nhello\r\n", 400, "hexadecimal"),
    (b"1" * 17 + b"\r\n", 400, "hexadecimal"),
    (b"f" * 16 + b"\r\n", 413, "1000"),
    (b"3e9\r\n", 413, "1000"),
    (b"5\nhello\r\n", 400, "CRLF"),
    (b"5\r\r\n", 400, "CRLF"),
    (b"5;a=\x01\r\n", 400, "hexadecimal"),
    (b"5;" + b"a" * 5000, 400, "overlong"),
    (b"5\r\nhelloX\r\n", 400, "size says"),
    (b"5\r\nhelloXXXXXXX", 400, "size says"),
    (b"0\r\nContent-Length: 5\r\n\r\n", 400, "trailer section"),
    (b"0\r\nA : b\r\n\r\n", 400, "white space"),
    (b"0\r\n" + b"A: b\r\n" * 11 + b"\r\n", 431, "10"),
    (b"0\r\nA: " + b"b" * 3000, 431, "2000"),
]


@pytest.mark.parametrize(("body", "status", "word"), BAD_CHUNKS)
def test_chunks_that_are_refused(body: bytes, status: int, word: str) -> None:
    with pytest.raises(Refused) as refused:
        Framing(CHUNKED, LIMITS).take(body, 0)
    assert refused.value.status == status
    assert word in refused.value.reason


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    for raw in (octets + b"\r\n\r\n", head(b"GET / HTTP/1.1", octets)):
        with contextlib.suppress(Refused):
            assert read_head(raw, LIMITS).length in (0, *range(1001))
