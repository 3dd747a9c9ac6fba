"""What a client of the standard library does in each protocol, for faults to strike: one short conversation each."""

from __future__ import annotations

import contextlib
import ftplib
import http.client
import imaplib
import io
import poplib
import smtplib
import socket
import ssl
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from minternet import Internet

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import nntplib

SHORT = 0.3
"""Seconds a client waits where waiting is what is to be seen."""
LETTER = b"From: a@example.test\r\nSubject: Faults\r\n\r\nHello\r\n"
ARTICLE = b"From: a@example.test\r\nNewsgroups: local.test\r\nSubject: Faults\r\n\r\nHello\r\n"
PATIENT = 10.0
CLOSED: dict[str, type[Exception]] = {
    "http": ConnectionResetError,  # RemoteDisconnected is one
    "smtp": smtplib.SMTPServerDisconnected,
    "imap": imaplib.IMAP4.abort,
    "pop3": poplib.error_proto,
    "ftp": EOFError,
    "nntp": EOFError,
}
"""What a client raises whose connection was closed, by protocol."""


@contextlib.contextmanager
def pop3(net: Internet, timeout: float = PATIENT) -> Iterator[poplib.POP3]:
    client = poplib.POP3(*net.pop3.address, timeout=timeout)
    try:
        client.user("bob")
        client.pass_("builder")
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def imap(net: Internet, timeout: float = PATIENT) -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4(*net.imap.address, timeout=timeout)
    try:
        client.login("bob", "builder")
        client.select()
        yield client
    finally:
        with contextlib.suppress(OSError):
            client.shutdown()


@contextlib.contextmanager
def smtp(net: Internet, timeout: float = PATIENT) -> Iterator[smtplib.SMTP]:
    client = smtplib.SMTP(*net.smtp.address, local_hostname="client.test", timeout=timeout)
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def nntp(net: Internet, timeout: float = PATIENT) -> Iterator[nntplib.NNTP]:
    client = nntplib.NNTP(*net.nntp.address, timeout=timeout)
    try:
        client.group("local.test")
        yield client
    finally:
        client.file.close()
        client.sock.close()


@contextlib.contextmanager
def ftp(net: Internet, timeout: float = PATIENT) -> Iterator[ftplib.FTP]:
    client = ftplib.FTP()
    try:
        client.connect(*net.ftp.address, timeout=timeout)
        client.login("alice", "wonderland")
        yield client
    finally:
        client.close()


def retrieve(net: Internet, timeout: float) -> Any:
    """POP3: RETR."""
    with pop3(net, timeout) as client:
        return client.retr(1)


def fetch(net: Internet, timeout: float) -> Any:
    """IMAP: FETCH."""
    with imap(net, timeout) as client:
        return client.fetch("1", "(RFC822)")


def append(net: Internet, timeout: float) -> Any:
    """IMAP: APPEND; what is said of it."""
    with imap(net, timeout) as client:
        return client.append("INBOX", None, None, LETTER)


def send(net: Internet, timeout: float) -> Any:
    """SMTP: a letter."""
    with smtp(net, timeout) as client:
        return client.sendmail("sender@example.test", ["bob@example.test"], LETTER)


def article(net: Internet, timeout: float) -> Any:
    """NNTP: ARTICLE."""
    with nntp(net, timeout) as client:
        return client.article("1")


def post(net: Internet, timeout: float) -> Any:
    """NNTP: POST."""
    with nntp(net, timeout) as client:
        return client.post(io.BytesIO(ARTICLE))


def download(net: Internet, timeout: float) -> Any:
    """FTP: RETR."""
    received: list[bytes] = []
    with ftp(net, timeout) as client:
        client.retrbinary("RETR /pub/bytes.bin", received.append)
    return b"".join(received)


def where(net: Internet, timeout: float) -> Any:
    """FTP: PWD."""
    with ftp(net, timeout) as client:
        return client.pwd()


def upload(net: Internet, timeout: float) -> Any:
    """FTP: STOR."""
    with ftp(net, timeout) as client:
        return client.storbinary("STOR fault.bin", io.BytesIO(b"octets"))


