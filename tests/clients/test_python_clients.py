"""Libraries from PyPI: imapclient, imap-tools, aioimaplib, aiosmtplib, aioftp, httpx and requests (the extra `clients`)."""

from __future__ import annotations

import asyncio
import hashlib
import os
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from minternet import Internet
from minternet.bench import AccountHandle

LETTER = b"From: bob@example.test\r\nTo: you@example.test\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nHello.\r\n"


def named(subject: str) -> bytes:
    return LETTER.replace("Grüße".encode(), subject.encode())


# -- mail -------------------------------------------------------------------------------------------------------------


def test_imapclient(net: Internet, me: AccountHandle) -> None:
    imapclient: Any = pytest.importorskip("imapclient")
    me.inbox.add(named("One"), ["\\Seen"])
    me.inbox.add(named("Two"))
    with imapclient.IMAPClient("localhost", net.imaps.port, ssl_context=net.ssl_context(), timeout=10) as client:
        client.login(me.login, me.password)
        assert client.select_folder("INBOX")[b"EXISTS"] == 2
        assert client.search(["UNSEEN", "SUBJECT", "Two"]) == [2]
        assert client.sort(["REVERSE", "ARRIVAL"]) == [2, 1]
        fetched = client.fetch([1, 2], ["FLAGS", "ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "BODY.PEEK[]"])
        assert fetched[1][b"FLAGS"] == (b"\\Seen",) or b"\\Seen" in fetched[1][b"FLAGS"]
        assert fetched[2][b"ENVELOPE"].subject == b"Two"
        assert fetched[2][b"BODY[]"] == named("Two")
        client.add_flags([2], [imapclient.FLAGGED, "$Work"])
        assert me.inbox.get(2).flags == {"\\Flagged", "$Work"}
        client.create_folder("Ordner/Übersicht")
        client.copy([1], "Ordner/Übersicht")
        client.move([2], "Ordner/Übersicht")
        assert client.folder_status("Ordner/Übersicht", ["MESSAGES"]) == {b"MESSAGES": 2}
        assert ((b"\\HasNoChildren",), b"/", "Ordner/Übersicht") in client.list_folders()
        client.append("INBOX", named("Three"), flags=[imapclient.DRAFT])
        client.delete_messages([1])
        client.expunge()
        client.idle()
        me.inbox.add(named("Four"))
        assert (2, b"EXISTS") in client.idle_check(timeout=5)
        client.idle_done()
        assert client.get_quota_root("INBOX")
    assert [letter.subject for letter in me.inbox] == ["Three", "Four"]
    assert [letter.subject for letter in me.mailbox("Ordner/Übersicht")] == ["One", "Two"]


def test_imapclient_upgrades_and_is_told_of_wrong_passwords(net: Internet, me: AccountHandle) -> None:
    imapclient: Any = pytest.importorskip("imapclient")
    with imapclient.IMAPClient("localhost", net.imap.port, ssl=False, timeout=10) as client:
        client.starttls(net.ssl_context())
        with pytest.raises(imapclient.exceptions.LoginError, match="AUTHENTICATIONFAILED"):
            client.login(me.login, "wrong")
        client.plain_login(me.login, me.password)
        assert client.folder_exists("INBOX")


def test_imap_tools(net: Internet, me: AccountHandle) -> None:
    imap_tools: Any = pytest.importorskip("imap_tools")
    for subject in ("One", "Two", "Three"):
        me.inbox.add(named(subject))
    box = imap_tools.MailBox("localhost", net.imaps.port, timeout=10, ssl_context=net.ssl_context())
    with box.login(me.login, me.password) as client:
        assert [each.subject for each in client.fetch(reverse=True)] == ["Three", "Two", "One"]
        (two,) = client.fetch(imap_tools.AND(subject="Two", seen=True))
        assert (two.from_, two.to, two.text) == ("bob@example.test", ("you@example.test",), "Hello.\r\n")
        client.flag(two.uid, imap_tools.MailMessageFlags.FLAGGED, True)
        client.folder.create("Résumé")
        client.move([two.uid], "Résumé")
        client.delete([each.uid for each in client.fetch("SUBJECT One")])
        client.append(named("Four"), "Résumé", flag_set=["\\Seen"])
        assert client.folder.status("Résumé")["MESSAGES"] == 2
        client.idle.start()
        me.inbox.add(named("Five"))
        assert any(b"EXISTS" in line for line in client.idle.poll(timeout=5))
        client.idle.stop()
    assert [letter.subject for letter in me.inbox] == ["Three", "Five"]
    assert {letter.subject: letter.flags for letter in me.mailbox("Résumé")} == {
        "Two": {"\\Seen", "\\Flagged"},
        "Four": {"\\Seen"},
    }


def test_aioimaplib(net: Internet, me: AccountHandle) -> None:
    aioimaplib: Any = pytest.importorskip("aioimaplib")
    me.inbox.add(named("One"))

    async def work() -> None:
        client = aioimaplib.IMAP4_SSL("localhost", net.imaps.port, timeout=10, ssl_context=net.ssl_context())
        await client.wait_hello_from_server()
        assert (await client.login(me.login, me.password)).result == "OK"
        assert b"1 EXISTS" in (await client.select("INBOX")).lines
        fetched = await client.fetch("1", "(UID BODY.PEEK[])")
        assert bytes(fetched.lines[1]) == named("One")
        assert (await client.uid_search("ALL")).lines[0] == b"1"
        assert (await client.append(named("Two"), "INBOX", flags="\\Seen")).result == "OK"
        idle = await client.idle_start(timeout=10)
        await asyncio.to_thread(me.inbox.add, named("Three"))
        assert b"3 EXISTS" in await client.wait_server_push()
        client.idle_done()
        await asyncio.wait_for(idle, 10)
        assert (await client.store("1", "+FLAGS", "(\\Deleted)")).result == "OK"
        assert (await client.expunge()).result == "OK"
        await client.logout()

    asyncio.run(work())
    assert [letter.subject for letter in me.inbox] == ["Two", "Three"]


@pytest.mark.parametrize("how", ["smtps", "submission"])
def test_aiosmtplib(net: Internet, me: AccountHandle, how: str) -> None:
    aiosmtplib: Any = pytest.importorskip("aiosmtplib")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = me.address, me.address, "Grüße aus der Ferne"
    message.set_content("Schöne Grüße\n.\n")
    message.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="all.bin")

    async def work() -> None:
        tls = {"use_tls": True} if how == "smtps" else {"start_tls": True}
        errors, said = await aiosmtplib.send(
            message, hostname="localhost", port=getattr(net, how).port, username=me.login, password=me.password,
            tls_context=net.ssl_context(), **tls,
        )  # fmt: skip
        assert errors == {}
        assert said.startswith("2.")
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await aiosmtplib.send(
                message, hostname="localhost", port=getattr(net, how).port, username=me.login, password="wrong",
                tls_context=net.ssl_context(), **tls,
            )  # fmt: skip

    asyncio.run(work())
    (letter,) = me.inbox.messages
    assert (letter.subject, letter.text) == ("Grüße aus der Ferne", "Schöne Grüße\r\n.\r\n")
    assert letter.attachments == {"all.bin": bytes(range(256))}


# -- files ------------------------------------------------------------------------------------------------------------


def test_aioftp(net: Internet, me: AccountHandle, tmp_path: Path) -> None:
    aioftp: Any = pytest.importorskip("aioftp")
    content = os.urandom(200_000)
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "one.bin").write_bytes(content)
    (tmp_path / "up" / "zwei ü.txt").write_text("zwei")

    async def work() -> None:
        async with aioftp.Client.context("127.0.0.1", net.ftp.port, me.login, me.password) as client:
            await client.upload(tmp_path / "up")
            listed = [(str(path), facts["type"]) async for path, facts in client.list("up")]
            assert sorted(listed) == [("up/one.bin", "file"), ("up/zwei ü.txt", "file")]
            await client.download("up", tmp_path / "down")
            async with client.download_stream("up/one.bin", offset=150_000) as stream:
                assert await stream.read() == content[150_000:]
            await client.rename("up/zwei ü.txt", "moved.txt")
            assert await client.exists("moved.txt")
            await client.make_directory("a/b/c")
            await client.remove("a")
            with pytest.raises(aioftp.StatusCodeError):
                await client.change_directory("nowhere")

    asyncio.run(work())
    assert (tmp_path / "down" / "up" / "one.bin").read_bytes() == content
    assert net.files.read(f"{me.home}/moved.txt") == b"zwei"
    assert sorted(net.files.list(me.home)) == ["moved.txt", "up"]


