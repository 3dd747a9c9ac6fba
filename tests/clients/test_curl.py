"""curl: mail in and out, files, and HTTP with and without the forward proxy, always with certificates verified."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from client_machine import Machine

from minternet.bench import AccountHandle

LETTER = b"From: shop@example.net\r\nTo: you\r\nSubject: From curl\r\n\r\nA line\r\n.\r\n..\r\nthe end\r\n"


def curl(machine: Machine, *arguments: str, give: bytes = b"", status: int = 0) -> bytes:
    command = ("curl", "-q", "-sS", "--max-time", "20", "--cacert", machine.net.ca_file, *arguments)
    return machine.run(*command, give=give, status=status).output


def login(me: AccountHandle) -> tuple[str, str]:
    return "--user", f"{me.login}:{me.password}"


@pytest.mark.parametrize("how", ["smtp", "smtps", "submission"])
def test_mail_is_sent(machine: Machine, me: AccountHandle, how: str) -> None:
    endpoint = getattr(machine.net, how)
    scheme = "smtps" if how == "smtps" else "smtp"
    tls = () if how == "smtps" else ("--ssl-reqd",)
    envelope = ("--mail-from", "shop@example.net", "--mail-rcpt", me.address, "--mail-rcpt", "bob@example.test")
    signed_in = login(me) if how != "smtp" else ()
    curl(machine, *tls, *signed_in, *envelope, "-T", "-", f"{scheme}://localhost:{endpoint.port}/client", give=LETTER)
    (letter,) = me.inbox.messages
    assert letter.raw.endswith(LETTER)
    assert letter.envelope is not None
    assert [each.address for each in letter.envelope.recipients] == [me.address, "bob@example.test"]


def test_a_wrong_password_is_told(machine: Machine, me: AccountHandle) -> None:
    for service in ("imap", "pop3", "ftp"):
        url = f"{service}://localhost:{getattr(machine.net, service).port}/"
        curl(machine, "--ssl-reqd", "--user", f"{me.login}:wrong", url, status=67)


@pytest.mark.parametrize("how", ["imap", "imaps"])
def test_mail_is_read_by_imap(machine: Machine, me: AccountHandle, how: str) -> None:
    me.inbox.add(LETTER, ["\\Flagged"])
    me.inbox.add(LETTER.replace(b"From curl", b"Another"))
    base = f"{how}://localhost:{getattr(machine.net, how).port}"
    tls = ("--ssl-reqd", *login(me))
    assert b'"/" INBOX' in curl(machine, *tls, base + "/")
    assert curl(machine, *tls, f"{base}/INBOX;UID=1") == LETTER
    assert curl(machine, *tls, f"{base}/INBOX;MAILINDEX=2;SECTION=TEXT") == LETTER.partition(b"\r\n\r\n")[2]
    assert curl(machine, *tls, f"{base}/INBOX?SUBJECT%20Another").strip() == b"* SEARCH 2"
    assert b"FLAGS (\\Flagged \\Seen)" in curl(machine, *tls, f"{base}/INBOX", "-X", "FETCH 1 FLAGS")
    curl(machine, *tls, f"{base}/INBOX", "-X", "STORE 2 +FLAGS \\Deleted")
    curl(machine, *tls, f"{base}/INBOX", "-X", "EXPUNGE")
    assert [letter.subject for letter in me.inbox] == ["From curl"]


def test_mail_is_appended(machine: Machine, me: AccountHandle) -> None:
    me.create_mailbox("Sent by curl")
    path = machine.write("letter.eml", LETTER)
    curl(machine, *login(me), "-T", str(path), f"imap://localhost:{machine.net.imap.port}/Sent%20by%20curl")
    (letter,) = me.mailbox("Sent by curl").messages
    assert letter.raw == LETTER


@pytest.mark.parametrize("how", ["pop3", "pop3s"])
def test_mail_is_read_by_pop3(machine: Machine, me: AccountHandle, how: str) -> None:
    me.inbox.add(LETTER)
    me.inbox.add(LETTER * 2)
    base = f"{how}://localhost:{getattr(machine.net, how).port}"
    tls = ("--ssl-reqd", *login(me))
    assert curl(machine, *tls, base + "/").split() == [b"1", b"%d" % len(LETTER), b"2", b"%d" % (2 * len(LETTER))]
    assert curl(machine, *tls, base + "/1") == LETTER
    assert b"2 " in curl(machine, *tls, "-X", "UIDL", base + "/")
    curl(machine, *tls, "-l", "-X", "DELE", base + "/1")
    assert [letter.uid for letter in me.inbox] == [2]


@pytest.mark.parametrize("how", ["ftp", "ftps", "explicit"])
def test_files_go_up_and_down_and_resume(machine: Machine, me: AccountHandle, how: str) -> None:
    scheme = "ftps" if how == "ftps" else "ftp"
    base = f"{scheme}://localhost:{getattr(machine.net, scheme).port}"
    tls = (*(() if how == "ftp" else ("--ssl-reqd",)), *login(me))
    content = os.urandom(300_000)
    path = machine.write("data.bin", content)
    curl(machine, *tls, "-T", str(path), f"{base}/up.bin")
    assert machine.net.files.read(f"{me.home}/up.bin") == content
    assert curl(machine, *tls, f"{base}/up.bin") == content
    assert curl(machine, *tls, "-r", "1000-1999", f"{base}/up.bin") == content[1000:2000]
    (machine.home / "half").write_bytes(content[:100_000])
    curl(machine, *tls, "-C", "-", "-o", "half", f"{base}/up.bin")
    assert (machine.home / "half").read_bytes() == content
    machine.net.files.write(f"{me.home}/half.bin", content[:123_456])
    curl(machine, *tls, "-C", "-", "-T", str(path), f"{base}/half.bin")
    assert machine.net.files.read(f"{me.home}/half.bin") == content
    assert curl(machine, *tls, "-l", f"{base}/").split() == [b"half.bin", b"up.bin"]
    curl(machine, *tls, "-Q", "-DELE half.bin", f"{base}/", "-o", os.devnull)
    assert machine.net.files.list(me.home) == ["up.bin"]
    curl(machine, *tls, f"{base}/nothing", status=78)


def test_active_ftp(machine: Machine) -> None:
    base = f"ftp://localhost:{machine.net.ftp.port}"
    expected = machine.net.files.read("/pub/readme.txt")
    assert curl(machine, "-P", "-", base + "/pub/readme.txt") == expected


@pytest.mark.parametrize("how", ["http", "https"])
def test_http(machine: Machine, how: str) -> None:
    base = f"{how}://localhost:{getattr(machine.net, how).port}"
    assert json.loads(curl(machine, "-L", base + "/redirect/3"))["url"].endswith("/get")
    assert json.loads(curl(machine, "--compressed", base + "/gzip"))["gzipped"] is True
    assert json.loads(curl(machine, "--digest", "-u", "me:pass", base + "/digest-auth/auth/me/pass"))["authenticated"]
    sent = json.loads(curl(machine, "-F", "a=1", "-F", "b=@-;filename=x.txt", base + "/post", give=b"file"))
    assert (sent["form"], sent["files"]) == ({"a": "1"}, {"b": "file"})
    body = os.urandom(2_000_000)
    chunked = curl(machine, "-T", "-", "-H", "Expect: 100-continue", base + "/upload", give=body)
    assert hashlib.sha256(body).hexdigest() in chunked.decode()
    curl(machine, "-f", base + "/status/404", status=22)
    jar = str(machine.home / "jar")
    assert json.loads(curl(machine, "-L", "-c", jar, base + "/cookies/set?a=b"))["cookies"] == {"a": "b"}


def test_http_files_and_ranges(machine: Machine) -> None:
    url = f"http://localhost:{machine.net.http.port}/files/pub/noise.bin"
    content = machine.net.files.read("/pub/noise.bin")
    assert curl(machine, url) == content
    assert curl(machine, "-r", "10-19", url) == content[10:20]
    (machine.home / "half").write_bytes(content[:100])
    curl(machine, "-C", "-", "-o", "half", url)
    assert (machine.home / "half").read_bytes() == content
    parts = curl(machine, "--parallel", url, url)
    assert len(parts) == 2 * len(content)


def test_the_proxy_leads_any_name_to_this_world(machine: Machine) -> None:
    proxy = ("-x", f"http://localhost:{machine.net.http.port}")
    assert json.loads(curl(machine, *proxy, "http://httpbin.org/get?a=1"))["args"] == {"a": "1"}
    assert json.loads(curl(machine, *proxy, "https://any.name.example/get"))["url"] == "https://any.name.example/get"
    assert json.loads(curl(machine, *proxy, "-p", "http://tunnel.example/get"))["args"] == {}


def test_a_certificate_of_another_authority_is_not_trusted(machine: Machine) -> None:
    finished = machine.run("curl", "-q", "-sS", f"https://localhost:{machine.net.https.port}/", status=60)
    assert "certificate" in finished.errors
