"""The endpoints, field by field as httpbin 0.10 answers (what the differential run showed), and go-httpbin's shape."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import time
import urllib.request
import xml.etree.ElementTree as ElementTree
import zlib
from html import unescape
from typing import Any

import pytest
from http_clients import Reply, fetch

from minternet.protocols.http.endpoints.rows import ENDPOINTS

MULTIPART = (
    b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\nhi \xc3\xbc\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="g"; filename="y.bin"\r\n\r\n\xff\xfe\r\n'
    b'--XX\r\ncontent-disposition: form-data; name="a"\r\n\r\n2\r\n--XX--\r\n'
)
FORM = "application/x-www-form-urlencoded"
EMPTY: dict[str, Any] = {"args": {}, "data": "", "files": {}, "form": {}, "json": None}


def test_get(port: int) -> None:
    told = fetch(port, "/get?a=1&a=2&b=&c=%20x%C3%BC&d=a+b&e=%FF", headers={"X-Mark": "yes"}).json()
    assert told == {
        "args": {"a": ["1", "2"], "b": "", "c": " xü", "d": "a b", "e": "%FF"},
        "headers": {"Accept-Encoding": "identity", "Host": "example.org", "User-Agent": "test", "X-Mark": "yes"},
        "origin": "127.0.0.1",
        "url": "http://example.org/get?a=1&a=2&b=&c=%20xü&d=a+b&e=%FF",
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (FORM, b"a=1&a=2&b=%C3%BC&c", {"form": {"a": ["1", "2"], "b": "ü", "c": ""}}),
        (
            "application/json",
            b'{"a": [1, {"b": null}]}',
            {"data": '{"a": [1, {"b": null}]}', "json": {"a": [1, {"b": None}]}},
        ),
        ("application/json", b"{bad", {"data": "{bad"}),
        ("application/json", b"1" * 40, {"data": "1" * 40, "json": int("1" * 40)}),
        ("text/plain", "grüß".encode(), {"data": "grüß"}),
        ("text/plain", b"7", {"data": "7", "json": 7}),
        ("application/octet-stream", b"\xff\x00", {"data": "data:application/octet-stream;base64,/wA="}),
        (
            "multipart/form-data; boundary=XX",
            MULTIPART,
            {"form": {"a": ["1", "2"]}, "files": {"f": "hi ü", "g": "data:application/octet-stream;base64,//4="}},
        ),
        ("text/plain", b"", {}),
    ],
)
def test_bodies(port: int, method: str, kind: str, body: bytes, expected: dict[str, Any]) -> None:
    told = fetch(port, "/" + method.lower(), method, {"Content-Type": kind}, body).json()
    assert {name: told[name] for name in EMPTY} == {**EMPTY, **expected}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--XX--"),
        ("multipart/form-data; boundary=XX", b"nothing of it"),
        ("multipart/form-data; boundary=XX", MULTIPART[:-6]),
        ("multipart/form-data; boundary=XX", b"--XX\r\nno head"),
        ("multipart/form-data; boundary=XX", b"--XX\r\nA: b\r\n\r\nx\r\n--XX--"),
        ("multipart/form-data; boundary=XX", b"--XX\r\nA: b\r\n\r\nx\r\n" * 1100 + b"--XX--"),
        (FORM, b"a=1&" * 20_000),
    ],
)
def test_broken_forms_are_400(port: int, kind: str, body: bytes) -> None:
    assert fetch(port, "/post", "POST", {"Content-Type": kind}, body).status == 400


def test_anything(port: int) -> None:
    told = fetch(port, "/anything/x/y%20z/c%2Fd?q=1", "PUT", body=b"abc").json()
    assert told["method"] == "PUT"
    assert told["url"] == "http://example.org/anything/x/y%20z/c/d?q=1"
    assert told["data"] == "abc"
    assert fetch(port, "/anything", "TRACE").json()["method"] == "TRACE"


def test_large_bodies_are_repeated_too(port: int) -> None:
    body = b"x" * 600_000
    assert fetch(port, "/post", "POST", {"Content-Type": "text/plain"}, body).json()["data"] == body.decode()


def test_what_proxies_add_is_hidden_unless_asked_for(port: int) -> None:
    added = {"X-Forwarded-For": "1.2.3.4, 5.6.7.8", "X-Forwarded-Proto": "https", "Via": "x", "X-Other": "kept"}
    told = fetch(port, "/get", headers=added).json()
    assert told["origin"] == "1.2.3.4, 5.6.7.8"
    assert told["url"] == "https://example.org/get"
    assert "Via" not in told["headers"]
    assert told["headers"]["X-Other"] == "kept"
    assert fetch(port, "/get?show_env=1", headers=added).json()["headers"]["Via"] == "x"


FIELDS = [
    # target, headers, status, fields that must stand in the reply
    ("/status/200", {}, 200, {"content-length": "0", "content-type": "text/html; charset=utf-8"}),
    ("/status/301", {}, 301, {"location": "/redirect/1"}),
    ("/status/401", {}, 401, {"www-authenticate": 'Basic realm="Fake Realm"'}),
    ("/status/406", {}, 406, {"content-type": "application/json"}),
    ("/status/407", {}, 407, {"proxy-authenticate": 'Basic realm="Fake Realm"'}),
    ("/status/418", {}, 418, {"x-more-info": "http://tools.ietf.org/html/rfc2324"}),
    ("/status/599", {}, 599, {}),
    ("/status/777", {}, 777, {}),
    ("/status/500:0,202:1", {}, 202, {}),
    ("/status/101", {}, 400, {}),
    ("/status/99", {}, 400, {}),
    ("/status/abc", {}, 400, {"content-type": "text/plain; charset=utf-8"}),
    ("/status/200,x", {}, 400, {}),
    ("/status/200:-1,201", {}, 400, {}),
    ("/redirect/1", {}, 302, {"location": "/get"}),
    ("/redirect/3", {}, 302, {"location": "/relative-redirect/2"}),
    ("/redirect/3?absolute=true", {}, 302, {"location": "http://example.org/absolute-redirect/2"}),
    ("/redirect/0", {}, 400, {}),
    ("/redirect/x", {}, 404, {}),
    ("/absolute-redirect/1", {}, 302, {"location": "http://example.org/get"}),
    ("/relative-redirect/2", {}, 302, {"location": "/relative-redirect/1"}),
    ("/redirect-to?url=/a%20b&status_code=307", {}, 307, {"location": "/a%20b"}),
    ("/redirect-to?url=x&status_code=200", {}, 302, {"location": "x"}),
    ("/redirect-to?url=x%0d%0aSet-Cookie:a=1", {}, 302, {"location": "x%0D%0ASet-Cookie:a=1"}),
    ("/redirect-to?url=http://%C3%BC.test/", {}, 302, {"location": "http://%C3%BC.test/"}),
    ("/redirect-to", {}, 400, {}),
    ("/cookies/set?a=1&b=x%20y", {}, 302, {"set-cookie": 'a=1; Path=/, b="x y"; Path=/', "location": "/cookies"}),
    ("/cookies/set/a/%C3%BC", {}, 302, {"set-cookie": 'a="\\303\\274"; Path=/'}),
    ("/cookies/set?a%0d%0ab=1", {}, 400, {}),
    ("/cookies/delete?a", {}, 302, {"set-cookie": "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"}),
    ("/basic-auth/u/p", {}, 401, {"www-authenticate": 'Basic realm="Fake Realm"', "content-length": "0"}),
    ("/hidden-basic-auth/u/p", {}, 404, {}),
    ("/bearer", {}, 401, {"www-authenticate": "Bearer"}),
    ("/bearer", {"Authorization": "Basic dTpw"}, 401, {"www-authenticate": "Bearer"}),
    ("/cache", {"If-None-Match": "x"}, 304, {}),
    ("/cache", {"If-Modified-Since": "x"}, 304, {}),
    ("/cache/60", {}, 200, {"cache-control": "public, max-age=60"}),
    ("/etag/abc", {}, 200, {"etag": "abc"}),
    ("/etag/abc", {"If-None-Match": 'W/"abc", "b"'}, 304, {"etag": "abc"}),
    ("/etag/abc", {"If-None-Match": "*"}, 304, {}),
    ("/etag/abc", {"If-None-Match": '"b"'}, 200, {}),
    ("/etag/abc", {"If-Match": '"abc"'}, 200, {}),
    ("/etag/abc", {"If-Match": '"b"'}, 412, {}),
    ("/etag/a%0d%0ab", {}, 400, {}),
    ("/links/2", {}, 302, {"location": "/links/2/0"}),
    ("/image", {"Accept": "image/webp"}, 200, {"content-type": "image/webp"}),
    ("/image", {"Accept": "image/gif, image/jpeg;q=0.5"}, 200, {"content-type": "image/jpeg"}),
    ("/image", {"Accept": "image/*"}, 200, {"content-type": "image/png"}),
    ("/image", {}, 200, {"content-type": "image/png"}),
    ("/image", {"Accept": "text/html"}, 406, {"content-type": "application/json"}),
    ("/image/svg", {}, 200, {"content-type": "image/svg+xml"}),
    ("/image/gif", {}, 404, {}),
    ("/range/26", {"Range": "bytes=2-4"}, 206, {"content-range": "bytes 2-4/26", "etag": "range26"}),
    ("/range/26", {"Range": "bytes=30-"}, 416, {"content-range": "bytes */26"}),
    ("/range/26", {}, 200, {"content-range": "bytes 0-25/26", "accept-ranges": "bytes"}),
    ("/range/0", {}, 404, {"etag": "range0"}),
    ("/range/200000", {}, 404, {}),
    ("/drip?duration=0&numbytes=3&code=503", {}, 503, {"content-length": "3"}),
    ("/drip?numbytes=0", {}, 400, {}),
    ("/drip?numbytes=x", {}, 400, {}),
    ("/drip?duration=11", {}, 400, {}),
    ("/delay/x", {}, 400, {}),
    ("/delay/-1", {}, 400, {}),
    ("/bytes/x", {}, 404, {}),
    ("/bytes/3?seed=x", {}, 400, {}),
    ("/base64/zz$$", {}, 200, {}),
    ("/base64/turn/a", {}, 400, {}),
    ("/unstable?failure_rate=0", {}, 200, {}),
    ("/unstable?failure_rate=1", {}, 500, {}),
    ("/unstable?failure_rate=2", {}, 400, {}),
    ("/problem?status=409", {}, 409, {"content-type": "application/problem+json"}),
    ("/response-headers?a=1&a=2&B=%C3%A9", {}, 200, {"a": "1, 2", "b": "é"}),
    ("/response-headers?a=x%0d%0ab", {}, 400, {}),
    ("/response-headers?a%20b=x", {}, 400, {}),
    ("/robots.txt", {}, 200, {"content-type": "text/plain; charset=utf-8"}),
    ("/httpbin", {}, 200, {"content-type": "text/html; charset=utf-8"}),
    ("/get", {"Origin": "http://a"}, 200, {"access-control-allow-origin": "http://a"}),
    ("/get", {}, 200, {"access-control-allow-origin": "*", "access-control-allow-credentials": "true"}),
    ("/xml", {}, 200, {"content-type": "application/xml"}),
    ("/pdf", {}, 200, {"content-type": "application/pdf"}),
    ("/jsonl?count=2", {}, 200, {"content-type": "application/jsonl"}),
]


@pytest.mark.parametrize(("target", "headers", "status", "fields"), FIELDS)
def test_status_and_fields(
    port: int, target: str, headers: dict[str, str], status: int, fields: dict[str, str]
) -> None:
    reply = fetch(port, target, headers=headers)
    assert reply.status == status
    assert {name: reply.headers.get(name) for name in fields} == fields


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/get", "GET, HEAD, OPTIONS"),
        ("GET", "/post", "OPTIONS, POST"),
        ("DELETE", "/ip", "GET, HEAD, OPTIONS"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
        ("PATCH", "/files/pub/readme.txt", "DELETE, GET, HEAD, OPTIONS, PUT"),
    ],
)
def test_methods_that_are_not_allowed(port: int, method: str, target: str, allow: str) -> None:
    reply = fetch(port, target, method)
    assert reply.status == 405
    assert reply.headers["allow"] == allow


def test_options_and_preflight(port: int) -> None:
    reply = fetch(port, "/status/200", "OPTIONS", {"Origin": "http://a", "Access-Control-Request-Headers": "X-Y"})
    assert reply.status == 200
    assert reply.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE"
    assert reply.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE, PATCH, OPTIONS"
    assert reply.headers["access-control-allow-headers"] == "X-Y"
    assert reply.headers["access-control-max-age"] == "3600"


BODIES = [
    ("/ip", {"origin": "127.0.0.1"}),
    ("/user-agent", {"user-agent": "test"}),
    ("/hostname", {"hostname": "mail.example.test"}),
    ("/headers", {"headers": {"Accept-Encoding": "identity", "Host": "example.org", "User-Agent": "test"}}),
    ("/response-headers?a=1", {"Content-Length": "79", "Content-Type": "application/json", "a": "1"}),
]


@pytest.mark.parametrize(("target", "expected"), BODIES)
def test_small_json_replies(port: int, target: str, expected: dict[str, Any]) -> None:
    assert fetch(port, target).json() == expected


def test_cookies(port: int) -> None:
    assert fetch(port, "/cookies", headers={"Cookie": 'a=1; b="x y"; c'}).json() == {
        "cookies": {"a": "1", "b": "x y", "c": ""}
    }


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_basic_and_bearer(port: int) -> None:
    for path in ("basic-auth", "hidden-basic-auth"):
        assert fetch(port, f"/{path}/u/p", headers=basic("u", "p")).json() == {"authenticated": True, "user": "u"}
        assert fetch(port, f"/{path}/u/p", headers=basic("u", "x")).status in (401, 404)
        assert fetch(port, f"/{path}/%C3%BC/a%2Fb", headers=basic("ü", "a/b")).status == 200
    assert fetch(port, "/bearer", headers={"Authorization": "Bearer abc"}).json() == {
        "authenticated": True,
        "token": "abc",
    }


@pytest.mark.parametrize(
    "credentials", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Basic /w==", "Digest x"]
)
def test_credentials_that_are_none(port: int, credentials: str) -> None:
    assert fetch(port, "/basic-auth/u/p", headers={"Authorization": credentials}).status == 401
    assert fetch(port, "/digest-auth/auth/u/p", headers={"Authorization": credentials}).status == 401


def digest(
    challenge: str, method: str, uri: str, user: str, password: str, body: bytes = b"", qop: str = "auth"
) -> str:
    """What a client answers to a challenge (RFC 7616 section 3.4)."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    algorithm = fields["algorithm"]
    make = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}[algorithm]

    def h(text: str) -> str:
        return make(text.encode()).hexdigest()

    second = f"{method}:{uri}" + (f":{make(body).hexdigest()}" if qop == "auth-int" else "")
    secret = h(":".join((user, fields["realm"], password)))
    told = h(":".join((secret, fields["nonce"], "00000001", "abc", qop, h(second))))
    return (
        f'Digest username="{user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", '
        f'algorithm={algorithm}, response="{told}", qop={qop}, nc=00000001, cnonce="abc", opaque="{fields["opaque"]}"'
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_digest(port: int, algorithm: str, qop: str) -> None:
    path = f"/digest-auth/{qop}/u/p/{algorithm}?x=1"
    challenge = fetch(port, path, "POST", body=b"hello").headers["www-authenticate"]
    assert f"algorithm={algorithm}" in challenge
    assert f'qop="{qop}"' in challenge
    for password, body, status in (
        ("p", b"hello", 200),
        ("x", b"hello", 401),
        ("p", b"other", 200 if qop == "auth" else 401),
    ):
        answer = digest(challenge, "POST", path, "u", password, b"hello", qop)
        assert fetch(port, path, "POST", {"Authorization": answer}, body).status == status
    other = digest(challenge, "POST", "/digest-auth/elsewhere", "u", "p", b"hello", qop)
    assert fetch(port, path, "POST", {"Authorization": other}, b"hello").status == 401


def test_digest_nonces_go_stale(port: int) -> None:
    path = "/digest-auth/auth/u/p/MD5/1"
    first = fetch(port, path)
    assert "stale_after=1" in first.headers["set-cookie"]
    answer = digest(first.headers["www-authenticate"], "GET", path, "u", "p")
    good = fetch(port, path, headers={"Authorization": answer, "Cookie": "stale_after=1"})
    assert good.status == 200
    assert "stale_after=0" in good.headers["set-cookie"]
    stale = fetch(port, path, headers={"Authorization": answer, "Cookie": "stale_after=0"})
    assert stale.status == 401
    assert "stale=TRUE" in stale.headers["www-authenticate"]


def test_digest_by_the_standard_library(port: int) -> None:
    url = f"http://127.0.0.1:{port}/digest-auth/auth/alice/secret"
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, url, "alice", "secret")
    opener = urllib.request.build_opener(urllib.request.HTTPDigestAuthHandler(manager))
    with opener.open(url, timeout=5) as response:
        assert json.load(response) == {"authenticated": True, "user": "alice"}