# -- the web ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["http", "https"])
def test_requests(net: Internet, how: str) -> None:
    requests: Any = pytest.importorskip("requests")
    base = f"{how}://localhost:{getattr(net, how).port}"
    with requests.Session() as session:
        session.trust_env, session.verify = False, net.ca_file
        assert session.get(base + "/redirect/4").json()["url"] == base + "/get"
        session.get(base + "/cookies/set/a/b")
        assert session.get(base + "/cookies").json() == {"cookies": {"a": "b"}}
        digest = requests.auth.HTTPDigestAuth("me", "pass")
        assert session.get(base + "/digest-auth/auth/me/pass", auth=digest).json()["authenticated"]
        sent = session.post(base + "/post", files={"f": ("ü.txt", b"file")}, data={"a": ["1", "2"]}).json()
        assert (sent["files"], sent["form"]) == ({"f": "file"}, {"a": ["1", "2"]})
        assert session.put(base + "/put", data=iter([b"a", b"b"])).json()["data"] == "ab"
        for encoding in ("gzip", "deflate", "brotli"):
            assert session.get(f"{base}/{encoding}", headers={"Accept-Encoding": "gzip, deflate"}).status_code == 200
        with session.get(base + "/stream/3", stream=True) as streamed:
            assert len(list(streamed.iter_lines())) == 3
        with pytest.raises(requests.exceptions.HTTPError):
            session.get(base + "/status/503").raise_for_status()


