"""A wait is over when the client has its reply, whatever holds the reply back, and not much later where none comes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from faults.clients import ARTICLE, LETTER, PATIENT

from minternet import Internet
from minternet.bench.waiting import SILENT_AT_MOST
from minternet.ready import Endpoint
from minternet.world.changes import FaultStruck
from minternet.world.journal import Event

LATE = 60
"""Milliseconds."""


class Talk:
    """A client that says when it reads."""

    def __init__(self, net: Internet, where: Endpoint, tls: bool) -> None:
        plain = socket.create_connection(("localhost", where.port), PATIENT)
        self.socket = net.ssl_context().wrap_socket(plain, server_hostname="localhost") if tls else plain

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, pattern: bytes) -> bytes:
        """Read until this was said, for as long as it takes."""
        heard = b""
        while re.search(pattern, heard, re.MULTILINE) is None:
            piece = self.socket.recv(65536)
            assert piece, heard
            heard += piece
        return heard

    def ask(self, line: bytes, pattern: bytes) -> bytes:
        self.say(line + b"\r\n")
        return self.until(pattern)

    def heard(self) -> bytes:
        """What has come by now; b"" where nothing has."""
        self.socket.settimeout(0)
        heard = b""
        with contextlib.suppress(OSError):  # ssl.SSLWantReadError is one
            while piece := self.socket.recv(65536):
                heard += piece
        return heard


@contextlib.contextmanager
def _mail(net: Internet, talk: Talk, hello: bytes) -> Iterator[None]:
    talk.until(rb"^220 ")
    talk.ask(hello + b" client.test", rb"^250 ")
    if net.smtps.port == talk.socket.getpeername()[1]:
        talk.ask(b"AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=", rb"^235 ")
    talk.ask(b"MAIL FROM:<alice@example.test>", rb"^250 ")
    for name in (b"bob", b"carol"):
        talk.ask(b"RCPT TO:<%b@example.test>" % name, rb"^250 ")
    yield


def data(net: Internet, talk: Talk, hello: bytes = b"EHLO") -> None:
    with _mail(net, talk, hello):
        talk.ask(b"DATA", rb"^354 ")
        talk.say(LETTER + b".\r\n")


def chunk(net: Internet, talk: Talk) -> None:
    with _mail(net, talk, b"EHLO"):
        talk.say(b"BDAT %d LAST\r\n%b" % (len(LETTER), LETTER))


def local(net: Internet, talk: Talk) -> None:
    data(net, talk, b"LHLO")


def append(net: Internet, talk: Talk) -> None:
    talk.until(rb"^\* OK")
    talk.ask(b"a LOGIN bob builder", rb"^a OK")
    talk.ask(b"b APPEND INBOX {%d}" % len(LETTER), rb"^\+ ")
    talk.say(LETTER + b"\r\n")


def post(net: Internet, talk: Talk) -> None:
    talk.until(rb"^20[01] ")
    talk.ask(b"POST", rb"^340 ")
    talk.say(ARTICLE + b".\r\n")


def store(net: Internet, talk: Talk) -> None:
    talk.until(rb"^220 ")
    talk.ask(b"USER alice", rb"^331 ")
    talk.ask(b"PASS wonderland", rb"^230 ")
    (port,) = re.findall(rb"\|(\d+)\|", talk.ask(b"EPSV", rb"^229 "))
    with socket.create_connection(("localhost", int(port)), PATIENT) as content:
        talk.ask(b"STOR faults.txt", rb"^150 ")
        content.sendall(b"octets")


def put(net: Internet, talk: Talk) -> None:
    talk.say(
        b"PUT /files/home/alice/faults.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic"
        b" YWxpY2U6d29uZGVybGFuZA==\r\nContent-Length: 6\r\n\r\noctets"
    )


def _letter(net: Internet, since: int | None) -> object:
    return net.account("bob").inbox.wait_for(subject="Faults", since=since)


def _article(net: Internet, since: int | None) -> object:
    return net.newsgroup("local.test").wait_for(subject="Faults", since=since)


def _file(net: Internet, since: int | None) -> object:
    return net.files.wait_for("/home/alice/faults.txt", since=since)


WAYS: dict[str, tuple[str, Callable[[Internet, Talk], None], Callable[[Internet, int | None], object], bytes]] = {
    "SMTP DATA": ("smtp", data, _letter, rb"^250 "),
    "SMTP BDAT": ("smtp", chunk, _letter, rb"^250 "),
    "submission": ("smtps", data, _letter, rb"^250 "),
    "LMTP": ("lmtp", local, _letter, rb"^250 .*\r\n250 "),
    "IMAP APPEND": ("imap", append, _letter, rb"^b OK"),
    "IMAP APPEND, TLS": ("imaps", append, _letter, rb"^b OK"),
    "NNTP POST": ("nntp", post, _article, rb"^240 "),
    "NNTP POST, TLS": ("nntps", post, _article, rb"^240 "),
    "FTP STOR": ("ftp", store, _file, rb"^226 "),
    "HTTP PUT": ("http", put, _file, rb"^HTTP/1.1 20[14] "),
    "HTTP PUT, TLS": ("https", put, _file, rb"^HTTP/1.1 20[14] "),
}
HELD = {
    "well": "",
    "latency": f"latency {LATE}",
    "bandwidth": "bandwidth 2",
    "slicer": "slicer average_size=30, delay=5000",
}


@pytest.fixture(autouse=True)
def _as_before(net: Internet) -> None:
    net.reset()


def begin(net: Internet, way: str, fault: str = "") -> Talk:
    """Do it, and read no reply; the fault is there from the last words on."""
    service, act, _, _ = WAYS[way]
    talk = Talk(net, net.supervisor.endpoint(service), service in ("smtps", "imaps", "nntps", "https"))
    if fault:
        whole = talk.say

        def last_words(data: bytes) -> None:
            if any(each in data for each in (LETTER, ARTICLE, b"STOR", b"PUT")):
                net.faults.add(f"={service}: {fault}")
            whole(data)

        talk.say = last_words  # type: ignore[method-assign]
    act(net, talk)
    return talk


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("way", WAYS)
def test_the_reply_is_there(net: Internet, way: str, held: str) -> None:
    since = net.cursor()
    is_told(net, way, begin(net, way, HELD[held]), since)


@pytest.mark.parametrize("way", WAYS)
def test_the_reply_is_there_for_who_began_to_wait_later(net: Internet, way: str) -> None:
    last = net.cursor()
    talk = begin(net, way, HELD["latency"])
    net.call(until_made(net, last))
    is_told(net, way, talk, None)


async def until_made(net: Internet, since: int) -> None:
    """Wait for the change alone."""
    made, journal = asyncio.Event(), net.world.journal

    def look(event: Event) -> None:
        if not isinstance(event.change, FaultStruck):
            made.set()

    unwatch = journal.watch(look)
    for event in journal.since(since):
        look(event)
    await asyncio.wait_for(made.wait(), PATIENT)
    unwatch()


def is_told(net: Internet, way: str, talk: Talk, since: int | None) -> None:
    """Wait for what was done; then the client has been told."""
    _, _, wait, reply = WAYS[way]
    with talk.socket:
        wait(net, since)
        heard = talk.heard()
        assert re.search(reply, heard, re.MULTILINE | re.DOTALL), heard


@pytest.mark.parametrize(
    "fault", ["smtp .: close, when=instead", "smtp: drop_after_dot", "smtp .: reset, when=instead"]
)
def test_who_is_cut_off_is_not_waited_for(net: Internet, fault: str) -> None:
    net.faults.add(fault)
    began = time.monotonic()
    with begin(net, "SMTP DATA").socket:
        _letter(net, None)
    assert time.monotonic() - began < SILENT_AT_MOST


@pytest.mark.parametrize("fault", ["smtp .: silence, when=instead", "timeout 0"])
def test_silence_is_not_waited_for_for_long(net: Internet, fault: str) -> None:
    talk = begin(net, "SMTP DATA", fault) if "timeout" in fault else None
    if talk is None:
        net.faults.add(fault)
        talk = begin(net, "SMTP DATA")
    began = time.monotonic()
    with talk.socket:
        _letter(net, None)
        assert talk.heard() == b""
    assert time.monotonic() - began < SILENT_AT_MOST + 2


def test_no_wait_is_longer_than_its_timeout(net: Internet) -> None:
    talk = begin(net, "SMTP DATA", "latency 600000")
    began = time.monotonic()
    with talk.socket:
        assert net.account("bob").inbox.wait_for(subject="Faults", timeout=0.3)
    assert time.monotonic() - began < 3