@pytest.mark.parametrize(
    ("path", "coding", "flag"),
    [
        ("/gzip", "gzip", "gzipped"),
        ("/deflate", "deflate", "deflated"),
        ("/brotli", "br", "brotli"),
        ("/zstd", "zstd", "zstd"),
    ],
)
def test_encodings(port: int, path: str, coding: str, flag: str) -> None:
    reply = fetch(port, path)
    told = json.loads(decoded(reply))
    assert reply.headers["content-encoding"] == coding
    assert told[flag] is True
    assert told["method"] == "GET"


def decoded(reply: Reply) -> bytes:
    """A body without its content coding."""
    coding = reply.headers["content-encoding"]
    if coding == "gzip":
        return gzip.decompress(reply.body)
    if coding == "deflate":
        return zlib.decompress(reply.body)
    if coding == "br":
        import brotli

        return bytes(brotli.decompress(reply.body))
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        import zstandard

        return zstandard.ZstdDecompressor().decompress(reply.body, max_output_size=1 << 20)
    return bytes(zstd.decompress(reply.body))


def test_random_octets_are_httpbins_for_a_seed(port: int) -> None:
    assert fetch(port, "/bytes/4?seed=1").body == b"D \x82<"
    assert fetch(port, "/stream-bytes/4?seed=1&chunk_size=3").body == b"D \x82<"
    assert len(fetch(port, "/bytes/1000000").body) == 102_400
    assert fetch(port, "/bytes/20").body != fetch(port, "/bytes/20").body


