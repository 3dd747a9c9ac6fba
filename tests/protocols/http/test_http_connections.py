"""Connections: keep-alive, pipelining, bodies and trailers both ways, interim replies, limits of time, refusals."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import time

import pytest
from http_clients import converse, fetch, read_all, read_until, statuses
from stage import Served, serving

from minternet.settings import Limits, Settings
from minternet.wire.tls import Authority

GET = b"GET /ip HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /ip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def post(body: bytes, *fields: bytes, target: bytes = b"/post") -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST " + target + b" HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n" + body


def body_of(reply: bytes) -> dict[str, object]:
    """The JSON of the last reply."""
    told = json.loads(reply.rpartition(b"\r\n\r\n")[2])
    assert isinstance(told, dict)
    return told


def test_requests_follow_each_other_on_a_connection(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        for _ in range(3):
            client.sendall(GET)
            assert read_until(client, b"}\n").startswith(b"HTTP/1.1 200 OK\r\n")


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    slow = b"GET /delay/0.2 HTTP/1.1\r\nHost: x\r\n\r\n"
    replies = converse(
        port,
        slow + post(b"abc", b"Content-Length: 3") + GET * 20 + b"GET /status/404 HTTP/1.1\r\nHost: x\r\n\r\n" + LAST,
    )
    assert statuses(replies) == [200] * 22 + [404, 200]
    assert replies.index(b"/delay/0.2") < replies.index(b'"data": "abc"')


def test_a_request_that_comes_octet_by_octet(port: int) -> None:
    pieces = [
        bytes((octet,)) for octet in b"\r\n" + post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked") + LAST
    ]
    assert statuses(converse(port, *pieces)) == [200, 200]


def test_what_follows_connection_close_is_dropped(port: int) -> None:
    assert statuses(converse(port, LAST + GET)) == [200]


@pytest.mark.parametrize(
    ("raw", "keeps", "chunked"),
    [
        (b"GET /ip HTTP/1.0\r\n\r\n", False, False),
        (b"GET /ip HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True, False),
        (b"GET /stream/2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False, False),
        (b"GET /stream/2 HTTP/1.1\r\nHost: x\r\n\r\n", True, True),
    ],
)
def test_old_clients_get_what_they_understand(port: int, raw: bytes, keeps: bool, chunked: bool) -> None:
    reply = converse(port, raw, end=True)
    head = reply.partition(b"\r\n\r\n")[0].lower()
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (b"transfer-encoding: chunked" in head) is chunked
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(raw)
        read_until(client, b"0\r\n\r\n" if chunked else b"}\n")
        client.sendall(LAST)
        assert (b"200 OK" in read_all(client)) is keeps


def test_chunked_bodies_and_their_trailers(port: int) -> None:
    body = b'3;x="y"\r\nabc\r\n3\r\ndef\r\n0\r\nX-Sum: 42\r\n\r\n'
    told = body_of(converse(port, post(body, b"Transfer-Encoding: chunked", b"Connection: close")))
    assert told["data"] == "abcdef"
    assert told["trailers"] == {"X-Sum": "42"}


def test_replies_with_trailers(port: int) -> None:
    raw = b"GET /trailers?X-One=1&X-Two=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reply = converse(port, raw)
    assert b"Trailer: X-One, X-Two\r\n" in reply
    assert reply.endswith(b"\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n")


@pytest.mark.parametrize("name", ["Content-Length", "host", "Set-Cookie", "a%20b", "a%0d%0ab"])
def test_trailers_that_may_not_be(port: int, name: str) -> None:
    assert fetch(port, f"/trailers?{name}=1").status == 400


def test_expect_100_continue(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(post(b"", b"Content-Length: 3", b"Expect: 100-continue", b"Connection: close"))
        assert read_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert body_of(read_all(client))["data"] == "abc"


def test_an_answer_without_the_expected_body_closes(port: int) -> None:
    raw = post(b"", b"Content-Length: 3", b"Expect: 100-continue", target=b"/status/403")
    reply = converse(port, raw)
    assert statuses(reply) == [403]
    assert b"Connection: close\r\n" in reply


def test_a_body_nobody_reads_is_skipped(port: int) -> None:
    raw = post(b"x" * 200_000, b"Content-Length: 200000", target=b"/status/404")
    assert statuses(converse(port, raw + LAST)) == [404, 200]


def test_interim_replies(port: int) -> None:
    assert statuses(converse(port, b"GET /status/102 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == [102, 200]
    hints = converse(port, b"GET /early-hints?link=%3C/a%3E HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert hints.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert statuses(converse(port, b"GET /early-hints HTTP/1.0\r\n\r\n")) == [200]


@pytest.mark.parametrize("code", [204, 304])
def test_replies_without_a_body(port: int, code: int) -> None:
    reply = converse(port, b"GET /status/%d HTTP/1.1\r\nHost: x\r\n\r\n" % code + LAST)
    head = reply.partition(b"\r\n\r\n")[0].lower()
    assert statuses(reply) == [code, 200]
    assert b"transfer-encoding" not in head
    assert code == 304 or b"content-length" not in head


def test_head_is_get_without_the_body(port: int) -> None:
    for target in ("/json", "/stream/2", "/style.css", "/files/pub/big.bin"):
        whole, empty = fetch(port, target), fetch(port, target, "HEAD")
        assert empty.body == b""
        assert empty.headers.get("content-length") == whole.headers.get("content-length")
        assert empty.headers["content-type"] == whole.headers["content-type"]


def test_date_and_server_stand_in_every_reply(port: int) -> None:
    for reply in (converse(port, LAST), converse(port, b"nonsense\r\n\r\n")):
        assert b"\r\nDate: Wed, 01 May 2024 12:00:00 GMT\r\nServer: minternet\r\n" in reply


def test_a_client_that_ends_its_side_still_gets_the_reply(port: int) -> None:
    assert statuses(converse(port, b"GET /delay/0.1 HTTP/1.1\r\nHost: x\r\n\r\n", end=True)) == [200]


REFUSED = [
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    (b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    (post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    (post(b"", b"Content-Length: 9999999999999"), 413),
    (post(b"ffffffffffffffff\r\n", b"Transfer-Encoding: chunked"), 413),
    (post(b"xyz\r\n", b"Transfer-Encoding: chunked"), 400),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 300 + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 100_000, 431),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"\x00" * 50 + b"\r\n\r\n", 400),
]


@pytest.mark.parametrize(("raw", "status"), REFUSED)
def test_refusals_end_the_connection(port: int, raw: bytes, status: int) -> None:
    """What follows a refused request is never taken for another."""
    reply = converse(port, raw + GET)
    assert statuses(reply) == [status]
    assert b"Connection: close\r\n" in reply
    assert statuses(converse(port, LAST)) == [200]


def test_a_refusal_waits_for_the_reply_before_it(port: int) -> None:
    slow = b"GET /delay/0.1 HTTP/1.1\r\nHost: x\r\n\r\n"
    assert statuses(converse(port, slow + b"nonsense\r\n\r\n")) == [200, 400]


def test_an_upgrade_that_is_not_offered_is_ignored(port: int) -> None:
    raw = b"GET /ip HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n"
    upload = post(b"abc", b"Content-Length: 3", b"Connection: upgrade", b"Upgrade: h2c")
    replies = converse(port, raw + upload + LAST)
    assert statuses(replies) == [200, 200, 200]
    assert b'"data": "abc"' in replies


def test_many_connections_at_once(port: int) -> None:
    clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(200)]
    try:
        for client in clients:
            client.sendall(GET)
        assert all(read_until(client, b"}\n").startswith(b"HTTP/1.1 200") for client in clients)
    finally:
        for client in clients:
            client.close()


def test_uploads_of_any_size_are_counted(port: int) -> None:
    content = bytes(range(256)) * 20_000
    told = fetch(port, "/upload", "PUT", body=content).json()
    assert told["size"] == len(content)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()


def test_bodies_too_large_to_repeat(port: int) -> None:
    reply = converse(port, post(b"", b"Content-Length: 20000000"))
    assert statuses(reply) == [413]


# -- limits of time


@pytest.fixture
def hasty(authority: Authority) -> object:
    """HTTP that waits for nobody."""
    settings = Settings(limits=Limits(http_head=0.2, http_keep_alive=0.3))
    with serving("http", authority=authority, settings=settings) as served:
        served.call(served.world.clock.resume)
        yield served.ports["http"]


def test_a_head_that_drips_is_given_up(hasty: int) -> None:
    began = time.monotonic()
    assert statuses(converse(hasty, b"GET / HTTP/1.1\r\nHost: x\r\nA: ")) == [408]
    assert 0.1 < time.monotonic() - began < 5


def test_idle_connections_are_closed_without_a_word(hasty: int) -> None:
    assert converse(hasty) == b""
    assert statuses(converse(hasty, GET)) == [200]


# -- https


def test_https_speaks_http_1_1_by_alpn(web: Served) -> None:
    context = web.authority.client_context()
    assert fetch(web.ports["https"], "/get", tls=context).json()["url"] == "https://example.org/get"
    fresh = ssl.create_default_context(cafile=str(web.authority.ca_file))
    fresh.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", web.ports["https"]), timeout=5) as plain,
        fresh.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        assert client.selected_alpn_protocol() == "http/1.1"
        client.sendall(b"nonsense\r\n\r\n")
        assert statuses(read_until(client, b"\r\n\r\n")) == [400]


# -- the end


def test_the_record_of_requests(authority: Authority) -> None:
    with serving("http", authority=authority) as served:
        fetch(served.ports["http"], "/post?a=1", "POST", {"X-Mark": "here"}, b"hello")
        events = served.call(lambda: [event.change for event in served.world.journal.since(0)])
        requests = [event.request for event in events if hasattr(event, "request")]
    assert [(request.method, request.target, request.status) for request in requests] == [("POST", "/post?a=1", 200)]
    assert requests[0].body.bytes() == b"hello"
    assert dict(requests[0].headers)["x-mark"] == "here"
    assert requests[0].host == "example.org"


def test_stopping_ends_idle_and_busy_connections(authority: Authority) -> None:
    with serving("http", authority=authority) as served:
        idle = socket.create_connection(("127.0.0.1", served.ports["http"]), timeout=5)
        busy = socket.create_connection(("127.0.0.1", served.ports["http"]), timeout=5)
        busy.sendall(GET + b"GET /delay/9 HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(busy, b"}\n")
        began = time.monotonic()
    assert time.monotonic() - began < 4
    with idle, busy:
        assert read_all(idle) == b""
        assert read_all(busy) in (b"", b"<RESET>")
