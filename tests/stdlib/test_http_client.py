"""http.client against HTTP and HTTPS, and what it says of replies that are broken."""
# mypy: disable-error-code="attr-defined, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import hashlib
import http.client
import io
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from stdlib.parts import TIMEOUT, Sites

PLAIN, SECURE = "http", "https"


@pytest.fixture(params=[PLAIN, SECURE])
def connection(request: pytest.FixtureRequest, web: Sites, tls: ssl.SSLContext) -> Iterator[http.client.HTTPConnection]:
    """A connection, once plain and once by TLS."""
    made = secure(web, tls) if request.param == SECURE else plain(web)
    yield made
    made.close()


@pytest.fixture
def client(web: Sites) -> Iterator[http.client.HTTPConnection]:
    made = plain(web)
    yield made
    made.close()


def plain(web: Sites) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(web.http.host, web.http.port, timeout=TIMEOUT)


def secure(web: Sites, tls: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(web.https.host, web.https.port, timeout=TIMEOUT, context=tls)


def told(client: http.client.HTTPConnection, method: str, path: str, *args: Any, **keywords: Any) -> Any:
    """What a request is answered with, as JSON."""
    client.request(method, path, *args, **keywords)
    reply = client.getresponse()
    content = reply.read()
    assert reply.status == 200, content
    return json.loads(content)


# -- requests


def test_many_requests_over_one_connection(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    used = connection.sock
    for number in range(5):
        assert told(connection, "GET", f"/get?n={number}")["args"] == {"n": str(number)}
        assert connection.sock is used


def test_fields_of_the_request(connection: http.client.HTTPConnection, web: Sites) -> None:
    fields = told(connection, "GET", "/headers", headers={"X-Number": 5, "X-Octets": b"\xfc", "Accept": "text/plain"})
    assert fields["headers"]["X-Number"] == "5"
    assert fields["headers"]["Accept"] == "text/plain"
    assert fields["headers"]["Accept-Encoding"] == "identity"
    assert fields["headers"]["Host"].startswith(web.http.host)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_methods_with_a_body(connection: http.client.HTTPConnection, method: str) -> None:
    form = urlencode({"a": "1", "b": "Grüße"})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    said = told(connection, method, f"/{method.lower()}?q=x", form, kind)
    assert (said["args"], said["form"]) == ({"q": "x"}, {"a": "1", "b": "Grüße"})
    assert said["headers"]["Content-Length"] == str(len(form))


def test_head(connection: http.client.HTTPConnection) -> None:
    connection.request("HEAD", "/json")
    reply = connection.getresponse()
    assert (reply.status, reply.read(), reply.length) == (200, b"", 0)
    assert int(reply.getheader("Content-Length", "0")) > 0
    assert told(connection, "GET", "/get")


def test_options(client: http.client.HTTPConnection) -> None:
    client.request("OPTIONS", "*")
    reply = client.getresponse()
    reply.read()
    assert reply.status == 200
    assert "GET" in reply.headers["Allow"]


@pytest.mark.parametrize(
    ("make", "chunked", "text"),
    [
        (lambda: b"octets", False, "octets"),
        (lambda: "latin-1: ü", False, "data:application/octet-stream;base64,bGF0aW4tMTog/A=="),
        (lambda: bytearray(b"array"), False, "array"),
        (lambda: io.BytesIO(b"a file of octets"), True, "a file of octets"),
        (lambda: io.StringIO("a file of text"), True, "a file of text"),
        (lambda: (piece for piece in (b"three ", b"", b"pieces")), True, "three pieces"),
        (lambda: [b"a", b"list"], True, "alist"),
    ],
    ids=["bytes", "str", "bytearray", "binary file", "text file", "generator", "list"],
)
def test_kinds_of_body(client: http.client.HTTPConnection, make: Callable[[], Any], chunked: bool, text: str) -> None:
    said = told(client, "POST", "/post", make())
    assert said["data"] == text
    assert said["headers"].get("Transfer-Encoding") == ("chunked" if chunked else None)


def test_a_file_with_its_length(client: http.client.HTTPConnection, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(bytes(range(256)) * 4000)
    with path.open("rb") as file:
        said = told(client, "PUT", "/upload", file, {"Content-Length": str(path.stat().st_size)})
    assert (said["size"], said["sha256"]) == (1_024_000, hashlib.sha256(path.read_bytes()).hexdigest())


def test_chunks_by_request(client: http.client.HTTPConnection) -> None:
    pieces = [b"x" * size for size in (1, 100, 70_000)]
    said = told(client, "POST", "/upload", iter(pieces), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert said["size"] == 70_101
    ready_made = b"5\r\nhello\r\n0\r\n\r\n"
    said = told(client, "POST", "/post", ready_made, {"Transfer-Encoding": "chunked", "Content-Type": "text/plain"})
    assert said["data"] == "hello"


def test_a_request_step_by_step(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/anything?by=hand", skip_accept_encoding=True)
    connection.putheader("Content-Type", "text/plain")
    connection.putheader("X-Number", 3)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders([b"the ", b"body"], encode_chunked=True)
    said = json.load(connection.getresponse())
    assert (said["method"], said["args"], said["data"]) == ("POST", {"by": "hand"}, "the body")
    assert "Accept-Encoding" not in said["headers"]
    assert said["headers"]["X-Number"] == "3"


def test_several_values_are_folded_lines_which_http_no_longer_knows(client: http.client.HTTPConnection) -> None:
    client.putrequest("GET", "/get")
    client.putheader("X-Several", "one", b"two", 3)
    client.endheaders()
    reply = client.getresponse()
    assert (reply.status, b"obs-fold" in reply.read()) == (400, True)  # RFC 9112 section 5.2


def test_a_body_sent_by_hand(client: http.client.HTTPConnection) -> None:
    client.putrequest("POST", "/post", skip_host=True)
    client.putheader("Host", "elsewhere.example")
    client.putheader("Content-Length", "10")
    client.putheader("Content-Type", "text/plain")
    client.endheaders()
    client.send(b"01234")
    client.send(io.BytesIO(b"56789"))
    said = json.load(client.getresponse())
    assert (said["data"], said["headers"]["Host"], said["url"]) == (
        "0123456789",
        "elsewhere.example",
        "http://elsewhere.example/post",
    )


def test_what_cannot_be_asked(client: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.InvalidURL):
        client.request("GET", "/with space")
    client.close()
    with pytest.raises(ValueError, match="method"):
        client.request("GET\r\n", "/")
    client.close()
    with pytest.raises(ValueError, match="header"):
        client.request("GET", "/", headers={"X": "a\r\nInjected: yes"})
    client.close()
    with pytest.raises(TypeError):
        client.request("POST", "/post", object())  # type: ignore[arg-type]
    with pytest.raises(http.client.InvalidURL):
        http.client.HTTPConnection("host:port")


def test_the_order_of_calls(client: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.CannotSendHeader):
        client.putheader("Too", "early")
    with pytest.raises(http.client.ResponseNotReady):
        client.getresponse()
    client.putrequest("GET", "/get")
    with pytest.raises(http.client.CannotSendRequest):
        client.putrequest("GET", "/get")
    client.close()
    client.auto_open = 0
    with pytest.raises(http.client.NotConnected):
        client.send(b"x")
    assert issubclass(http.client.CannotSendHeader, http.client.ImproperConnectionState)


def test_a_second_reply_before_the_first_was_read(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/bytes/100")
    first = client.getresponse()
    client.request("GET", "/get")
    with pytest.raises(http.client.ResponseNotReady):
        client.getresponse()
    assert len(first.read()) == 100


# -- replies


def test_what_a_reply_says(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/response-headers?X-One=1&X-Two=a&X-Two=b")
    reply = client.getresponse()
    assert (reply.status, reply.reason, reply.version) == (200, "OK", 11)
    assert (reply.getheader("x-one"), reply.getheader("x-two")) == ("1", "a, b")
    assert (reply.getheader("none"), reply.getheader("none", "default")) == (None, "default")
    assert [value for name, value in reply.getheaders() if name.lower() == "x-two"] == ["a", "b"]
    assert reply.headers.get_all("X-Two") == reply.msg.get_all("X-Two") == ["a", "b"]
    assert reply.headers.get_content_type() == "application/json"
    assert reply.info() is reply.headers
    assert reply.getcode() == 200
    assert reply.will_close is False
    assert not reply.isclosed()
    reply.url = "http://here/"
    assert reply.geturl() == "http://here/"
    reply.read()
    assert reply.isclosed()
    assert not reply.closed
    reply.close()
    assert reply.closed


@pytest.mark.parametrize("code", [204, 304, 404, 418, 500, 599])
def test_status_codes(connection: http.client.HTTPConnection, code: int) -> None:
    connection.request("GET", f"/status/{code}")
    reply = connection.getresponse()
    content = reply.read()
    assert reply.status == code
    assert (content == b"") or code == 418
    assert told(connection, "GET", "/get")


def test_ways_to_read(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/range/1000")
    reply = connection.getresponse()
    alphabet = (b"abcdefghijklmnopqrstuvwxyz" * 40)[:1000]
    assert reply.readable()
    assert reply.fileno() >= 0
    assert reply.read(10) == alphabet[:10]
    assert reply.peek(1)[:1] == alphabet[10:11]
    assert reply.read1(5) == alphabet[10:15]
    buffer = bytearray(20)
    assert reply.readinto(buffer) == 20
    assert bytes(buffer) == alphabet[15:35]
    assert reply.length == 965
    reply.flush()
    assert reply.read() == alphabet[35:]
    assert reply.read() == reply.read(1) == reply.read1() == b""
    assert reply.readinto(buffer) == 0


@pytest.mark.parametrize("path", ["/stream/4", "/jsonl?count=4&duration=0"])
def test_lines_of_chunks(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    reply = connection.getresponse()
    assert reply.getheader("Transfer-Encoding") == "chunked"
    assert reply.chunked
    assert reply.length is None
    first = reply.readline()
    assert json.loads(first)
    assert reply.peek()
    assert len(list(reply)) == 3
    assert told(connection, "GET", "/get")


def test_pieces_of_chunks(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/stream-bytes/5000?seed=7&chunk_size=300")
    reply = client.getresponse()
    pieces = [reply.read(1), reply.read1(100), reply.read1()]
    buffer = bytearray(700)
    size = reply.readinto(buffer)
    content = b"".join(pieces) + bytes(buffer[:size]) + reply.read()
    client.request("GET", "/stream-bytes/5000?seed=7&chunk_size=5000")
    assert client.getresponse().read() == content
    assert len(content) == 5000


def test_the_end_is_where_the_server_closes(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/get", headers={"Connection": "close"})
    with client.getresponse() as reply:
        assert reply.will_close
        assert json.load(reply)["args"] == {}
    assert client.sock is None
    assert told(client, "GET", "/get")  # opened again by itself


def test_http_1_0(web: Sites) -> None:
    class Old(http.client.HTTPConnection):
        _http_vsn = 10
        _http_vsn_str = "HTTP/1.0"

    client = Old(web.http.host, web.http.port, timeout=TIMEOUT)
    client.request("GET", "/stream/2")
    reply = client.getresponse()
    assert reply.will_close
    assert reply.getheader("Transfer-Encoding") is None
    assert len(reply.read().splitlines()) == 2
    client.close()


def test_interim_replies_are_passed_over(client: http.client.HTTPConnection) -> None:
    assert told(client, "POST", "/post", b"patient", {"Expect": "100-continue"})["data"] == "patient"
    client.request("GET", "/broken/endless-interim?count=3")
    assert client.getresponse().read() == b"This reply is broken on purpose.\n"


def test_partial_content(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/range/100", headers={"Range": "bytes=10-19"})
    reply = client.getresponse()
    assert (reply.status, reply.getheader("Content-Range")) == (206, "bytes 10-19/100")
    assert reply.read() == b"klmnopqrst"


def test_compressed_content_is_left_alone(client: http.client.HTTPConnection) -> None:
    import gzip

    client.request("GET", "/gzip", headers={"Accept-Encoding": "gzip"})
    reply = client.getresponse()
    assert reply.getheader("Content-Encoding") == "gzip"
    assert json.loads(gzip.decompress(reply.read()))["gzipped"] is True


def test_debug_output(client: http.client.HTTPConnection, capsys: pytest.CaptureFixture[str]) -> None:
    client.set_debuglevel(1)
    told(client, "GET", "/get?debug=1")
    shown = capsys.readouterr().out
    assert "send: b'GET /get?debug=1 HTTP/1.1" in shown
    assert "reply: 'HTTP/1.1 200 OK" in shown
    assert "header: " in shown


# -- TLS and tunnels


def test_whom_tls_trusts(web: Sites) -> None:
    stranger = http.client.HTTPSConnection(web.https.host, web.https.port, timeout=TIMEOUT)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/")
    stranger.close()


def test_https_says_so(web: Sites, tls: ssl.SSLContext) -> None:
    client = secure(web, tls)
    assert told(client, "GET", "/get")["url"].startswith("https://")
    assert isinstance(client.sock, ssl.SSLSocket)
    client.close()


def test_a_tunnel(web: Sites, tls: ssl.SSLContext) -> None:
    client = http.client.HTTPSConnection(web.http.host, web.http.port, timeout=TIMEOUT, context=tls)
    client.set_tunnel("shop.example.test", 443, {"X-Through": "the tunnel"})
    said = told(client, "GET", "/get")
    assert said["url"] == "https://shop.example.test/get"
    assert "X-Through" not in said["headers"]
    if hasattr(client, "get_proxy_response_headers"):
        assert client.get_proxy_response_headers() is not None
    client.close()


def test_a_tunnel_without_tls(client: http.client.HTTPConnection) -> None:
    client.set_tunnel("plain.example.test", 80)
    assert told(client, "GET", "/get")["url"] == "http://plain.example.test/get"
    with pytest.raises(RuntimeError, match="tunnel"):
        client.set_tunnel("late.example.test")


def test_an_absolute_target(client: http.client.HTTPConnection) -> None:
    assert told(client, "GET", "http://by.proxy.example/get")["url"] == "http://by.proxy.example/get"


# -- replies that are broken


def broken(client: http.client.HTTPConnection, kind: str) -> http.client.HTTPResponse:
    client.request("GET", f"/broken/{kind}")
    return client.getresponse()


def test_less_than_was_promised(client: http.client.HTTPConnection) -> None:
    reply = broken(client, "long-length")
    with pytest.raises(http.client.IncompleteRead) as caught:
        reply.read()
    assert caught.value.partial == b"This reply is broken on purpose.\n"
    assert caught.value.expected == 100
    assert str(caught.value) == "IncompleteRead(33 bytes read, 100 more expected)"


@pytest.mark.parametrize("kind", ["no-last-chunk", "bad-chunk-size", "chunk-overrun"])
def test_chunks_that_are_none(client: http.client.HTTPConnection, kind: str) -> None:
    reply = broken(client, kind)
    with pytest.raises((http.client.IncompleteRead, ValueError)) as caught:
        reply.read()
    if isinstance(caught.value, http.client.IncompleteRead):
        assert caught.value.partial == {"chunk-overrun": b"This "}.get(kind, b"This reply is broken on purpose.\n")


def test_no_reply_at_all(client: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.RemoteDisconnected) as caught:
        broken(client, "close")
    assert isinstance(caught.value, ConnectionResetError)
    assert isinstance(caught.value, http.client.BadStatusLine)
    assert client.sock is None


def test_a_reset(client: http.client.HTTPConnection) -> None:
    with pytest.raises(ConnectionResetError):
        broken(client, "reset")
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        broken(client, "reset-in-body").read()


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("bad-status", "HTTP/1.1 abc OK\r\n"),
        ("no-status-line", "content-type: text/plain\r\n"),
        ("no-head", "This reply is broken on purpose.\n"),
    ],
)
def test_status_lines_that_are_none(client: http.client.HTTPConnection, kind: str, line: str) -> None:
    with pytest.raises(http.client.BadStatusLine) as caught:
        broken(client, kind)
    assert caught.value.line in (line, repr(line))


def test_a_version_that_does_not_exist(client: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.UnknownProtocol) as caught:
        broken(client, "bad-version")
    assert caught.value.version == "HTTP/9.9"


def test_more_than_it_will_take(client: http.client.HTTPConnection) -> None:
    with pytest.raises(http.client.LineTooLong, match="header line"):
        broken(client, "huge-header?size=70000")
    client.close()
    with pytest.raises(http.client.HTTPException, match="got more than 100 headers"):
        broken(client, "many-headers?count=101")


def test_lengths_that_are_none(client: http.client.HTTPConnection) -> None:
    reply = broken(client, "negative-length")
    assert reply.length is None
    assert reply.read() == b"This reply is broken on purpose.\n"


def test_more_than_was_promised(client: http.client.HTTPConnection) -> None:
    assert broken(client, "short-length").read() == b"This reply is broken on purpose.\n"[:23]


def test_time_runs_out(web: Sites) -> None:
    client = http.client.HTTPConnection(web.http.host, web.http.port, timeout=0.05)
    with pytest.raises(TimeoutError):
        broken(client, "hang?seconds=1")
    client.close()


def test_fields_of_a_reply_from_a_file() -> None:
    fields = http.client.parse_headers(io.BytesIO(b"A: 1\r\nB: two\r\n folded\r\n\r\nrest"))
    assert fields.items() == [("A", "1"), ("B", "two\r\n folded")]


def test_a_reply_by_itself(web: Sites) -> None:
    with socket.create_connection(web.http.address, TIMEOUT) as raw:
        raw.sendall(b"GET /range/26 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        reply = http.client.HTTPResponse(raw, method="GET", url="/range/26")
        reply.begin()
        assert (reply.status, reply.read()) == (200, b"abcdefghijklmnopqrstuvwxyz")
        reply.close()


def test_every_error_is_an_http_exception() -> None:
    errors: list[Callable[..., Exception]] = [
        http.client.NotConnected,
        http.client.InvalidURL,
        http.client.UnknownTransferEncoding,
        http.client.UnimplementedFileMode,
        http.client.ImproperConnectionState,
    ]
    assert all(isinstance(error("x"), http.client.HTTPException) for error in errors)
    assert http.client.responses[418] == "I'm a Teapot"
