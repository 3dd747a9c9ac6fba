"""The forward proxy: absolute-form and CONNECT, every host from the same world, certificates for any name."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import socket
import ssl
import time
import urllib.request

import pytest
from http_clients import converse, read_reply, read_until, statuses
from msgspec import structs
from stage import Served, serving

from minternet.protocols.http.guard import HeadLimits, Refused
from minternet.protocols.http.options import HttpOptions
from minternet.protocols.http.protocol import WebProtocol
from minternet.protocols.http.server import WebServer
from minternet.wire.tls import Authority


def opener(web: Served) -> urllib.request.OpenerDirector:
    """urllib, by way of the proxy, trusting the world's authority."""
    proxy = f"http://127.0.0.1:{web.ports['http']}"
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": proxy, "https": proxy}),
        urllib.request.HTTPSHandler(context=web.authority.client_context()),
    )


@pytest.mark.parametrize(
    "url", ["https://httpbin.org/get", "https://a.b.example:8443/get", "http://nowhere.invalid/get"]
)
def test_any_host_answers(web: Served, url: str) -> None:
    for _ in range(2):
        with opener(web).open(url, timeout=10) as response:
            assert json.load(response)["url"] == url


def test_a_tunnel_without_tls(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.set_tunnel("plain.example", 80)
    for _ in range(2):
        connection.request("GET", "/get")
        assert read_reply(connection.getresponse()).json()["url"] == "http://plain.example/get"
    connection.close()


def test_what_is_sent_with_connect_reaches_the_tunnel(port: int) -> None:
    inner = b"GET /ip HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n"
    assert statuses(converse(port, b"CONNECT y:80 HTTP/1.1\r\nHost: y:80\r\n\r\n" + inner)) == [200, 200]


def test_tls_octet_by_octet_through_a_tunnel(web: Served) -> None:
    """The handshake is recognised by its first octet alone."""
    context = web.authority.client_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="drip.example")
    with socket.create_connection(("127.0.0.1", web.ports["http"]), timeout=5) as plain:
        plain.sendall(b"CONNECT drip.example:443 HTTP/1.1\r\nHost: drip.example\r\n\r\n")
        read_until(plain, b"\r\n\r\n")
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                for octet in outgoing.read():
                    plain.sendall(bytes((octet,)))
                incoming.write(plain.recv(65536))
        client.write(b"GET /ip HTTP/1.0\r\n\r\n")
        plain.sendall(outgoing.read())
        certificate = client.getpeercert()
        assert certificate is not None
        assert certificate["subjectAltName"] == (("DNS", "drip.example"),)


def test_the_transcript_of_a_tunnel_is_readable(web: Served) -> None:
    with opener(web).open("https://transcript.example/anything/readable", timeout=10) as response:
        response.read()
    conversations = web.call(web.stage.transcripts.conversations)
    begun = b"CONNECT transcript.example:443"
    text = next(talk for talk in conversations if talk.pieces()[:1] and talk.pieces()[0].data.startswith(begun)).text()
    assert "C: GET /anything/readable HTTP/1.1" in text
    assert "*: TLS in a tunnel to transcript.example:443" in text


@pytest.mark.parametrize("name", ["-.example", "a..b", "x" * 64, "*.example"])
def test_names_no_certificate_can_have(port: int, name: str) -> None:
    hello = b"\x16\x03\x01\x00\x05hello"
    reply = converse(port, f"CONNECT {name}:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), hello)
    assert statuses(reply)[:1] in ([200], [400])
    assert statuses(converse(port, b"GET /ip HTTP/1.0\r\n\r\n")) == [200]


def test_stopping_ends_tunnels(authority: Authority) -> None:
    with serving("http", authority=authority) as served:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", served.ports["http"], timeout=5, context=served.authority.client_context()
        )
        connection.set_tunnel("stop.example", 443)
        connection.request("GET", "/ip")
        assert read_reply(connection.getresponse()).status == 200
        began = time.monotonic()
    assert time.monotonic() - began < 3  # TLS waits a second for the close_notify of a client that does not read
    connection.close()


def test_garbage_after_connect(port: int) -> None:
    assert statuses(converse(port, b"CONNECT z:1 HTTP/1.1\r\nHost: z\r\n\r\n", b"garbage\r\n\r\n")) == [200, 400]
    nested = b"CONNECT z:1 HTTP/1.1\r\nHost: z\r\n\r\n"
    assert statuses(converse(port, nested, nested)) == [200, 400]
    broken = converse(port, nested, b"\x16\x03\x01\x00\x05hello")
    assert statuses(broken) == [200]


def test_the_target_decides_over_the_host_field(port: int) -> None:
    raw = b"GET http://real.example?a=1 HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n"
    assert statuses(converse(port, raw)) == [200]
    raw = b"GET HTTP://real.example/get?a=1 HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n"
    assert b'"url": "http://real.example/get?a=1"' in converse(port, raw)


def test_credentials_of_the_proxy() -> None:
    """Where they are set, requests to the proxy need them, and requests to the server itself do not."""

    async def nobody(scope: object, receive: object, send: object) -> None: ...

    async def check() -> None:
        options = structs.replace(HttpOptions(limits=HeadLimits()), proxy_credentials="user:pass")
        server = WebServer(nobody, options, log=logging.getLogger("test"), now=lambda: 0.0)
        connection: WebProtocol = server.connection()
        with pytest.raises(Refused) as refused:
            connection.check_proxy(b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert refused.value.status == 407
        assert b"Proxy-Authenticate: Basic" in refused.value.fields
        given = base64.b64encode(b"user:pass")
        connection.check_proxy(b"GET http://x/ HTTP/1.1\r\nProxy-Authorization: basic " + given + b"\r\n\r\n")

    asyncio.run(check())
