"""The probes: each uses one standard-library module as its documentation says, and returns what it saw.

They need nothing but the ready file, so that they check any instance: here, in a container, elsewhere. What they
store they take away again, but for one article (which they cancel).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import ssl
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.utils import localtime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from ..ready import Credentials, Endpoint, Ready

TIMEOUT = 10.0
"""Seconds any one operation may take."""


class Missing(Exception):
    """The instance does not run what a probe needs."""


def service(ready: Ready, name: str) -> Endpoint:
    """Where a service is reached; Missing."""
    try:
        return ready.services[name]
    except KeyError:
        raise Missing(f"this instance does not run {name}") from None


def first(ready: Ready) -> Credentials:
    """The first account; Missing."""
    if not ready.accounts:
        raise Missing("this instance has no account")
    return ready.accounts[0]


def context(ready: Ready) -> ssl.SSLContext:
    """A context that trusts the instance's authority."""
    return ssl.create_default_context(cafile=ready.ca_file)


def expect(wanted: object, seen: object) -> None:
    """AssertionError with both, where they differ (python -O must not silence a probe)."""
    if wanted != seen:
        raise AssertionError(f"expected {wanted!r}, saw {seen!r}")


def letter(ready: Ready, subject: str) -> EmailMessage:
    """A message of two parts from the first account to itself."""
    message = EmailMessage()
    message["From"] = message["To"] = first(ready).address
    message["Subject"], message["Date"], message["Message-ID"] = subject, localtime(), f"<{uuid.uuid4()}@check.invalid>"
    message.set_content("Grüße aus minternet\n", cte="quoted-printable")
    message.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="bytes.bin")
    return message


def token() -> str:
    return f"minternet-check-{uuid.uuid4().hex[:12]}"


# -- one function per module


def probe_socket(ready: Ready) -> str:
    echo, said = service(ready, "echo"), b"\x00\xff" * 5000
    with socket.create_connection(echo.address, TIMEOUT) as connection:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        heard = b"".join(iter(lambda: connection.recv(65536), b""))
    expect(said, heard)
    udp = service(ready, "echo-udp")
    with socket.socket(socket.AF_INET6 if ":" in udp.host else socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(TIMEOUT)
        datagrams.sendto(said, udp.address)
        expect(said, datagrams.recvfrom(65536)[0])
    return f"{len(said)} octets echoed by TCP with half-close, and by UDP"


def probe_urllib_parse(ready: Ready) -> str:
    links = [urlsplit(urljoin(service(ready, "http").url + "/", link)) for link in _links(ready)]
    schemes = sorted({link.scheme for link in links})
    return f"{len(links)} links of the site taken apart: {', '.join(schemes)}"


def probe_urllib_request(ready: Ready) -> str:
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(), urllib.request.ProxyHandler({}))
    base = service(ready, "http").url
    with opener.open(f"{base}/cookies/set?flavour=oat", timeout=TIMEOUT) as reply:
        expect({"flavour": "oat"}, json.load(reply)["cookies"])
    with opener.open(f"{base}/redirect/2", timeout=TIMEOUT) as reply:
        expect(f"{base}/get", reply.url)
    return "a cookie kept, two redirects followed"


