"""What several modules' tests need: clients that are logged in, letters, and where the pages are."""

from __future__ import annotations

import contextlib
import fcntl
import imaplib
import poplib
import smtplib
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from minternet.ready import Credentials, Endpoint, Ready

TIMEOUT = 20.0
"""Seconds any one operation may take."""
Imap = imaplib.IMAP4_SSL


def service(ready: Ready, name: str) -> Endpoint:
    """Where a service is; the test is skipped where the instance does not run it."""
    if name not in ready.services:
        pytest.skip(f"the instance does not run {name}")
    return ready.services[name]


class Sites:
    """The instance's pages, plain and by TLS."""

    def __init__(self, ready: Ready) -> None:
        self.http, self.https = service(ready, "http"), service(ready, "https")
        self.base, self.secure_base = self.http.url.rstrip("/"), self.https.url.rstrip("/")
        self.host = urlsplit(self.base).netloc
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> bytes:
        """The body of a page."""
        with self._direct.open(self.base + path, timeout=TIMEOUT) as reply:
            return bytes(reply.read())


@contextlib.contextmanager
def imap_login(ready: Ready, account: Credentials, tls: ssl.SSLContext) -> Iterator[Imap]:
    """A logged-in client."""
    where = service(ready, "imaps")
    client = imaplib.IMAP4_SSL(where.host, where.port, ssl_context=tls, timeout=TIMEOUT)
    # imaplib sends a literal in two pieces, and waits for the answer to both
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        client.login(account.login, account.password)
        yield client
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            client.logout()


def content_of(data: list[object]) -> bytes:
    """The one literal in what FETCH returned."""
    literals = [part[1] for part in data if isinstance(part, tuple)]
    assert len(literals) == 1, data
    assert isinstance(literals[0], bytes)
    return literals[0]


def take(client: Imap, message_id: str, mailbox: str = "INBOX") -> bytes:
    """Fetch the one message with this Message-ID from the mailbox, and remove it."""
    assert client.select(mailbox)[0] == "OK"
    _, found = client.uid("SEARCH", "HEADER", "Message-ID", f'"{message_id}"')
    (number,) = found[0].split()
    _, data = client.uid("FETCH", number.decode(), "(BODY.PEEK[])")
    client.uid("STORE", number.decode(), "+FLAGS.SILENT", r"(\Deleted)")
    assert client.uid("EXPUNGE", number.decode())[0] == "OK"
    client.unselect()
    return content_of(data)


def without_trace(content: bytes) -> bytes:
    """A message as it was sent: less the Return-Path and Received that delivery put before it."""
    lines = content.splitlines(keepends=True)
    at = 0
    while at < len(lines) and (
        lines[at].startswith((b"Return-Path:", b"Received:")) or (at and lines[at][:1] in b" \t")
    ):
        at += 1
    return b"".join(lines[at:])


def send(ready: Ready, sender: str, recipients: list[str], content: bytes, options: tuple[str, ...] = ()) -> None:
    """Send octets as they are; when this returns, they are delivered."""
    where = service(ready, "smtp")
    with smtplib.SMTP(where.host, where.port, timeout=TIMEOUT) as client:
        assert client.sendmail(sender, recipients, content, mail_options=options) == {}


class Maildrops:
    """Maildrops are locked while a client is in: this keeps the suite's workers from meeting at the door."""

    def __init__(self, ready: Ready, folder: Path) -> None:
        self._ready, self._folder = ready, folder

    @contextlib.contextmanager
    def alone(self, account: Credentials) -> Iterator[None]:
        """Nobody else of this suite opens the account's maildrop meanwhile."""
        with (self._folder / f"maildrop-{account.login}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def open(self, account: Credentials) -> Iterator[poplib.POP3]:
        """A logged-in client, alone in its maildrop."""
        where = service(self._ready, "pop3")
        with self.alone(account):
            client = poplib.POP3(where.host, where.port, timeout=TIMEOUT)
            try:
                client.user(account.login)
                client.pass_(account.password)
                yield client
            finally:
                with contextlib.suppress(OSError, poplib.error_proto):
                    client.quit()


def number_of(client: poplib.POP3, message_id: str) -> int:
    """The number of the message with this Message-ID, the newest first."""
    wanted = message_id.encode()
    for number in range(client.stat()[0], 0, -1):
        if any(wanted in line for line in client.top(number, 0)[1]):
            return number
    raise AssertionError(f"{message_id} is not in the maildrop")
