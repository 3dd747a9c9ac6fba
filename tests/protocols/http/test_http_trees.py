"""The static site and the files: types, listings, conditions, ranges, compression, changes, and no way out."""

from __future__ import annotations

import base64
import gzip
import hashlib
import threading

import pytest
from http_clients import converse, fetch, statuses
from http_site import BIG, STYLE, site_world, store
from small_world import empty_world
from stage import Served, serving

from minternet.protocols.http.paths import media_type, tree_path
from minternet.protocols.http.ranges import Validators, evaluate, parse_date, parse_ranges
from minternet.protocols.http.static import accepted_codings
from minternet.wire.tls import Authority

MODIFIED = "Wed, 01 May 2024 12:00:00 GMT"
ALICE = {"Authorization": "Basic " + base64.b64encode(b"alice:wonderland").decode()}


# -- pure


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-30", [(0, 10)]),
        ("bytes=8-99", [(8, 10)]),
        ("bytes=0-1, 4-5,-1", [(0, 2), (4, 6), (9, 10)]),
        ("bytes=0-1,20-30", [(0, 2)]),
        ("BYTES=0-1", [(0, 2)]),
        ("bytes=10-", []),
        ("bytes=-0", []),
        ("bytes=99999999999999999999999-", []),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=", None),
        ("bytes 0-1", None),
        ("items=0-1", None),
        ("bytes=0-9,0-9", None),
        ("bytes=" + ",".join(["0-0"] * 60), None),
    ],
)
def test_ranges(value: str, spans: list[tuple[int, int]] | None) -> None:
    assert parse_ranges(value, 10) == spans


@pytest.mark.parametrize(
    ("headers", "method", "verdict"),
    [
        ({}, "GET", "go"),
        ({"if-none-match": '"a"'}, "GET", "unchanged"),
        ({"if-none-match": 'W/"a"'}, "HEAD", "unchanged"),
        ({"if-none-match": '"b", "a"'}, "GET", "unchanged"),
        ({"if-none-match": "*"}, "PUT", "failed"),
        ({"if-none-match": '"b"', "if-modified-since": MODIFIED}, "GET", "go"),
        ({"if-match": '"a"'}, "GET", "go"),
        ({"if-match": 'W/"a"'}, "GET", "failed"),
        ({"if-match": '"b"'}, "GET", "failed"),
        ({"if-match": "*"}, "PUT", "go"),
        ({"if-modified-since": MODIFIED}, "GET", "unchanged"),
        ({"if-modified-since": "Wed, 01 May 2024 11:59:59 GMT"}, "GET", "go"),
        ({"if-modified-since": "Wednesday, 01-May-24 12:00:00 GMT"}, "GET", "unchanged"),
        ({"if-modified-since": "Wed May  1 12:00:00 2024"}, "GET", "unchanged"),
        ({"if-modified-since": "yesterday"}, "GET", "go"),
        ({"if-modified-since": MODIFIED}, "PUT", "go"),
        ({"if-unmodified-since": MODIFIED}, "GET", "go"),
        ({"if-unmodified-since": "Wed, 01 May 2024 11:59:59 GMT"}, "PUT", "failed"),
    ],
)
def test_conditions(headers: dict[str, str], method: str, verdict: str) -> None:
    modified = parse_date(MODIFIED)
    assert evaluate(headers, method, Validators('"a"', modified)) == verdict


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/", "/"),
        ("/a/b.txt", "/a/b.txt"),
        ("//a///b/", "/a/b"),
        ("/gr%C3%BC%C3%9Fe.txt", "/grüße.txt"),
        ("/a%20b", "/a b"),
        ("/./a", "/a"),
        ("/..a/b..", "/..a/b.."),
        ("/../etc/passwd", None),
        ("/a/../../b", None),
        ("/%2e%2e/b", None),
        ("/a%2f..%2fb", None),
        ("/a%5cb", None),
        ("/a\\b", None),
        ("/a%00b", None),
        ("/%ff", None),
        ("/" + "a" * 300, None),
    ],
)
def test_paths(raw: str, path: str | None) -> None:
    assert tree_path(raw) == path


@pytest.mark.parametrize(
    ("name", "start", "kind"),
    [
        ("a.html", b"abc", "text/html; charset=utf-8"),
        ("a.HTM", "grüß".encode()[:3], "text/html; charset=utf-8"),
        ("a.html", b"gr\xfc\xdf", "text/html"),
        ("a.txt", b"\xff\xfea\x00", "text/plain; charset=utf-16"),
        ("a.js", b"", "text/javascript; charset=utf-8"),
        ("a.json", b"", "application/json"),
        ("feed.xml", b"", "application/xml"),
        ("a.webp", b"", "image/webp"),
        ("a.tar.gz", b"", "application/gzip"),
        ("noname", b"", "application/octet-stream"),
    ],
)
def test_media_types(name: str, start: bytes, kind: str) -> None:
    assert media_type(name, start) == kind