def test_requests_by_proxy(net: Internet) -> None:
    requests: Any = pytest.importorskip("requests")
    proxy = f"http://localhost:{net.http.port}"
    with requests.Session() as session:
        session.trust_env, session.verify = False, net.ca_file
        session.proxies = {"http": proxy, "https": proxy}
        assert session.get("https://httpbin.org/get?a=1").json()["args"] == {"a": "1"}
        assert session.get("http://httpbin.org/get?a=1").json()["args"] == {"a": "1"}


def test_httpx(net: Internet) -> None:
    httpx: Any = pytest.importorskip("httpx")
    base = f"https://localhost:{net.https.port}"
    body = os.urandom(1_000_000)

    async def work() -> None:
        async with httpx.AsyncClient(verify=net.ssl_context(), trust_env=False, base_url=base) as client:
            answers = await asyncio.gather(*(client.get(f"/anything/{number}") for number in range(20)))
            assert [answer.json()["url"] for answer in answers] == [f"{base}/anything/{number}" for number in range(20)]

            async def pieces() -> Any:
                for at in range(0, len(body), 100_000):
                    yield body[at : at + 100_000]

            uploaded = await client.post("/upload", content=pieces())
            assert hashlib.sha256(body).hexdigest() in uploaded.text
            assert (await client.get("/files/pub/noise.bin", headers={"Range": "bytes=5-8"})).content == net.files.read(
                "/pub/noise.bin"
            )[5:9]
            async with client.stream("GET", "/stream-bytes/50000") as stream:
                assert sum([len(piece) async for piece in stream.aiter_bytes()]) == 50_000

    asyncio.run(work())


def test_httpx_by_proxy(net: Internet) -> None:
    httpx: Any = pytest.importorskip("httpx")
    proxy = f"http://localhost:{net.http.port}"
    with httpx.Client(proxy=proxy, verify=net.ssl_context(), trust_env=False) as client:
        assert client.get("https://any.name.example/get").json()["url"] == "https://any.name.example/get"
    with httpx.Client(trust_env=False) as strict, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        strict.get(f"https://localhost:{net.https.port}/")