def test_streams(port: int) -> None:
    lines = [json.loads(line) for line in fetch(port, "/stream/3?a=1").body.splitlines()]
    assert [line["id"] for line in lines] == [0, 1, 2]
    assert lines[0]["url"] == "http://example.org/stream/3?a=1"
    assert len(fetch(port, "/stream/1000").body.splitlines()) == 100
    assert [json.loads(line)["id"] for line in fetch(port, "/jsonl?count=3").body.splitlines()] == [0, 1, 2]
    events = fetch(port, "/sse?count=3&duration=0.05").body
    assert re.fullmatch(rb'(event: ping\ndata: \{"id":[0-2],"timestamp":[0-9]+\}\n\n){3}', events)


def test_things_that_take_time(port: int) -> None:
    for target, least in (("/delay/0.2", 0.2), ("/delay/150ms", 0.15), ("/drip?duration=0.2&numbytes=5", 0.15)):
        began = time.monotonic()
        assert fetch(port, target).status == 200
        assert least <= time.monotonic() - began < 3
    assert fetch(port, "/drip?duration=0.05&numbytes=500").body == b"*" * 500


def test_ranges_of_the_alphabet(port: int) -> None:
    def ranged(value: str) -> tuple[int, bytes]:
        reply = fetch(port, "/range/26", headers={"Range": value})
        return reply.status, reply.body

    assert ranged("bytes=0-3") == (206, b"abcd")
    assert ranged("bytes=-4") == (206, b"wxyz")
    assert ranged("bytes=20-99") == (206, b"uvwxyz")
    assert ranged("items=0-1")[0] == 200
    status, body = ranged("bytes=0-1,24-")
    assert status == 206
    assert b"Content-Range: bytes 24-25/26\r\n\r\nyz\r\n" in body