@pytest.mark.parametrize(
    ("accept", "codings"),
    [
        ("", []),
        ("gzip", ["gzip"]),
        ("gzip, br;q=0.5", ["gzip", "br"]),
        ("gzip;q=0, *", ["br", "zstd"]),
        ("identity, gzip;q=0.5", []),
        ("GZIP;Q=0.9", ["gzip"]),
        ("compress", []),
    ],
)
def test_accepted_codings(accept: str, codings: list[str]) -> None:
    assert accepted_codings(accept) == codings


# -- the site


def test_the_index_is_at_the_root(port: int) -> None:
    reply = fetch(port, "/")
    assert b"<title>Small</title>" in reply.body
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["last-modified"] == MODIFIED
    assert reply.headers["cache-control"] == "public, max-age=0, must-revalidate"


def test_folders(port: int) -> None:
    assert fetch(port, "/docs?a=1").headers["location"] == "/docs/?a=1"
    assert fetch(port, "//docs").headers["location"] == "/docs/"
    assert fetch(port, "/docs/").body == b"<title>Docs</title>\n"
    assert fetch(port, "/docs/deep").status == 301
    listing = fetch(port, "/docs/deep/").body.decode()
    assert '<a href="./one.txt">one.txt</a>' in listing
    assert '<a href="./a:b%20%3Cc%3E.txt">a:b &lt;c&gt;.txt</a>' in listing
    told = fetch(port, "/docs/deep/", headers={"Accept": "application/json"}).json()
    assert [entry["name"] for entry in told["entries"]] == ["a:b <c>.txt", "one.txt"]
    assert fetch(port, "/docs/deep/a:b%20%3Cc%3E.txt").body == b"odd name\n"


def test_what_is_not_there(port: int) -> None:
    reply = fetch(port, "/nowhere")
    assert (reply.status, reply.body) == (404, b"<title>Not here</title>\n")
    assert fetch(port, "/style.css/").status == 404
    assert fetch(port, "/nowhere", "POST").status == 404


def test_endpoints_are_in_front_of_the_site(port: int) -> None:
    assert fetch(port, "/get").json()["args"] == {}
    assert fetch(port, "/robots.txt").body == b"User-agent: *\nDisallow:\n"


def test_charsets_are_what_the_files_show(port: int) -> None:
    assert fetch(port, "/page.html").headers["content-type"] == "text/html; charset=utf-8"
    assert fetch(port, "/latin1.html").headers["content-type"] == "text/html"


def test_conditional_requests(port: int) -> None:
    tag = fetch(port, "/style.css").headers["etag"]
    unchanged = fetch(port, "/style.css", headers={"If-None-Match": tag})
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", tag)
    assert fetch(port, "/style.css", headers={"If-Modified-Since": MODIFIED}).status == 304
    assert fetch(port, "/style.css", headers={"If-Match": '"other"'}).status == 412


def test_compression(port: int) -> None:
    packed = fetch(port, "/style.css", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == STYLE
    assert packed.headers["etag"] != fetch(port, "/style.css").headers["etag"]
    again = fetch(port, "/style.css", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]})
    assert again.status == 304
    beforehand = fetch(port, "/packed.js", headers={"Accept-Encoding": "gzip"})
    assert beforehand.body == b"not really gzip, but what was packed beforehand"
    assert "content-encoding" not in fetch(port, "/big.bin", headers={"Accept-Encoding": "gzip"}).headers


# -- the files


def test_reading_files(port: int) -> None:
    reply = fetch(port, "/files/pub/readme.txt")
    assert reply.body == b"Welcome to /pub.\n"
    assert reply.headers["accept-ranges"] == "bytes"
    assert fetch(port, "/files/pub/gr%C3%BC%C3%9Fe.txt").headers["content-type"] == "text/plain"
    assert fetch(port, "/files").headers["location"] == "/files/"
    assert fetch(port, "/files/pub").headers["location"] == "/files/pub/"
    assert fetch(port, "/files/pub/readme.txt/").status == 404
    told = fetch(port, "/files/pub/", headers={"Accept": "application/json"}).json()
    assert told["path"] == "/pub"
    assert {entry["name"]: entry["type"] for entry in told["entries"]}["readme.txt"] == "file"
    assert told["entries"][1]["sha256"] == hashlib.sha256(bytes(range(256))).hexdigest()


def test_large_files_and_their_ranges(port: int) -> None:
    for path in ("/files/pub/big.bin", "/big.bin"):
        assert fetch(port, path).body == BIG
        part = fetch(port, path, headers={"Range": "bytes=1000000-1000009"})
        assert (part.status, part.body) == (206, BIG[1_000_000:1_000_010])
        assert part.headers["content-range"] == f"bytes 1000000-1000009/{len(BIG)}"
        beyond = fetch(port, path, headers={"Range": f"bytes={len(BIG)}-"})
        assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(BIG)}")


def test_several_ranges_are_parts(port: int) -> None:
    reply = fetch(port, "/files/pub/data.bin", headers={"Range": "bytes=0-1,254-"})
    kind, _, boundary = reply.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert int(reply.headers["content-length"]) == len(reply.body)
    part = b"\r\n--%b\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %b/256\r\n\r\n%b"
    mark = boundary.encode()
    assert reply.body == (
        part % (mark, b"0-1", b"\x00\x01") + part % (mark, b"254-255", b"\xfe\xff") + b"\r\n--%b--\r\n" % mark
    )


