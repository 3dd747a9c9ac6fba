"""The /broken endpoints: each is broken in the way it says, and the server lives on."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from pathlib import Path

import pytest
from http_clients import converse, fetch, statuses

from minternet.protocols.http.endpoints.broken import TEXT
from minternet.protocols.http.endpoints.rows import ENDPOINTS


def ask(port: int, name: str) -> bytes:
    return converse(port, f"GET /broken/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("long-length", http.client.IncompleteRead),
        ("no-last-chunk", http.client.IncompleteRead),
        ("bad-chunk-size", http.client.IncompleteRead),
        ("close", http.client.RemoteDisconnected),
        ("early-close?after=0", http.client.RemoteDisconnected),
        ("reset", ConnectionResetError),
        ("reset-in-body", ConnectionResetError),
        ("garbage", http.client.BadStatusLine),
        ("no-status-line", http.client.BadStatusLine),
        ("bad-status", http.client.BadStatusLine),
        ("bad-version", http.client.UnknownProtocol),
        ("no-head", http.client.BadStatusLine),
        ("huge-header", http.client.LineTooLong),
        ("many-headers", http.client.HTTPException),
    ],
)
def test_what_http_client_says(port: int, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        fetch(port, f"/broken/{name}")


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("short-length", b"content-length: %d\r\n\r\n%b" % (len(TEXT) - 10, TEXT)),
        ("two-lengths", b"content-length: 5\r\ncontent-length: 33\r\n"),
        ("negative-length", b"content-length: -1\r\n"),
        ("length-and-chunked", b"content-length: 5\r\ntransfer-encoding: chunked\r\n"),
        ("duplicate-headers", b'etag: "a"\r\netag: "b"\r\n'),
        ("huge-chunk-size", b"fffffffffffffffff\r\n"),
        ("chunk-overrun", b"5\r\n" + TEXT),
        ("invalid-header?kind=fold", b"folded: one\r\n two\r\n"),
        ("invalid-header?kind=nul", b"a\x00b\r\n"),
        ("invalid-header?kind=no-colon", b"\r\nno colon here\r\n"),
        ("invalid-header?kind=unknown", b"\r\nbad name: x\r\n"),
        ("bare-line-feeds", b"HTTP/1.1 200 OK\ncontent-type"),
        ("extra-reply", TEXT + b"HTTP/1.1 200 OK\r\n"),
        ("endless-interim?count=3", b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + b"HTTP/1.1 200 OK"),
        ("body-with-204", b"HTTP/1.1 204 No Content\r\n"),
        ("hang-in-body?seconds=0.1", b"content-length: 66\r\n\r\n" + TEXT),
        ("dripping-head?pause=0.001", b"\r\n\r\n" + TEXT),
    ],
)
def test_what_is_sent(port: int, name: str, mark: bytes) -> None:
    assert mark in ask(port, name)


def test_content_that_is_not_what_it_says(port: int) -> None:
    with pytest.raises(EOFError):
        gzip.decompress(fetch(port, "/broken/half-gzip").body)
    wrong = fetch(port, "/broken/wrong-encoding?encoding=br")
    assert (wrong.headers["content-encoding"], wrong.body) == ("br", TEXT)
    with pytest.raises(json.JSONDecodeError):
        fetch(port, "/broken/invalid-json").json()
    with pytest.raises(UnicodeDecodeError):
        fetch(port, "/broken/wrong-charset").body.decode()
    bomb = fetch(port, "/broken/gzip-bomb?size=1000000").body
    assert len(bomb) < 5000
    assert len(zlib.decompress(bomb, 31)) == 1_000_000


def test_redirects_without_an_end(port: int) -> None:
    assert fetch(port, "/broken/redirect-loop").headers["location"] == "/broken/redirect-loop"
    assert fetch(port, "/broken/endless-redirects/7").headers["location"] == "/broken/endless-redirects/8"
    assert "location" not in fetch(port, "/broken/redirect-nowhere").headers


def test_things_that_hang_end(port: int) -> None:
    assert ask(port, "hang?seconds=0.1") == b""
    assert fetch(port, "/broken/slow-body?pause=0.002").body == TEXT


def test_an_endless_body_that_nobody_wants(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/broken/endless-body")
    assert len(connection.getresponse().read(1_000_000)) == 1_000_000
    connection.close()
    assert statuses(ask(port, "short-length")) == [200]


def test_every_row_has_a_test() -> None:
    """What is not asked for above would be a row that nobody tried."""
    source = Path(__file__).read_text("utf-8")
    names = [row.path.split("/")[2] for row in ENDPOINTS if row.path.startswith("/broken/")]
    assert [name for name in names if name not in source] == []