def probe_http_client(ready: Ready) -> str:
    import http.client

    where = service(ready, "https")
    connection = http.client.HTTPSConnection(where.host, where.port, timeout=TIMEOUT, context=context(ready))
    with contextlib.closing(connection):
        for number in range(2):
            connection.request("POST", "/post", json.dumps({"number": number}), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            expect(({"number": number}, 200), (json.load(reply)["json"], reply.status))
    return "two requests over one TLS connection"


def probe_smtplib(ready: Ready) -> str:
    import smtplib

    subject, account = token(), first(ready)
    where = service(ready, "submission")
    with smtplib.SMTP(where.host, where.port, timeout=TIMEOUT) as server:
        server.starttls(context=context(ready))
        server.login(account.login, account.password)
        expect({}, server.send_message(letter(ready, subject)))
    _await_and_delete(ready, subject)
    return "a message sent after STARTTLS and AUTH, found by IMAP"


def probe_imaplib(ready: Ready) -> str:
    with _mailbox(ready, [letter(ready, token()).as_bytes().replace(b"\n", b"\r\n")]) as (imap, name):
        expect(("OK", [b"1"]), imap.select(name))
        _, found = imap.search(None, "UNSEEN")
        expect([b"1"], found)
        _, parts = imap.fetch("1", "(BODYSTRUCTURE)")
        expect(True, b'"mixed"' in parts[0].lower())
        imap.store("1", "+FLAGS", r"(\Seen \Deleted)")
        expect(("OK", [b"1"]), imap.expunge())
        imap.close()
    return "a mailbox made, filled, searched, fetched from, expunged and deleted"


def probe_poplib(ready: Ready) -> str:
    import poplib

    where, account = service(ready, "pop3s"), first(ready)
    server = poplib.POP3_SSL(where.host, where.port, timeout=TIMEOUT, context=context(ready))
    try:
        server.user(account.login)
        server.pass_(account.password)
        count, octets = server.stat()
        expect(count, len(server.uidl()[1]))
    finally:
        server.quit()
    return f"{count} messages of {octets} octets"


def probe_email(ready: Ready) -> str:
    import email
    import email.policy

    sent = letter(ready, token())
    with _mailbox(ready, [sent.as_bytes(policy=email.policy.SMTP)]) as (imap, name):
        imap.select(name, readonly=True)
        _, data = imap.fetch("1", "(RFC822)")
        imap.close()
    raw = next(part[1] for part in data if isinstance(part, tuple))
    read = email.message_from_bytes(raw, policy=email.policy.default)
    expect(sent.as_bytes(policy=email.policy.SMTP), raw)
    expect(sent["Subject"], read["Subject"])
    text, attachment = [part.get_content() for part in read.walk() if not part.is_multipart()]
    expect(("Grüße aus minternet", bytes(range(256))), (text.strip(), attachment))
    return "a message built, stored, read back byte for byte and taken apart"


def probe_mailbox(ready: Ready) -> str:
    import mailbox

    contents = [f"Subject: {number}\r\n\r\nFrom here\r\n".encode() for number in range(3)]
    with tempfile.TemporaryDirectory() as folder, _mailbox(ready, contents) as (imap, name):
        imap.select(name, readonly=True)
        box = mailbox.Maildir(Path(folder) / "maildir")
        for number in range(len(contents)):
            _, data = imap.fetch(str(number + 1), "(RFC822)")
            box.add(next(part[1] for part in data if isinstance(part, tuple)))
        imap.close()
        expect(["0", "1", "2"], sorted(str(message["Subject"]) for message in box))
    return "a Maildir filled from IMAP"


def probe_html_parser(ready: Ready) -> str:
    links = _links(ready)
    if not links:
        raise AssertionError("the site's first page has no links")
    return f"{len(links)} links on the site's first page"


def probe_element_tree(ready: Ready) -> str:
    from xml.etree import ElementTree

    root = ElementTree.fromstring(_get(ready, "/xml"))
    slides = root.findall("slide")
    expect(("slideshow", True), (root.tag, bool(slides)))
    return f"{root.tag} with {len(slides)} slides"


def probe_json(ready: Ready) -> str:
    document = json.loads(_get(ready, "/json"))
    expect(document, json.loads(json.dumps(document)))
    return f"a document with {', '.join(document)}"


def probe_ftplib(ready: Ready) -> str:
    import ftplib

    where, account = service(ready, "ftp"), first(ready)
    if ready.ftp_writable_dir is None:
        raise Missing("this instance has no folder to write to")
    content, name = bytes(range(256)) * 100, f"{token()}.bin"
    with ftplib.FTP_TLS(timeout=TIMEOUT, context=context(ready)) as ftp:
        ftp.connect(where.host, where.port)
        ftp.login(account.login, account.password)
        ftp.prot_p()
        ftp.cwd(ready.ftp_writable_dir)
        ftp.storbinary(f"STOR {name}", io.BytesIO(content))
        got = io.BytesIO()
        ftp.retrbinary(f"RETR {name}", got.write, rest=1000)
        ftp.delete(name)
    expect(content[1000:], got.getvalue())
    return f"{len(content)} octets stored over TLS, read from octet 1000 on, deleted"


def probe_nntplib(ready: Ready) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import nntplib

    where, group = service(ready, "nntp"), ready.news_group
    if group is None:
        raise Missing("this instance has no newsgroup open for posting")
    message_id = f"<{token()}@example.test>"
    fields = f"From: {first(ready).address}\r\nNewsgroups: {group}\r\nMessage-ID: {message_id}\r\n"
    with nntplib.NNTP(where.host, where.port, timeout=TIMEOUT) as news:
        news.post(io.BytesIO(f"{fields}Subject: check\r\n\r\n.dots\r\n..kept\r\n".encode()))
        _, body = news.body(message_id)
        expect([b".dots", b"..kept"], body.lines)
        cancel = fields.replace(message_id, f"<{token()}@example.test>")
        news.post(io.BytesIO(f"{cancel}Control: cancel {message_id}\r\nSubject: cancel\r\n\r\ndone\r\n".encode()))
        count = news.group(group)[1]
    return f"an article posted to {group}, read and cancelled; {count} there"


def probe_asyncio(ready: Ready) -> str:
    echo = service(ready, "echo")

    async def one(number: int) -> bytes:
        reader, writer = await asyncio.open_connection(*echo.address)
        writer.write(b"%d\n" % number)
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line

    async def many() -> list[bytes]:
        async with asyncio.timeout(TIMEOUT):
            return await asyncio.gather(*(one(number) for number in range(20)))

    expect([b"%d\n" % number for number in range(20)], asyncio.run(many()))
    return "20 connections at the same time"


# -- what several of them need


def _get(ready: Ready, path: str) -> bytes:
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(service(ready, "http").url + path, timeout=TIMEOUT) as reply:
        return bytes(reply.read())


def _links(ready: Ready) -> list[str]:
    from html.parser import HTMLParser

    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attributes if tag == "a" and name == "href" and value)

    parser = Links()
    parser.feed(_get(ready, "/").decode("utf-8", "replace"))
    parser.close()
    return found


