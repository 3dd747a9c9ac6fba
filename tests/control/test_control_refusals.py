"""What is no HTTP request, or not one for here: always a problem document (RFC 9457) or the end of the connection."""

from __future__ import annotations

import http.client
import socket

import msgspec
import pytest
from control_client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minternet import Internet
from minternet.control.problems import MEDIA_TYPE, ProblemDetails
from minternet.control.service import BUSY

SECONDS = 10
LINE = b"GET /api/v1/clock HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
END = b"\r\n"
REFUSED = {
    "no request line": (b"hello there\r\n\r\n", 400),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), 400),
    "a bare LF": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "no Host": (LINE + END, 400),
    "two Hosts": (LINE + HOST + HOST + END, 400),
    "a foreign Host": (LINE + b"Host: evil.example\r\n" + END, 421),
    "a folded field": (LINE + HOST + b"X: a\r\n b\r\n" + END, 400),
    "a space before the colon": (LINE + HOST + b"X : a\r\n" + END, 400),
    "a length that is no number": (LINE + HOST + b"Content-Length: x\r\n" + END, 400),
    "a negative length": (LINE + HOST + b"Content-Length: -1\r\n" + END, 400),
    "two lengths": (LINE + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n" + END, 400),
    "length and coding": (LINE + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" + END, 400),
    "chunked is not last": (LINE + HOST + b"Transfer-Encoding: chunked, gzip\r\n" + END, 400),
    "an unknown coding": (LINE + HOST + b"Transfer-Encoding: gzip, chunked\r\n" + END, 501),
    "no chunk": (LINE.replace(b"GET", b"POST") + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "too long a body": (LINE.replace(b"GET", b"POST") + HOST + b"Content-Length: 99999999999999\r\n" + END, 413),
    "too long a target": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + END, 414),
    "too long a target that goes on": (b"GET /" + b"a" * 20_000, 414),
    "too many fields": (LINE + HOST + b"X: y\r\n" * 300 + END, 431),
    "too long a head": (LINE + HOST + (b"X: " + b"y" * 5000 + b"\r\n") * 20 + END, 431),
    "an unknown expectation": (LINE + HOST + b"Expect: the-unexpected\r\n" + END, 417),
    "an unknown method": (LINE.replace(b"GET", b"FETCH") + HOST + END, 501),
    "a method it lacks": (LINE.replace(b"GET", b"QUERY") + HOST + END, 405),
    "TRACE": (LINE.replace(b"GET", b"TRACE") + HOST + END, 405),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/3.0": (LINE.replace(b"1.1", b"3.0") + HOST + END, 505),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", 501),
    "a WebSocket": (
        LINE + HOST + b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n" + END,
        501,
    ),
}


def exchange(port: int, octets: bytes) -> http.client.HTTPResponse | None:
    """The first reply to these octets, its content read; None where the connection ends without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(client)
        try:
            response.begin()
            response.content = response.read()  # type: ignore[attr-defined]
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return None
        finally:
            response.close()
        return response


def problem_in(response: http.client.HTTPResponse) -> ProblemDetails:
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["x-content-type-options"] == "nosniff"
    problem = msgspec.json.decode(response.content, type=ProblemDetails)  # type: ignore[attr-defined]
    assert problem.status == response.status
    assert problem.title
    assert problem.detail
    return problem


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_are_problems(api: Client, what: str) -> None:
    octets, status = REFUSED[what]
    response = exchange(api.port, octets)
    assert response is not None
    assert problem_in(response).status == status
    assert status != 405 or response.headers["allow"] == "GET, HEAD, OPTIONS"


def test_so_is_the_reply_over_the_cap() -> None:
    head, _, content = BUSY.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(content) in head
    assert msgspec.json.decode(content, type=ProblemDetails).status == 503


FIELDS = st.sampled_from(
    (
        HOST, b"Host: localhost\n", b"Host:\r\n", b"Content-Length: 3\r\n", b"Content-Length: +3\r\n", b"\r\n", b" x\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n", b"Expect: 100-continue\r\n", b"X: \x00\r\n",
        b"Connection: close, upgrade\r\n", b"Upgrade: h2c\r\n", b"Content-Type: application/json\r\n", b"X\r\n",
    )
)  # fmt: skip
LINES = st.sampled_from(
    [LINE, b"PUT /api/v1/nothing HTTP/1.1\r\n", b"GET /%ff?%00=\xc3\xa9 HTTP/1.0\r\n", b"\r\nGET\r\n"]
)
ALMOST = st.builds(
    lambda line, fields, rest: line + b"".join(fields) + b"\r\n" + rest,
    LINES,
    st.lists(FIELDS, max_size=5),
    st.sampled_from([b"", b"{}", b"abc", b"2\r\n{}\r\n0\r\n\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.one_of(st.binary(min_size=1, max_size=200), ALMOST))
def test_whatever_comes_the_answer_is_a_problem_or_the_end(running: Internet, octets: bytes) -> None:
    response = exchange(running.control.port, octets)
    if response is not None and response.status >= 400:
        problem_in(response)
    alive = exchange(running.control.port, b"GET /healthz HTTP/1.1\r\n" + HOST + END)
    assert alive is not None
    assert alive.status == 200
