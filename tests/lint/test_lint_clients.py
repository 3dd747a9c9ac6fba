"""The standard library's clients, used well, break no rule; used carelessly, they break these."""

from __future__ import annotations

import ftplib
import http.client
import imaplib
import poplib
import smtplib
import sys
import urllib.request
import warnings
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid
from io import BytesIO
from typing import Any

import pytest
from endings import all_over

from minternet import Internet, Settings

SERVICES = ("smtp", "imap", "pop3", "nntp", "ftp", "http", "https")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    authority = str(tmp_path_factory.mktemp("authority"))
    with Internet(settings=Settings(ephemeral=True, services=SERVICES, authority=authority)) as net:
        yield net


class Watch:
    """The rules broken since it was made, when all conversations are over."""

    def __init__(self, net: Internet) -> None:
        self.net, self.since = net, net.transcripts.opened

    @property
    def broken(self) -> set[str]:
        self.net.call(all_over(self.net, self.since))
        return {finding.rule.name for finding in self.net.lint(since=self.since)}


@pytest.fixture
def net(running: Internet) -> Internet:
    running.reset()
    return running


@pytest.fixture
def watch(net: Internet) -> Watch:
    return Watch(net)


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "alice@example.test", "bob@example.test"
    message["Date"], message["Message-ID"] = localtime(), make_msgid(domain="example.test")
    message["Subject"] = "Grüße"
    message.set_content(".a dot\n..two\n.\n" + "long " * 500 + "\nGrüße\n")
    return message


def test_smtplib(net: Internet, watch: Watch) -> None:
    with smtplib.SMTP(*net.smtp.address) as client:
        client.starttls(context=net.ssl_context())
        client.login("alice", "wonderland")
        client.send_message(letter())
        client.sendmail(
            "alice@example.test", ["bob@example.test", "carol@example.test"], letter().as_bytes(policy=SMTP)
        )
        client.verify("bob")
    assert watch.broken == set()


def test_smtplib_international(net: Internet, watch: Watch) -> None:
    message = letter()
    del message["To"]
    message["To"] = "jürgen@example.test"
    with smtplib.SMTP(*net.smtp.address) as client:
        client.send_message(message)
    assert watch.broken == set()


def test_smtplib_used_carelessly(net: Internet, watch: Watch) -> None:
    """It adds no fields, and sends octets as they are: bare LF, outside ASCII."""
    client = smtplib.SMTP(*net.smtp.address)
    client.ehlo()
    client.user, client.password = "alice", "wonderland"
    client.auth("PLAIN", client.auth_plain)
    client.sendmail("alice@example.test", ["bob@example.test"], "Subject: Grüße\n\nGrüße\n".encode())
    client.close()
    assert watch.broken == {
        "no-quit",
        "bare-lf",
        "password-without-tls",
        "message-no-from",
        "message-no-date",
        "message-no-id",
        "smtp-8bit",
        "smtp-utf8-header",
    }


def test_imaplib(net: Internet, watch: Watch) -> None:
    with imaplib.IMAP4(*net.imap.address) as client:
        client.starttls(net.ssl_context())
        client.login("alice", "wonderland")
        client.select()
        client.append("INBOX", r"\Seen", imaplib.Time2Internaldate(0), letter().as_bytes())
        client.fetch("1:*", "(FLAGS BODY.PEEK[])")
        client.search(None, "SUBJECT", "x")
        client.uid("STORE", "1", "+FLAGS", r"(\Flagged)")
        client.copy("1", "INBOX")
        client.expunge()
        client.noop()
    assert watch.broken == set()


def test_imaplib_logging_in(net: Internet, watch: Watch) -> None:
    with imaplib.IMAP4(*net.imap.address) as client:
        client.starttls(net.ssl_context())
        client.authenticate("PLAIN", lambda challenge: b"\0alice\0wonderland")
    with imaplib.IMAP4(*net.imap.address) as client:
        client.login_cram_md5("bob", "builder")
    assert watch.broken == set()