def test_documents(port: int) -> None:
    assert fetch(port, "/json").json()["slideshow"]["author"] == "Yours Truly"
    assert ElementTree.fromstring(fetch(port, "/xml").body).get("title") == "Sample Slide Show"
    assert b"<h1>Herman Melville - Moby-Dick</h1>" in fetch(port, "/html").body
    assert "Καλημέρα" in fetch(port, "/encoding/utf8").body.decode()
    assert b'name="custname"' in fetch(port, "/forms/post").body
    assert b"YOU SHOULDN'T BE HERE" in fetch(port, "/deny").body
    assert fetch(port, "/links/3/1").body == (
        b"<html><head><title>Links</title></head><body>"
        b"<a href='/links/3/0'>0</a> 1 <a href='/links/3/2'>2</a> </body></html>"
    )
    pdf = fetch(port, "/pdf").body
    assert pdf[int(pdf.split()[-2]) :].startswith(b"xref")
    assert [fetch(port, f"/image/{kind}").body[:4] for kind in ("png", "jpeg", "webp")] == [
        b"\x89PNG",
        b"\xff\xd8\xff\xe0",
        b"RIFF",
    ]
    assert ElementTree.fromstring(fetch(port, "/image/svg").body).tag.endswith("svg")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/base64/aGVsbG8=", "hello"),
        ("/base64/aGVsbG8", "hello"),
        ("/base64/encode/h%C3%BC", "aMO8"),
        ("/base64/decode/PGI-", "&lt;b&gt;"),
    ],
)
def test_base64(port: int, path: str, text: str) -> None:
    assert fetch(port, path).body.decode() == text