def _request(net: Internet, timeout: float, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    client = http.client.HTTPConnection(*net.http.address, timeout=timeout)
    try:
        client.request(method, path, body)
        reply = client.getresponse()
        return reply.status, reply.read()
    finally:
        client.close()


def get(net: Internet, timeout: float) -> Any:
    """HTTP: GET."""
    return _request(net, timeout, "GET", "/get")


def stream(net: Internet, timeout: float) -> Any:
    """HTTP: GET of a chunked body."""
    return _request(net, timeout, "GET", "/stream/3")


def form(net: Internet, timeout: float) -> Any:
    """HTTP: POST."""
    return _request(net, timeout, "POST", "/post", b"octets")


def echo(net: Internet, timeout: float) -> Any:
    """Echo: five octets, or what comes before the end."""
    with socket.create_connection(net.echo.address, timeout) as client:
        client.sendall(b"hello")
        received = b""
        while len(received) < 5 and (more := client.recv(100)):
            received += more
        return received


Conversation = Callable[[Internet, float], Any]
ONE_EACH: dict[str, tuple[str, Conversation]] = {
    "echo": ("", echo),
    "http": ("GET", get),
    "smtp": ("RCPT", send),
    "imap": ("FETCH", fetch),
    "pop3": ("RETR", retrieve),
    "ftp": ("PWD", where),
    "nntp": ("ARTICLE", article),
}
"""For each protocol a command, and a conversation in which it is given once."""


def close_what_is_left(error: Exception, but: socket.socket | None = None) -> None:
    """The connections of clients that failed while they were made: some modules of the standard library leave them open.

    Where one is to stay, clients keep what they have, and only loose sockets are closed.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for value in list(frame.f_locals.values()):
            names = ("file", "_file", "sock") if but is None else ()
            for held in (value, *(getattr(value, name, None) for name in names)):
                if isinstance(held, socket.socket | io.IOBase) and held is not but:
                    held.close()


# -- TLS


def _context(net: Internet) -> ssl.SSLContext:
    return net.ssl_context()


def https(net: Internet) -> Any:
    client = http.client.HTTPSConnection("localhost", net.https.port, timeout=PATIENT, context=_context(net))
    try:
        client.request("GET", "/get")
        return client.getresponse().status
    finally:
        client.close()


def imaps(net: Internet) -> Any:
    return imaplib.IMAP4_SSL("localhost", net.imaps.port, ssl_context=_context(net), timeout=PATIENT).logout()[0]


def pop3s(net: Internet) -> Any:
    return poplib.POP3_SSL("localhost", net.pop3s.port, context=_context(net), timeout=PATIENT).quit()


def smtps(net: Internet) -> Any:
    with smtplib.SMTP_SSL("localhost", net.smtps.port, "client.test", context=_context(net), timeout=PATIENT) as client:
        return client.noop()[0]


def nntps(net: Internet) -> Any:
    return nntplib.NNTP_SSL("localhost", net.nntps.port, ssl_context=_context(net), timeout=PATIENT).quit()


def smtp_starttls(net: Internet) -> Any:
    with smtplib.SMTP("localhost", net.smtp.port, "client.test", timeout=PATIENT) as client:
        return client.starttls(context=_context(net))[0]


def imap_starttls(net: Internet) -> Any:
    client = imaplib.IMAP4("localhost", net.imap.port, timeout=PATIENT)
    try:
        return client.starttls(_context(net))[0]
    finally:
        with contextlib.suppress(OSError):
            client.shutdown()


def pop3_starttls(net: Internet) -> Any:
    client = poplib.POP3("localhost", net.pop3.port, timeout=PATIENT)
    try:
        return client.stls(_context(net))
    finally:
        with contextlib.suppress(OSError):
            client.close()


def nntp_starttls(net: Internet) -> Any:
    client = nntplib.NNTP("localhost", net.nntp.port, timeout=PATIENT)
    try:
        return client.starttls(_context(net))
    finally:
        with contextlib.suppress(OSError, ValueError):
            client.file.close()
            client.sock.close()


def ftp_starttls(net: Internet) -> Any:
    client = ftplib.FTP_TLS(context=_context(net), timeout=PATIENT)
    try:
        client.connect("localhost", net.ftp.port)
        return client.auth()
    finally:
        client.close()


IMPLICIT: dict[str, Callable[[Internet], Any]] = {
    "https": https,
    "imaps": imaps,
    "pop3s": pop3s,
    "smtps": smtps,
    "nntps": nntps,
}
UPGRADES: dict[str, Callable[[Internet], Any]] = {
    "smtp": smtp_starttls,
    "imap": imap_starttls,
    "pop3": pop3_starttls,
    "nntp": nntp_starttls,
    "ftp": ftp_starttls,
}