def test_imaplib_used_carelessly(net: Internet, watch: Watch) -> None:
    client = imaplib.IMAP4(*net.imap.address)
    client.login("alice", "wonderland")
    client.shutdown()
    assert watch.broken == {"no-quit", "password-without-tls"}


def test_poplib(net: Internet, watch: Watch) -> None:
    client = poplib.POP3(*net.pop3.address)
    client.capa()
    client.stls(net.ssl_context())
    client.user("alice")
    client.pass_("wonderland")
    client.uidl()
    client.list()
    client.retr(1)
    client.top(2, 1)
    client.dele(1)
    client.quit()
    assert watch.broken == set()


def test_poplib_used_carelessly(net: Internet, watch: Watch) -> None:
    client = poplib.POP3(*net.pop3.address)
    client.capa()
    client.user("alice")
    client.pass_("wonderland")
    client.dele(1)
    client.close()
    assert watch.broken == {"no-quit", "pop3-deletions-lost", "password-without-tls"}


def test_ftplib(net: Internet, watch: Watch) -> None:
    with ftplib.FTP_TLS(context=net.ssl_context()) as client:
        client.connect("localhost", net.ftp.port)
        client.login("alice", "wonderland")
        client.prot_p()
        client.storbinary("STOR up.bin", BytesIO(b"octets" * 1000))
        client.retrbinary("RETR up.bin", lambda piece: None)
        client.retrlines("LIST", lambda line: None)
        client.set_pasv(False)
        client.nlst()
        client.delete("up.bin")
    assert watch.broken == set()


def test_ftplib_used_carelessly(net: Internet, watch: Watch) -> None:
    with ftplib.FTP_TLS(context=net.ssl_context()) as client:
        client.connect("localhost", net.ftp.port)
        client.login("alice", "wonderland")
        client.storbinary("STOR up.bin", BytesIO(b"octets"))
    assert watch.broken == {"ftp-data-in-clear"}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="nntplib is gone from the standard library")
def test_nntplib(net: Internet, watch: Watch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import nntplib
    client: Any = nntplib.NNTP(*net.nntp.address, readermode=True)
    with client:
        client.starttls(net.ssl_context())
        client.login("alice", "wonderland")
        client.group("local.test")
        client.over((1, 3))
        client.post(
            b"From: alice@example.test\nNewsgroups: local.test\nSubject: dots\n\n.a dot\n..two\n.\nend\n".splitlines(
                True
            )
        )
        client.next()
    assert watch.broken == set()


@pytest.mark.parametrize("service", ["http", "https"])
def test_http_client(net: Internet, watch: Watch, service: str) -> None:
    context = net.ssl_context()
    where = net.supervisor.endpoint(service)
    connection = http.client.HTTPConnection("localhost", where.port)
    if service == "https":
        connection = http.client.HTTPSConnection("localhost", where.port, context=context)
    connection.request("GET", "/get?a=%C3%A9")
    connection.getresponse().read()
    connection.request("POST", "/post", b"body", {"Content-Type": "text/plain"})
    connection.getresponse().read()
    connection.request("PUT", "/put", iter([b"in ", b"pieces"]), encode_chunked=True)
    connection.getresponse().read()
    connection.request("HEAD", "/get")
    connection.getresponse().read()
    connection.close()
    with urllib.request.urlopen(f"{service}://localhost:{where.port}/redirect/2", context=context) as reply:
        reply.read()
    assert watch.broken == set()


def test_http_client_used_carelessly(net: Internet, watch: Watch) -> None:
    connection = http.client.HTTPConnection(*net.http.address)
    connection.putrequest("GET", "/get", skip_host=True)
    connection.putheader("X-Folded", "one", "two")
    connection.endheaders()
    connection.getresponse().read()
    connection.close()
    assert watch.broken == {"http-no-host", "http-fold"}