def test_dump_request(port: int) -> None:
    dumped = fetch(port, "/dump/request?a=1", "POST", body=b"abc").body
    assert dumped.startswith(b"POST /dump/request?a=1 HTTP/1.1\r\n")
    assert b"\r\nHost: example.org\r\n" in dumped
    assert dumped.endswith(b"\r\n\r\nabc")


def test_uuids_are_of_version_4(port: int) -> None:
    made = fetch(port, "/uuid").json()["uuid"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made)


def test_the_list_of_endpoints_names_each(port: int) -> None:
    page = unescape(fetch(port, "/httpbin").body.decode())
    assert all(row.path in page and row.help in page for row in ENDPOINTS)
    assert len({(row.path, method) for row in ENDPOINTS for method in row.methods}) == sum(
        len(row.methods) for row in ENDPOINTS
    )


# -- go-httpbin


def test_go_shape_of_get_and_post(go_port: int) -> None:
    told = fetch(go_port, "/get?a=1&b=%C3%BC").json()
    assert told["args"] == {"a": ["1"], "b": ["ü"]}
    assert told["headers"]["Host"] == ["example.org"]
    assert told["method"] == "GET"
    assert told["url"] == "http://example.org/get?a=1&b=%C3%BC"
    posted = fetch(go_port, "/post", "POST", {"Content-Type": FORM}, b"a=1").json()
    assert (posted["form"], posted["data"], posted["json"]) == ({"a": ["1"]}, "a=1", None)
    other = fetch(go_port, "/post", "POST", {"Content-Type": "image/x"}, b"\xff").json()
    assert other["data"] == "data:image/x;base64,_w=="
    assert fetch(go_port, "/post", "POST", {"Content-Type": "application/json"}, b"{bad").status == 400