def test_if_range(port: int) -> None:
    tag = fetch(port, "/files/pub/data.bin").headers["etag"]
    for value, status in ((tag, 206), ('"other"', 200), (MODIFIED, 206), ("Wed, 01 May 2024 11:00:00 GMT", 200)):
        headers = {"Range": "bytes=0-1", "If-Range": value}
        assert fetch(port, "/files/pub/data.bin", headers=headers).status == status


def test_everybody_reads_and_wrong_credentials_are_refused(port: int) -> None:
    assert fetch(port, "/files/home/alice/notes.txt").body == b"Buy milk.\n"
    assert fetch(port, "/files/home/alice/notes.txt", headers=ALICE).status == 200
    assert fetch(port, "/files/home/alice/notes.txt", headers={"Authorization": "Bearer alice-token"}).status == 200
    refused = fetch(port, "/files/home/alice/notes.txt", headers={"Authorization": "Bearer alice-expired"})
    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith("Basic realm=")
    wrong = {"Authorization": "Basic " + base64.b64encode(b"alice:x").decode()}
    assert fetch(port, "/files/pub/readme.txt", headers=wrong).status == 401


CLIMBS = [
    b"/files/../secret",
    b"/files/%2e%2e/%2e%2e/etc/passwd",
    b"/files/pub/..%2f..%2fetc/passwd",
    b"/files/pub/%00",
    b"/files/pub\\..\\home",
    b"/files/pub/../home/alice/notes.txt",
    b"/../../etc/passwd",
    b"/..%5c..%5cetc",
    b"/%ff",
]


@pytest.mark.parametrize("target", CLIMBS)
def test_no_path_leads_out(port: int, target: bytes) -> None:
    reply = converse(port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert statuses(reply) == [400]
    assert b"milk" not in reply


# -- changes (in a world of their own)


@pytest.fixture
def own(authority: Authority) -> object:
    with serving("http", authority=authority, world=site_world()) as served:
        yield served


def test_put_and_delete(own: Served) -> None:
    port = own.ports["http"]
    path = "/files/home/alice/new/report.txt"
    created = fetch(port, path, "PUT", ALICE, b"one")
    assert (created.status, created.headers["location"]) == (201, path)
    assert fetch(port, path, headers=ALICE).body == b"one"
    stale = {**ALICE, "If-Match": '"other"'}
    assert fetch(port, path, "PUT", stale, b"two").status == 412
    assert fetch(port, path, "PUT", {**ALICE, "If-Match": created.headers["etag"]}, b"two").status == 204
    assert fetch(port, path, "PUT", {**ALICE, "If-None-Match": "*"}, b"three").status == 412
    assert own.call(own.world.files.content, "/home/alice/new/report.txt").bytes() == b"two"
    assert own.call(own.world.files.get, "/home/alice/new/report.txt").owner == "alice"
    assert fetch(port, path, "DELETE", ALICE).status == 204
    assert fetch(port, path, "DELETE", ALICE).status == 404


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/files/home/alice/x", {}, 401),
        ("/files/home/bob/x", ALICE, 403),
        ("/files/pub/x", ALICE, 403),
        ("/files/incoming/x", ALICE, 201),
        ("/files/home/alice/x/", ALICE, 400),
        ("/files/home/alice/notes.txt/x", ALICE, 409),
        ("/files/home/alice/x", {**ALICE, "Content-Range": "bytes 0-1/2"}, 400),
        ("/style.css", ALICE, 405),
    ],
)
def test_where_files_may_be_put(own: Served, path: str, headers: dict[str, str], status: int) -> None:
    assert fetch(own.ports["http"], path, "PUT", headers, b"x").status == status


def test_an_upload_that_is_cut_off_leaves_nothing(own: Served) -> None:
    lines = f"PUT /files/home/alice/half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: {ALICE['Authorization']}\r\n\r\n"
    converse(own.ports["http"], lines.encode() + b"only this", end=True)
    assert own.call(own.world.files.find, "/home/alice/half") is None
    assert fetch(own.ports["http"], "/ip").status == 200


def test_large_uploads_appear_when_they_are_whole(own: Served) -> None:
    path = "/files/incoming/large.bin"
    threads = [
        threading.Thread(target=fetch, args=(own.ports["http"], path, "PUT", ALICE, bytes((number,)) * 3_000_000))
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    content = fetch(own.ports["http"], path).body
    assert len(content) == 3_000_000
    assert len(set(content)) == 1


def test_without_an_index_the_endpoints_are_listed(authority: Authority) -> None:
    world = empty_world()
    store(world, "/other.txt", b"x")
    with serving("http", authority=authority, world=world) as served:
        assert b"<h1>HTTP endpoints</h1>" in fetch(served.ports["http"], "/").body
        assert fetch(served.ports["http"], "/robots.txt").body == b"User-agent: *\nDisallow: /deny\n"
        assert b"/httpbin" in fetch(served.ports["http"], "/nowhere").body
