"""What reads whole conversations, asked by many at once and of conversations that are made to hurt."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import socket
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import brotli
import pytest
from control_client import Client

from minternet import Internet
from minternet.bench import har
from minternet.control import hub
from minternet.control.resources import lint as resource

CALLERS = 12


def post(net: Internet, body: bytes, coding: str) -> int:
    """POST it compressed; the number of the conversation."""
    connection = http.client.HTTPConnection(*net.http.address)
    connection.request("POST", "/status/204", body, {"Content-Encoding": coding, "Content-Type": "text/plain"})
    connection.getresponse().read()
    connection.close()
    return net.conversations("http")[-1].number


BOMBS = {
    "gzip": gzip.compress(b"\x01" * (har.LARGEST + 1)),
    "deflate": zlib.compress(b"\x01" * (har.LARGEST + 1)),
    "br": brotli.compress(b"\x01" * (har.LARGEST + 1), quality=1),
    ", ".join(["gzip"] * 5): gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"few"))))),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_body_that_would_grow_too_large_is_told_as_it_was_sent(api: Client, net: Internet, coding: str) -> None:
    number = post(net, BOMBS[coding], coding)
    answer = api.ask("GET", f"/transcripts/{number}/har")
    assert len(answer.body) < 2 * len(BOMBS[coding]) + 4096
    assert answer.json["log"]["entries"][0]["request"]["postData"]["comment"] == "base64"


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_body_that_does_not_is_told_whole(api: Client, net: Internet, coding: str, compress: object) -> None:
    body = b"word " * (har.LARGEST // 5)
    number = post(net, compress(body), coding)  # type: ignore[operator]
    told = api.get(f"/transcripts/{number}/har")["log"]["entries"][0]["request"]["postData"]
    assert told["text"] == body.decode()
    number = post(net, compress(b"\x01" * 1000), coding)  # type: ignore[operator]
    told = api.get(f"/transcripts/{number}/har")["log"]["entries"][0]["request"]["postData"]
    assert (told["comment"], len(told["text"])) == ("base64", 1336)


def test_one_thread_reads_conversations_whoever_asks(
    api: Client, net: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(net, b"x" * 20_000, "identity")
    at_once, lock, most = [0], threading.Lock(), [0]
    to_thread = asyncio.to_thread

    async def counted(function: object, *arguments: object) -> object:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        try:
            return await to_thread(function, *arguments)  # type: ignore[arg-type]
        finally:
            with lock:
                at_once[0] -= 1

    monkeypatch.setattr(asyncio, "to_thread", counted)
    with ThreadPoolExecutor(CALLERS) as callers:
        asked = [callers.submit(api.get, path) for path in ("/lint?service=http", "/transcripts.har?service=http") * 4]
        assert all(each.result(20) for each in asked)
    assert most == [1]


def test_a_conversation_of_many_short_lines_is_no_small_one(net: Internet) -> None:
    with socket.create_connection(net.smtp.address, 10) as client:
        client.sendall(b"NOOP\r\n" * 500 + b"QUIT\r\n")
        while client.recv(65_536):
            pass
    transcript = net.conversations("smtp")[-1].transcript
    assert not resource._is_small(transcript)


def test_few_download_at_once(api: Client, net: Internet) -> None:
    """Each holds a block in memory for as long as its client likes."""
    post(net, b"x" * (3 << 20), "identity")
    slow = []
    for _ in range(hub.MAX_DOWNLOADS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(net.control.address)
        client.settimeout(10)
        client.sendall(b"GET /api/v1/transcripts.har HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        slow.append(client)
    problem = api.problem("GET", "/transcripts.har", 503)
    assert "8 HAR downloads are open already" in problem.detail
    for client in slow:
        client.close()
