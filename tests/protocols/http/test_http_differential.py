"""The same requests to httpbin and to us, answered alike field by field. It runs where httpbin is installed.

What differs on purpose stands in `INTENDED`, each with its reason; a difference that is gone fails as well as a new one.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from http_clients import Reply, fetch
from stage import serving

from minternet.wire.tls import Authority
from minternet.world.world import World

httpbin = pytest.importorskip("httpbin")

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
OCTETS = {"Content-Type": "application/octet-stream"}
PARTS = {"Content-Type": "multipart/form-data; boundary=XX"}
MULTIPART = (
    b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="g"; filename="y.bin"\r\n\r\n\xff\xfe\r\n--XX--\r\n'
)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass(frozen=True, slots=True)
class Case:
    """A request."""

    target: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def __str__(self) -> str:
        told = "".join(f" {name}: {value}" for name, value in self.headers.items())
        return f"{self.method} {self.target}{told}{' ' + repr(self.body[:30]) if self.body is not None else ''}"


QUERIES = ("", "?a=1", "?a=1&a=2&b=", "?a=%20x%C3%BC&b=c+d", "?a=%FF", "?a=1;b=2", "?a%5B%5D=1", "?=x&&a")
CASES = [
    *(Case(f"/get{query}") for query in QUERIES),
    *(Case(f"/anything/x/%C3%BC{query}", "PUT", JSON, b'{"a": 1}') for query in QUERIES[:3]),
    *(Case(f"/anything/{path}") for path in ("a%2Fb", "%5B%20%3F%23", "%2e%2E/%7e", "%E4%FF", "a;b=c,d", "100%25")),
    *(
        Case(f"/get?a={value}")
        for value in ("%26%3d%2B%23", "%5b%20%7E%2f%3F", "%25", "%0A%7F", "[x]|", "%E4%BD%A0%FF")
    ),
    Case("/get", headers={"X-One": "1", "X-two-THREE": "2", "Accept": "*/*", "Cookie": "a=b"}),
    Case("/get", headers={"X-Forwarded-For": "1.2.3.4, 5.6.7.8", "X-Forwarded-Proto": "https"}),
    Case("/get?show_env=1", headers={"X-Forwarded-For": "1.2.3.4", "Via": "1.1 x"}),
    *(
        Case("/" + method.lower(), method, headers, body)
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for headers, body in (
            (FORM, b"a=1&a=2&b=%C3%BC&c"),
            (JSON, b'{"a": [1, {"b": null}], "c": "\\u00fc"}'),
            (TEXT, "grüß".encode()),
        )
    ),
    Case("/post", "POST", JSON, b"{bad"),
    Case("/post", "POST", JSON, b""),
    Case("/post", "POST", TEXT, b"7"),
    Case("/post", "POST", OCTETS, b"\xff\x00"),
    Case("/post", "POST", PARTS, MULTIPART),
    Case("/post", "POST", {**PARTS, "Content-Encoding": "deflate"}, zlib.compress(MULTIPART)),
    Case("/post", "POST", {**FORM, "Content-Encoding": "deflate"}, zlib.compress(b"a=1")),
    Case("/post", "POST", {**JSON, "Content-Encoding": "gzip"}, gzip.compress(b"[1]", mtime=0)),
    Case("/post", "POST", PARTS, b"nothing of it"),
    Case("/post", "POST", PARTS, b"--XX\r\nX: broken\r\n" + MULTIPART[:-8]),
    Case("/post", "POST", {"Content-Type": "multipart/form-data"}, MULTIPART),
    Case("/post?q=1", "POST", {}, b"no type"),
    Case("/anything", "TRACE"),
    Case("/ip"),
    Case("/ip", headers={"X-Forwarded-For": "9.8.7.6"}),
    Case("/user-agent"),
    Case("/headers", headers={"X-A": "b"}),
    Case("/uuid"),
    Case("/json"),
    Case("/xml"),
    Case("/html"),
    Case("/robots.txt"),
    Case("/deny"),
    Case("/encoding/utf8"),
    Case("/forms/post"),
    Case("/gzip"),
    Case("/deflate"),
    Case("/brotli"),
    *(Case(f"/status/{code}", method) for method in ("GET", "POST") for code in (200, 201, 204, 206, 304, 400, 404)),
    *(Case(f"/status/{code}") for code in (301, 302, 303, 305, 307, 308, 401, 402, 406, 407, 410, 418, 429, 500, 503)),
    Case("/status/x"),
    Case("/status/200:x"),
    Case("/status/200:1"),
    *(Case(f"/redirect/{n}") for n in (1, 3)),
    Case("/redirect/2?absolute=true"),
    *(Case(f"/relative-redirect/{n}") for n in (1, 3)),
    *(Case(f"/absolute-redirect/{n}") for n in (1, 3)),
    Case("/redirect-to?url=http%3A%2F%2Fexample.net%2F"),
    Case("/redirect-to?url=/get&status_code=307", "POST", FORM, b""),
    Case("/redirect-to?url=/get&status_code=999"),
    Case("/redirect-to", "POST", FORM, b"url=/get&status_code=303"),
    Case("/cookies", headers={"Cookie": 'a=1; b="two"; c='}),
    Case("/cookies/set?a=1&b=2"),
    Case("/cookies/set/name/value"),
    Case("/cookies/delete?a&b"),
    Case("/response-headers?X-A=1&X-A=2&Content-Type=text/x"),
    Case("/response-headers?X-A=1", "POST"),
    Case("/basic-auth/u/p"),
    Case("/basic-auth/u/p", headers=basic("u", "p")),
    Case("/basic-auth/u/p", headers=basic("u", "wrong")),
    Case("/hidden-basic-auth/u/p"),
    Case("/hidden-basic-auth/u/p", headers=basic("u", "p")),
    Case("/bearer"),
    Case("/bearer", headers={"Authorization": "Bearer abc"}),
    Case("/bearer", headers=basic("u", "p")),
    *(Case(f"/digest-auth/{qop}/u/p{more}") for qop in ("auth", "auth-int") for more in ("", "/SHA-256", "/SHA-512")),
    Case("/digest-auth/none/u/p"),
    Case("/delay/0"),
    Case("/delay/0", "POST", FORM, b"a=1"),
    Case("/drip?duration=0&numbytes=5&delay=0"),
    Case("/drip?duration=0&numbytes=3&delay=0&code=206"),
    Case("/drip?duration=0&numbytes=0"),
    Case("/stream/2?a=1"),
    Case("/bytes/20?seed=7"),
    Case("/bytes/0"),
    Case("/stream-bytes/20?seed=7&chunk_size=5"),
    Case("/range/26"),
    *(Case("/range/26", headers={"Range": span}) for span in ("bytes=0-4", "bytes=10-", "bytes=-5", "bytes=30-40")),
    Case("/links/3/1"),
    Case("/links/3"),
    Case("/base64/SGVsbG8gd29ybGQ="),
    Case("/base64/w7w="),
    Case("/base64/!"),
    Case("/cache"),
    Case("/cache", headers={"If-None-Match": "x"}),
    Case("/cache", headers={"If-Modified-Since": "Wed, 01 May 2024 12:00:00 GMT"}),
    Case("/cache/60"),
    Case("/etag/abc"),
    *(Case("/etag/abc", headers={"If-None-Match": value}) for value in ('"abc"', "*", '"x", W/"abc"', '"x"')),
    *(Case("/etag/abc", headers={"If-Match": value}) for value in ('"abc"', "*", '"x"')),
    *(Case(f"/image/{kind}") for kind in ("png", "jpeg", "webp", "svg")),
    *(Case("/image", headers={"Accept": kind}) for kind in ("image/webp", "image/*", "text/plain", "image/svg+xml")),
    *(Case(target, "HEAD") for target in ("/get", "/status/404", "/bytes/10", "/redirect/1", "/image/png")),
    *(Case(target, "OPTIONS") for target in ("/get", "/post", "/anything", "/status/200")),
    *(Case(target, "POST") for target in ("/get", "/ip", "/image")),
    Case("/post"),
    Case("/nowhere"),
    Case("/get", headers={"Origin": "http://other.example"}),
    Case(
        "/get",
        "OPTIONS",
        {"Origin": "http://other.example", "Access-Control-Request-Headers": "X-A"},
    ),
]
"""What is asked of both."""

ALL = {"status", "everything"}
"""The fields of a reply that is another one altogether."""
INTENDED: list[tuple[str, set[str], str]] = [
    (
        r"GET /(xml|html|deny|encoding/utf8|forms/post|status/418)",
        {"body"},
        "documents and drawings of our own, of the same type and kind",
    ),
    (r"GET /image(/.*| Accept: image/.*)", {"body"}, "a picture of our own"),
    (r"GET /status/402", {"body", "header x-more-info"}, "a polite text, and a link to the RFC"),
    (r"GET /status/200:x", {"body"}, "it says what is wrong with which part"),
    (
        r"GET /status/200:1",
        {"status", "body", "header content-type"},
        "go-httpbin takes a weight of a single code; httpbin takes weights in lists only",
    ),
    (
        r"GET /(redirect/|relative-redirect/|absolute-redirect/|cookies/set|cookies/delete|links/3$).*",
        {"body"},
        "the page that comes with a redirect is in our own words, and comes with all of them",
    ),
    (
        r"POST /redirect-to Content-Type.*b'url=.*",
        {"status", "header location"},
        "httpbin documents the form of /redirect-to, and does not read it",
    ),
    (r"GET /digest-auth/.*", {"header www-authenticate"}, "a realm of our own"),
    (r"\w+ /delay/.*", {"header server-timing"}, "go-httpbin's Server-Timing is told as well"),
    (r"GET /range/26 Range: bytes=30-40", {"body"}, "it says why"),
    (r"GET /base64/!", {"body"}, "httpbin decodes what is no base64 to nothing, its text for that case is never seen"),
    (
        r"POST /post Content-Type: multipart/form-data(; boundary=XX b'nothing| b'--XX|; boundary=XX b'--XX.*broken).*",
        ALL,
        "a form that cannot be read is 400, as in go-httpbin; httpbin drops it silently",
    ),
    (
        r"(POST /(get|ip|image)|GET /(post|nowhere))",
        {"body", "header content-type"},
        "refusals of ours are a line of plain text",
    ),
]
"""Requests (a pattern of their whole description), the fields that differ, and why."""

PASSING = frozenset({"date", "server", "connection", "transfer-encoding", "keep-alive"})
"""Fields of the connection and of the moment."""
SETS = frozenset({"allow", "access-control-allow-methods"})
"""Fields whose items have no order."""
VARYING = [
    (re.compile(r'(nonce|opaque)="?[0-9a-f]+"?'), r"\1=..."),
    (re.compile(r"expires=[^;]*", re.IGNORECASE), "expires=..."),
    (re.compile(r"[0-9a-f]{32}"), "HASH"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
]
"""What is random or of the moment within a value."""


@pytest.fixture(scope="module")
def theirs() -> Iterator[int]:
    """httpbin's own application on werkzeug's server."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:
            """Say nothing."""

    server = make_server("127.0.0.1", 0, httpbin.app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, name="httpbin")
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Iterator[int]:
    """Our endpoints, with no site before them."""
    with serving("http", authority=authority, world=World()) as served:
        yield served.ports["http"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_as_httpbin(theirs: int, ours: int, case: Case) -> None:
    expected, got = (fetch(port, case.target, case.method, case.headers, case.body) for port in (theirs, ours))
    found = differences(expected, got)
    intended, reason = intention(str(case))
    if intended == ALL:
        assert expected.status != got.status
        return
    assert set(found) == intended, f"{reason}\n" + "\n".join(f"{name}: {pair}" for name, pair in found.items())


@pytest.mark.parametrize("pattern", [row[0] for row in INTENDED])
def test_what_is_intended_is_asked(pattern: str) -> None:
    assert any(re.fullmatch(pattern, str(case)) for case in CASES)


def intention(case: str) -> tuple[set[str], str]:
    """The fields that may differ in a case, and why."""
    rows = ((fields, reason) for pattern, fields, reason in INTENDED if re.fullmatch(pattern, case))
    return next(rows, (set(), "nothing is meant to differ"))


def differences(expected: Reply, got: Reply) -> dict[str, tuple[Any, Any]]:
    """The fields in which two replies differ, with both values."""
    left, right = facts(expected), facts(got)
    return {name: (left.get(name), right.get(name)) for name in left | right if left.get(name) != right.get(name)}


def facts(reply: Reply) -> dict[str, Any]:
    """A reply as flat names and values: its status, its header fields, its body by field where it is JSON."""
    told: dict[str, Any] = {"status": reply.status}
    for name, value in reply.headers.items():
        if name not in PASSING and name != "content-length":
            told[f"header {name}"] = sorted(value.split(", ")) if name in SETS else steady(value)
    body = decoded(reply)
    lines = body.splitlines() if reply.headers.get("content-type") == "application/json" else []
    try:
        told |= flat("body", [json.loads(line) for line in lines] if lines[0][-1:] == b"}" else json.loads(body))
    except (ValueError, IndexError):
        told["body"] = steady(body.decode("latin-1"))
    return told


def decoded(reply: Reply) -> bytes:
    """The body without its content coding."""
    coding = reply.headers.get("content-encoding", "")
    if coding == "br":
        import brotli

        return bytes(brotli.decompress(reply.body))
    return {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(coding, bytes)(reply.body)


def flat(name: str, value: Any) -> dict[str, Any]:
    """A JSON value by path."""
    if isinstance(value, dict) and value:
        return {path: each for key in value for path, each in flat(f"{name}.{key}", value[key]).items()}
    return {name: steady(value) if isinstance(value, str) else value}


def steady(text: str) -> str:
    """A value without what is random in it."""
    for pattern, shown in VARYING:
        text = pattern.sub(shown, text)
    return text