@pytest.mark.parametrize(
    ("target", "headers", "status", "expected"),
    [
        ("/cookies", {"Cookie": "a=1"}, 200, {"a": "1"}),
        ("/basic-auth/u/p", basic("u", "p"), 200, {"authenticated": True, "authorized": True, "user": "u"}),
        ("/basic-auth/u/p", basic("x", "y"), 401, {"authenticated": False, "authorized": False, "user": "x"}),
        ("/hidden-basic-auth/u/p", {}, 404, {"status_code": 404, "error": "Not Found"}),
        ("/image", {"Accept": "text/html"}, 415, {"status_code": 415, "error": "Unsupported Media Type"}),
        (
            "/redirect/0",
            {},
            400,
            {"status_code": 400, "error": "Bad Request", "detail": "redirect count must be > 0"},
        ),
        ("/response-headers?a=1", {}, 200, {"Content-Type": ["application/json; charset=utf-8"], "a": ["1"]}),
        ("/user-agent", {}, 200, {"user-agent": "test"}),
    ],
)
def test_go_shapes(go_port: int, target: str, headers: dict[str, str], status: int, expected: dict[str, Any]) -> None:
    reply = fetch(go_port, target, headers=headers)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.json() == expected


def test_go_etags_are_quoted(go_port: int) -> None:
    assert fetch(go_port, "/etag/a").headers["etag"] == '"a"'
    assert fetch(go_port, "/etag/a", headers={"If-None-Match": '"a"'}).status == 304


def test_a_query_does_not_write_a_page(go_port: int) -> None:
    reply = fetch(go_port, "/response-headers?Content-Type=text/html&x=%3Cscript%3E")
    assert reply.headers["content-type"] == "text/html"
    assert b"<script>" not in reply.body