@contextlib.contextmanager
def _imap(ready: Ready) -> Iterator:  # type: ignore[type-arg]
    import imaplib

    where, account = service(ready, "imaps"), first(ready)
    imap = imaplib.IMAP4_SSL(where.host, where.port, ssl_context=context(ready), timeout=TIMEOUT)
    try:
        imap.login(account.login, account.password)
        yield imap
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            imap.logout()


@contextlib.contextmanager
def _mailbox(ready: Ready, contents: list[bytes]) -> Iterator:  # type: ignore[type-arg]
    """A logged-in client and a new mailbox that holds these messages; it is deleted afterwards."""
    name = token()
    with _imap(ready) as imap:
        expect("OK", imap.create(name)[0])
        try:
            for content in contents:
                expect("OK", imap.append(name, None, None, content)[0])
            yield imap, name
        finally:
            imap.delete(name)


def _await_and_delete(ready: Ready, subject: str) -> None:
    """Delivery is done when SMTP says so: what it acknowledged is there at once."""
    with _imap(ready) as imap:
        imap.select("INBOX")
        _, found = imap.search(None, "SUBJECT", subject)
        expect(1, len(found[0].split()))
        imap.store(found[0].decode(), "+FLAGS", r"(\Deleted)")
        imap.expunge()
        imap.close()


PROBES: dict[str, Callable[[Ready], str]] = {
    "socket": probe_socket,
    "urllib.parse": probe_urllib_parse,
    "urllib.request": probe_urllib_request,
    "http.client": probe_http_client,
    "smtplib": probe_smtplib,
    "imaplib": probe_imaplib,
    "poplib": probe_poplib,
    "email": probe_email,
    "mailbox": probe_mailbox,
    "html.parser": probe_html_parser,
    "xml.etree.ElementTree": probe_element_tree,
    "json": probe_json,
    "ftplib": probe_ftplib,
    "nntplib": probe_nntplib,
    "asyncio": probe_asyncio,
}
"""The module a probe checks -> the probe."""
