"""Every method of imaplib, over a real socket, in the way its documentation says."""

from __future__ import annotations

import imaplib
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
from stage import Served, serving

from minternet.wire.tls import Authority

MESSAGE = b"From: a@example.test\r\nSubject: Hello\r\n\r\nHello\r\n"


@pytest.fixture(scope="module")
def served(authority: Authority) -> Iterator[Served]:
    with serving("imap", "imaps", authority=authority) as stage:
        yield stage


@pytest.fixture
def client(served: Served) -> Iterator[imaplib.IMAP4]:
    with imaplib.IMAP4("127.0.0.1", served.ports["imap"], timeout=10) as client:
        client.login("alice", "wonderland")
        yield client


@pytest.fixture
def box(client: imaplib.IMAP4, request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own with three messages, selected."""
    name = f"box-{request.node.name}".replace("[", "-").replace("]", "")
    ok(client.create(name))
    for _ in range(3):
        ok(client.append(name, "(\\Seen)", imaplib.Time2Internaldate(time.time()), MESSAGE))
    assert ok(client.select(name)) == [b"3"]
    return name


def ok(reply: tuple[str, Any]) -> Any:
    assert reply[0] == "OK", reply
    return reply[1]


def test_capability_noop_xatom_namespace_and_logout(served: Served) -> None:
    client = imaplib.IMAP4("127.0.0.1", served.ports["imap"])
    assert b"IMAP4rev1" in ok(client.capability())[0]
    assert client.PROTOCOL_VERSION == "IMAP4REV1"
    ok(client.login("alice@example.test", "wonderland"))
    ok(client.noop())
    ok(client.xatom("XATOM", "any", "words"))
    assert ok(client.namespace())[0].startswith(b'(("" "/"))')
    assert client.logout()[0] == "BYE"


def test_wrong_password(served: Served) -> None:
    client = imaplib.IMAP4("127.0.0.1", served.ports["imap"])
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login("alice", "red queen")
    ok(client.login("alice", "wonderland"))
    client.shutdown()


def test_login_cram_md5_and_authenticate(served: Served) -> None:
    with imaplib.IMAP4("127.0.0.1", served.ports["imap"]) as client:
        ok(client.login_cram_md5("alice", "wonderland"))
    with imaplib.IMAP4("127.0.0.1", served.ports["imap"]) as client:
        ok(client.authenticate("PLAIN", lambda challenge: b"\0catchall\0catchall"))
        ok(client.proxyauth("bob"))
        ok(client.select())


def test_starttls_and_implicit_tls(served: Served) -> None:
    context: ssl.SSLContext = served.authority.client_context()
    with imaplib.IMAP4("localhost", served.ports["imap"]) as client:
        ok(client.starttls(context))
        assert "STARTTLS" not in client.capabilities
        ok(client.login("alice", "wonderland"))
    with imaplib.IMAP4_SSL("127.0.0.1", served.ports["imaps"], ssl_context=context) as secure:
        ok(secure.login("alice", "wonderland"))
        assert ok(secure.select(readonly=True))


def test_enable_utf8(client: imaplib.IMAP4) -> None:
    ok(client.enable("UTF8=ACCEPT"))
    ok(client.create('"Tagebücher"'))
    ok(client.append('"Tagebücher"', "", "", "Subject: Käse\r\n\r\nKäse\r\n".encode()))
    assert "Tagebücher".encode() in b"".join(ok(client.list(pattern='"Tage*"')))
    ok(client.delete('"Tagebücher"'))


def test_mailboxes(client: imaplib.IMAP4) -> None:
    ok(client.create("Some/Box"))
    ok(client.subscribe("Some/Box"))
    assert b'"/" Some/Box' in ok(client.lsub(pattern="Some/*"))[0]
    ok(client.unsubscribe("Some/Box"))
    ok(client.rename("Some/Box", "Other"))
    assert ok(client.list(pattern="Other")) == [b'(\\HasNoChildren) "/" Other']
    assert ok(client.status("Other", "(MESSAGES UIDNEXT)")) == [b"Other (MESSAGES 0 UIDNEXT 1)"]
    ok(client.delete("Other"))


def test_select_again_close_unselect_and_check(client: imaplib.IMAP4, box: str) -> None:
    assert client.response("UIDVALIDITY")[1][0]
    assert client.recent()[0] == "OK"
    ok(client.check())
    ok(client.unselect())
    ok(client.select(box, readonly=True))
    assert client.store("1", "+FLAGS", "\\Deleted")[0] == "NO"
    ok(client.select(box))
    ok(client.close())


def test_messages(client: imaplib.IMAP4, box: str) -> None:
    assert ok(client.search(None, "ALL")) == [b"1 2 3"]
    assert ok(client.search("UTF-8", "SUBJECT", '"hello"')) == [b"1 2 3"]
    (_, content), _ = ok(client.fetch("1", "(RFC822)"))
    assert content == MESSAGE
    assert b"{" in ok(client.partial("1", "RFC822.TEXT", "1", "3"))[0][0]
    assert ok(client.store("2", "+FLAGS", "(\\Flagged)"))[0].startswith(b"2 (FLAGS (")
    assert ok(client.sort("(REVERSE ARRIVAL)", "UTF-8", "ALL"))
    assert ok(client.thread("REFERENCES", "UTF-8", "ALL"))
    ok(client.copy("1", box))
    assert ok(client.uid("MOVE", "2", "Trash"))
    assert ok(client.uid("FETCH", "1", "(FLAGS)"))
    ok(client.store("1", "+FLAGS", "\\Deleted"))
    assert ok(client.expunge())[-1] == b"1"


def test_quota_access_and_annotations(client: imaplib.IMAP4, box: str) -> None:
    assert ok(client.setquota('""', "(STORAGE 10240)"))[0].startswith(b'"" (STORAGE ')
    assert ok(client.getquota('""'))[0].startswith(b'"" (STORAGE ')
    assert ok(client.getquotaroot("INBOX"))[0] == [b'INBOX ""']
    assert ok(client.setquota('""', "()"))
    ok(client.setacl(box, "bob", "lr"))
    assert b"bob lr" in ok(client.getacl(box))[0]
    assert ok(client.myrights(box))[0].endswith(b"lrswipkxteacd")
    ok(client.deleteacl(box, "bob"))
    ok(client.setannotation(box, '"/comment"', '("value.priv" "Mine")'))
    assert ok(client.getannotation(box, '"/comment"', '"value.priv"'))[0].endswith(b'"/comment" ("value.priv" "Mine")')


@pytest.mark.skipif(not hasattr(imaplib.IMAP4, "idle"), reason="imaplib has idle() since Python 3.14")
def test_idle(served: Served, client: imaplib.IMAP4, box: str) -> None:
    with imaplib.IMAP4("127.0.0.1", served.ports["imap"]) as other:
        other.login("alice", "wonderland")
        with client.idle(duration=5) as idler:
            ok(other.append(box, "", "", MESSAGE))
            assert next(idler) == ("EXISTS", [b"4"])
