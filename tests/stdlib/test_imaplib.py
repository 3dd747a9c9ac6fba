"""imaplib against IMAP and IMAPS, each test in a mailbox of its own."""
# mypy: disable-error-code="arg-type, assignment, attr-defined, operator, union-attr, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import calendar
import imaplib
import re
import shlex
import ssl
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from stdlib.parts import TIMEOUT, Imap, content_of, imap_login, send, service, take

from minternet.ready import Credentials, Ready

FIRST = b"Message-ID: <1@x>\r\nFrom: Alice <a@x.test>\r\nDate: Mon, 03 Jun 2024 10:00:00 +0000\r\nSubject: one\r\n\r\nDuck.\r\n"
SECOND = (
    b"Message-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\nFrom: Bob <b@x.test>\r\nDate: Tue, 04 Jun 2024 10:00:00 +0000\r\n"
    b"Subject: Re: one\r\n\r\nBridge.\r\n"
)
THIRD = b"Message-ID: <3@x>\r\nFrom: Carol <c@x.test>\r\nSubject: an other\r\n\r\n" + b"Long line. " * 500 + b"\r\n"
LETTERS = [FIRST, SECOND, THIRD]
BRIDGE = """\
import os, socket, sys, threading
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def upwards():
    while data := os.read(0, 65536):
        server.sendall(data)
    server.shutdown(socket.SHUT_WR)
threading.Thread(target=upwards, daemon=True).start()
while data := server.recv(65536):
    os.write(1, data)
"""


@pytest.fixture
def plain(ready: Ready) -> Iterator[imaplib.IMAP4]:
    """A client that is not logged in."""
    where = service(ready, "imap")
    with imaplib.IMAP4(where.host, where.port, TIMEOUT) as client:
        yield client


@pytest.fixture
def filled(imap: Imap, box: str) -> Imap:
    """A client in its own mailbox with three messages."""
    for number, letter in enumerate(LETTERS):
        when = imaplib.Time2Internaldate(datetime(2024, 6, 1 + number, 12, tzinfo=UTC))
        assert imap.append(box, r"(\Seen $Mark)" if number == 1 else None, when, letter)[0] == "OK"
    assert imap.select(box) == ("OK", [b"3"])
    return imap


# -- connecting and logging in


def test_the_greeting(plain: imaplib.IMAP4) -> None:
    assert plain.welcome.startswith(b"* OK")
    assert plain.state == "NONAUTH"
    assert {"IMAP4REV1", "STARTTLS", "AUTH=PLAIN", "AUTH=CRAM-MD5", "IDLE"} <= set(plain.capabilities)
    typ, (told,) = plain.capability()
    assert (typ, told.upper().split()[0]) == ("OK", b"IMAP4REV1")
    assert plain.noop()[0] == "OK"
    assert plain.socket().getpeername()[1] > 0
    assert plain.logout()[0] == "BYE"


def test_wrong_passwords(plain: imaplib.IMAP4, account: Credentials) -> None:
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        plain.login(account.login, "wrong")
    with pytest.raises(imaplib.IMAP4.error):
        plain.authenticate("PLAIN", lambda challenge: f"\0{account.login}\0wrong".encode())
    with pytest.raises(imaplib.IMAP4.error, match="illegal in state NONAUTH"):
        plain.select()
    assert plain.login(account.login, account.password)[0] == "OK"
    assert plain.state == "AUTH"


def test_cram_md5(plain: imaplib.IMAP4, account: Credentials) -> None:
    assert plain.login_cram_md5(account.login, account.password)[0] == "OK"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_other_mechanisms(plain: imaplib.IMAP4, account: Credentials, mechanism: str) -> None:
    answers = {
        "PLAIN": [f"\0{account.login}\0{account.password}".encode()],
        "LOGIN": [account.login.encode(), account.password.encode()],
    }[mechanism]
    assert plain.authenticate(mechanism, lambda challenge: answers.pop(0))[0] == "OK"
    assert not answers


def test_thinking_better_of_it(plain: imaplib.IMAP4) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        plain.authenticate("CRAM-MD5", lambda challenge: None)
    assert plain.noop()[0] == "OK"


def test_starttls(plain: imaplib.IMAP4, tls: ssl.SSLContext, account: Credentials) -> None:
    assert plain.starttls(tls)[0] == "OK"
    assert isinstance(plain.socket(), ssl.SSLSocket)
    assert "STARTTLS" not in plain.capabilities
    with pytest.raises(imaplib.IMAP4.abort, match="TLS"):
        plain.starttls(tls)
    assert plain.login(account.address, account.password)[0] == "OK"


def test_tls_with_a_stranger(ready: Ready) -> None:
    where = service(ready, "imaps")
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(where.host, where.port, ssl_context=ssl.create_default_context(), timeout=TIMEOUT)


def test_by_a_child_process(ready: Ready, account: Credentials, tmp_path: Path) -> None:
    where, script = service(ready, "imap"), tmp_path / "bridge.py"
    script.write_text(BRIDGE)
    client = imaplib.IMAP4_stream(shlex.join([sys.executable, str(script), where.host, str(where.port)]))
    assert client.login(account.login, account.password)[0] == "OK"
    assert client.select(readonly=True)[0] == "OK"
    assert client.fetch("1", "(BODY.PEEK[HEADER])")[0] == "OK"
    assert client.logout()[0] == "BYE"


def test_by_hand(ready: Ready) -> None:
    where = service(ready, "imap")
    plain = imaplib.IMAP4(where.host, where.port, TIMEOUT)
    plain.send(b"x1 NOOP\r\n")
    assert plain.readline().startswith(b"x1 OK ")
    plain.send(b"x2 NOOP\r\n")
    assert plain.read(6) == b"x2 OK "
    assert plain.readline().endswith(b"\r\n")
    plain.shutdown()
    with pytest.raises((OSError, imaplib.IMAP4.abort)):
        plain.noop()


def test_after_the_end(plain: imaplib.IMAP4) -> None:
    plain.logout()
    with pytest.raises((imaplib.IMAP4.error, OSError)):
        plain.noop()
    assert issubclass(imaplib.IMAP4.abort, imaplib.IMAP4.error)


def test_the_log_of_what_was_said(ready: Ready, capsys: pytest.CaptureFixture[str]) -> None:
    where = service(ready, "imap")
    client = imaplib.IMAP4(timeout=TIMEOUT, host=where.host, port=where.port)
    if hasattr(client, "print_log"):
        client.noop()
        client.print_log()
        assert "last " in capsys.readouterr().err
        client.debug = 4
        client.noop()
        assert "> b'" in capsys.readouterr().err
    client.logout()


# -- mailboxes


def test_making_renaming_deleting(imap: Imap, token: str) -> None:
    assert imap.create(token)[0] == "OK"
    typ, (told,) = imap.create(token)
    assert (typ, b"ALREADYEXISTS" in told) == ("NO", True)
    assert imap.rename(token, f"{token}-new/below")[0] == "OK"
    typ, listed = imap.list('""', f"{token}*")
    assert typ == "OK"
    assert any(
        line.endswith(f" {token}-new/below".encode()) or f'"{token}-new/below"'.encode() in line for line in listed
    )
    assert imap.delete(f"{token}-new/below")[0] == "OK"
    typ, (told,) = imap.delete(f"{token}-new/below")
    assert (typ, b"NONEXISTENT" in told) == ("NO", True)
    imap.delete(f"{token}-new")


def test_subscriptions(imap: Imap, box: str) -> None:
    assert imap.subscribe(box)[0] == "OK"
    typ, listed = imap.lsub('""', box)
    assert (typ, len(listed), box.encode() in listed[0]) == ("OK", 1, True)
    assert imap.unsubscribe(box)[0] == "OK"
    assert imap.lsub('""', box) == ("OK", [None])


def test_special_mailboxes(default_world: None, imap: Imap) -> None:
    _, listed = imap.list()
    text = b"\n".join(listed)
    for use, name in ((rb"\Sent", b"Sent"), (rb"\Trash", b"Trash"), (rb"\Drafts", b"Drafts"), (rb"\Junk", b"Junk")):
        assert re.search(rb"\([^)]*" + re.escape(use) + rb"[^)]*\) \"/\" \"?" + name, text)
    assert b"Entw&APw-rfe &- Ideen" in text
    assert b"&ZeVnLIqe-" in text


def test_status(filled: Imap, box: str) -> None:
    typ, (told,) = filled.status(box, "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)")
    numbers = dict(re.findall(r"([A-Z]+) (\d+)", told.decode().partition("(")[2]))
    assert (typ, numbers["MESSAGES"], numbers["UNSEEN"], numbers["UIDNEXT"]) == ("OK", "3", "2", "4")
    assert filled.status('"no such"', "(MESSAGES)")[0] == "NO"
    assert int(numbers["UIDVALIDITY"]) == int(filled.response("UIDVALIDITY")[1][0])


def test_selecting(filled: Imap, box: str) -> None:
    assert filled.state == "SELECTED"
    assert filled.check()[0] == "OK"
    typ, (flags,) = filled.response("FLAGS")
    assert (typ, rb"\Deleted" in flags) == ("FLAGS", True)
    assert filled.response("NEVERMIND") == ("NEVERMIND", [None])
    assert filled.close()[0] == "OK"
    assert filled.state == "AUTH"
    assert filled.select(box, readonly=True) == ("OK", [b"3"])
    assert filled.is_readonly
    assert filled.store("1", "+FLAGS", r"(\Seen)")[0] == "NO"
    assert filled.unselect()[0] == "OK"
    assert filled.select('"no such"')[0] == "NO"


def test_recent(ready: Ready, account: Credentials, tls: ssl.SSLContext, imap: Imap, box: str) -> None:
    imap.select(box)
    assert imap.recent()[0] == "OK"
    with imap_login(ready, account, tls) as second:
        second.append(box, None, None, FIRST)
    typ, (count,) = imap.recent()
    assert (typ, count in (b"0", b"1", None)) == ("OK", True)
    assert imap.response("EXISTS")[1][-1] == b"1"


def test_namespace(imap: Imap) -> None:
    typ, (told,) = imap.namespace()
    assert (typ, told.startswith(b'(("" "/"))')) == ("OK", True)


# -- messages


def test_appended_and_fetched(filled: Imap) -> None:
    for number, letter in enumerate(LETTERS, 1):
        typ, data = filled.fetch(str(number), "(RFC822)")
        assert (typ, content_of(data)) == ("OK", letter)
    typ, data = filled.fetch("1:*", "(UID FLAGS RFC822.SIZE)")
    assert [int(re.search(rb"UID (\d+)", line)[1]) for line in data] == [1, 2, 3]  # type: ignore[index]
    assert [int(re.search(rb"RFC822.SIZE (\d+)", line)[1]) for line in data] == [len(each) for each in LETTERS]  # type: ignore[index]
    assert set(imaplib.ParseFlags(data[1])) >= {rb"\Seen", b"$Mark"}


def test_internal_dates(filled: Imap) -> None:
    _, data = filled.fetch("2", "(INTERNALDATE)")
    moment = imaplib.Internaldate2tuple(data[0])
    assert moment is not None
    assert time.mktime(moment) == calendar.timegm((2024, 6, 2, 12, 0, 0))


def test_parts(filled: Imap) -> None:
    assert content_of(filled.fetch("1", "(BODY.PEEK[TEXT])")[1]) == b"Duck.\r\n"
    assert content_of(filled.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]) == b"Subject: one\r\n\r\n"
    assert content_of(filled.fetch("3", "(BODY.PEEK[TEXT]<5.4>)")[1]) == b"line"
    typ, data = filled.fetch("2", "(ENVELOPE)")
    assert (typ, b'"Re: one"' in data[0], b'"<1@x>"' in data[0]) == ("OK", True, True)
    typ, data = filled.fetch("1", "(BODYSTRUCTURE)")
    assert b'("text" "plain"' in data[0].lower()
    with pytest.raises(imaplib.IMAP4.error, match="BAD"):
        filled.fetch("1", "(NONSENSE)")


def test_partial(filled: Imap) -> None:
    typ, data = filled.partial("3", "RFC822.TEXT", "1", "10")
    assert (typ, content_of(data)) == ("OK", b"Long line.")


def test_flags(filled: Imap) -> None:
    typ, (told,) = filled.store("1", "+FLAGS", r"(\Flagged new-keyword)")
    assert (typ, set(imaplib.ParseFlags(told)) >= {rb"\Flagged", b"new-keyword"}) == ("OK", True)
    _, (told,) = filled.store("1", "-FLAGS", r"(\Flagged)")
    assert rb"\Flagged" not in imaplib.ParseFlags(told)
    _, (told,) = filled.store("1", "FLAGS", r"\Answered")
    assert {rb"\Answered"} <= set(imaplib.ParseFlags(told)) <= {rb"\Answered", rb"\Recent"}
    assert filled.store("2", "FLAGS.SILENT", "()") == ("OK", [None])


def test_deleting(filled: Imap) -> None:
    filled.store("1,3", "+FLAGS.SILENT", r"(\Deleted)")
    assert filled.expunge() == ("OK", [b"1", b"2"])
    assert filled.search(None, "ALL") == ("OK", [b"1"])
    assert content_of(filled.fetch("1", "(RFC822)")[1]) == SECOND


def test_close_deletes_in_silence(filled: Imap, box: str) -> None:
    filled.store("2", "+FLAGS.SILENT", r"(\Deleted)")
    filled.close()
    assert filled.select(box) == ("OK", [b"2"])


def test_unselect_deletes_nothing(filled: Imap, box: str) -> None:
    filled.store("2", "+FLAGS.SILENT", r"(\Deleted)")
    filled.unselect()
    assert filled.select(box) == ("OK", [b"3"])


def test_copying(filled: Imap, token: str) -> None:
    filled.create(f"{token}-copy")
    try:
        assert filled.copy("1:2", f"{token}-copy")[0] == "OK"
        assert filled.uid("MOVE", "3", f"{token}-copy")[0] == "OK"
        typ, (told,) = filled.copy("1", '"no such"')
        assert (typ, b"TRYCREATE" in told) == ("NO", True)
        assert filled.search(None, "ALL")[1] == [b"1 2"]
        filled.select(f"{token}-copy")
        assert [content_of(filled.fetch(number, "(RFC822)")[1]) for number in "123"] == LETTERS
        filled.unselect()
    finally:
        filled.delete(f"{token}-copy")


def test_searching(filled: Imap) -> None:
    def found(*criteria: str, charset: str | None = None) -> bytes:
        typ, (numbers,) = filled.search(charset, *criteria)
        assert typ == "OK"
        return bytes(numbers)

    assert found("ALL") == b"1 2 3"
    assert found("UNSEEN") == b"1 3"
    assert found("KEYWORD", "$Mark") == b"2"
    assert found("FROM", '"carol"') == b"3"
    assert found("SUBJECT", '"one"', "NOT", "SEEN") == b"1"
    assert found("OR", "BODY", "bridge", "LARGER", "5000") == b"2 3"
    assert found("SINCE", "02-Jun-2024") == b"2 3"
    assert found("SENTON", "3-Jun-2024") == b"1"
    assert found("HEADER", "In-Reply-To", "<1@x>") == b"2"
    assert found("TEXT", '"nothing like it"') == b""
    filled.literal = b"Duck"
    assert found("BODY", charset="UTF-8") == b"1"
    with pytest.raises(imaplib.IMAP4.error, match="BAD"):
        filled.search(None, "NONSENSE")


def test_words_beyond_ascii(imap: Imap, box: str) -> None:
    imap.append(box, None, None, "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nBrücke\r\n".encode())
    imap.select(box)
    imap.literal = "grüße".encode()
    assert imap.search("UTF-8", "SUBJECT") == ("OK", [b"1"])
    imap.literal = "橋".encode()
    assert imap.search("UTF-8", "TEXT") == ("OK", [b""])


def test_sorting_and_threading(filled: Imap) -> None:
    assert filled.sort("REVERSE SIZE", "UTF-8", "ALL") == ("OK", [b"3 2 1"])
    assert filled.sort("(SUBJECT DATE)", "US-ASCII", "1:3") == ("OK", [b"3 1 2"])
    assert filled.thread("REFERENCES", "UTF-8", "ALL") == ("OK", [b"(1 2)(3)"])
    assert filled.thread("ORDEREDSUBJECT", "UTF-8", "ALL")[0] == "OK"


def test_commands_by_uid(filled: Imap) -> None:
    filled.store("1", "+FLAGS.SILENT", r"(\Deleted)")
    filled.expunge()
    assert filled.uid("SEARCH", "ALL") == ("OK", [b"2 3"])
    typ, data = filled.uid("FETCH", "3", "(RFC822)")
    assert (typ, content_of(data)) == ("OK", THIRD)
    assert filled.uid("STORE", "2", "+FLAGS", r"(\Deleted)")[0] == "OK"
    assert filled.uid("EXPUNGE", "2")[0] == "OK"
    assert filled.uid("SORT", "(SIZE)", "UTF-8", "ALL") == ("OK", [b"3"])
    assert filled.uid("THREAD", "REFERENCES", "UTF-8", "ALL") == ("OK", [b"(3)"])
    with pytest.raises(imaplib.IMAP4.error, match="NONSENSE"):
        filled.uid("NONSENSE")


def test_large_messages(imap: Imap, box: str) -> None:
    content = b"Subject: large\r\n\r\n" + b"".join(b"%070d\r\n" % number for number in range(40_000))
    assert imap.append(box, None, None, content)[0] == "OK"
    imap.select(box)
    assert content_of(imap.fetch("1", "(BODY.PEEK[])")[1]) == content


def test_octets_stay(imap: Imap, box: str) -> None:
    content = b"Subject: octets\r\n\r\n" + bytes(range(1, 256)) * 3 + b"\r\n"
    imap.append(box, None, None, content)
    imap.select(box)
    kept = content_of(imap.fetch("1", "(BODY.PEEK[])")[1])
    # imaplib itself makes CRLF of every bare CR and LF before it sends
    assert kept == imaplib.MapCRLF.sub(imaplib.CRLF, content)


def test_what_another_client_does_is_told(
    ready: Ready, account: Credentials, tls: ssl.SSLContext, filled: Imap, box: str
) -> None:
    with imap_login(ready, account, tls) as second:
        second.select(box)
        second.store("1", "+FLAGS.SILENT", r"(\Deleted)")
        second.expunge()
        second.append(box, None, None, FIRST)
    filled.noop()
    assert filled.response("EXPUNGE")[1] == [b"1"]
    assert filled.response("EXISTS")[1][-1] == b"3"


def test_what_smtp_delivers(ready: Ready, account: Credentials, imap: Imap, token: str) -> None:
    send(ready, "a@example.test", [account.address], f"Message-ID: <{token}@x>\r\n\r\nnow\r\n".encode())
    assert take(imap, f"<{token}@x>").endswith(b"\r\n\r\nnow\r\n")


@pytest.mark.skipif(not hasattr(imaplib.IMAP4, "idle"), reason="idle() came with Python 3.14")
def test_idle(ready: Ready, account: Credentials, tls: ssl.SSLContext, imap: Imap, box: str) -> None:
    imap.select(box)
    with imap_login(ready, account, tls) as second, imap.idle(duration=TIMEOUT) as idler:
        second.append(box, None, None, FIRST)
        kind, data = next(idler)
        while kind == "RECENT":
            kind, data = next(idler)
        assert (kind, data) == ("EXISTS", [b"1"])
        second.append(box, None, None, SECOND)
        second.append(box, None, None, THIRD)
        heard = [next(idler)]
        heard += list(idler.burst(0.5))
        assert [data for kind, data in heard if kind == "EXISTS"][-1] == [b"3"]
    assert imap.noop()[0] == "OK"


# -- extensions


def test_enable(imap: Imap, token: str) -> None:
    assert imap.enable("UTF8=ACCEPT")[0] == "OK"
    assert imap.utf8_enabled
    name = f'"{token} Grüße"'
    assert imap.create(name)[0] == "OK"
    assert imap.append(name, None, None, "Subject: Grüße\r\n\r\nü\r\n".encode())[0] == "OK"
    assert imap.select(name) == ("OK", [b"1"])
    kept = content_of(imap.fetch("1", "(BODY.PEEK[])")[1])
    # imaplib writes RFC 6855's "UTF8 (" and ")" within the literal instead of around it
    assert kept.removeprefix(b"UTF8 (").removesuffix(b")") == "Subject: Grüße\r\n\r\nü\r\n".encode()
    imap.unselect()
    assert imap.delete(name)[0] == "OK"


def test_enable_comes_before_select(filled: Imap) -> None:
    with pytest.raises(imaplib.IMAP4.error, match="illegal in state SELECTED"):
        filled.enable("UTF8=ACCEPT")


def test_access_rights(imap: Imap, box: str, other: Credentials) -> None:
    typ, (told,) = imap.myrights(box)
    assert (typ, b"lrs" in told) == ("OK", True)
    assert imap.setacl(box, other.login, "lr")[0] == "OK"
    typ, (told,) = imap.getacl(box)
    assert (typ, f"{other.login} lr".encode() in told.replace(b'"', b"")) == ("OK", True)
    assert imap.deleteacl(box, other.login)[0] == "OK"
    assert other.login.encode() not in imap.getacl(box)[1][0]


def test_annotations(imap: Imap, box: str) -> None:
    typ, _ = imap.setannotation(box, '"/comment"', '("value.priv" "my own")')
    assert typ == "OK"
    typ, (told,) = imap.getannotation(box, '"/comment"', '("value.priv")')
    assert (typ, b'"value.priv" "my own"' in told) == ("OK", True)


def test_quotas(ready: Ready, tls: ssl.SSLContext) -> None:
    with imap_login(ready, ready.accounts[-1], tls) as client:
        typ, (told,) = client.setquota('""', "(STORAGE 1000000)")
        assert (typ, b"STORAGE" in told) == ("OK", True)
        typ, (told,) = client.getquota('""')
        assert (typ, told.endswith(b"1000000)")) == ("OK", True)
        typ, (roots, quotas) = client.getquotaroot("INBOX")
        assert (typ, roots, quotas[0].endswith(b"1000000)")) == ("OK", [b'INBOX ""'], True)
        assert client.setquota('""', "()")[0] == "OK"
        assert client.getquota("elsewhere")[0] == "NO"


def test_acting_for_another(imap: Imap, other: Credentials, token: str) -> None:
    imap.create(token)
    assert imap.proxyauth(other.login)[0] == "OK"
    assert imap.select(token)[0] == "NO"
    imap.create(f"{token}-other")
    assert imap.delete(f"{token}-other")[0] == "OK"


def test_commands_imaplib_has_not_heard_of(imap: Imap) -> None:
    assert imap.xatom("ID", "NIL")[0] == "OK"
    assert imap.response("ID")[1][0].startswith(b'("name" ')
    with pytest.raises(imaplib.IMAP4.error, match="BAD"):
        imap.xatom("NONSENSE")


# -- functions


def test_dates_of_the_server() -> None:
    moment = datetime(2024, 6, 3, 10, 11, 12, tzinfo=timezone(timedelta(hours=2)))
    assert imaplib.Time2Internaldate(moment) == '"03-Jun-2024 10:11:12 +0200"'
    assert imaplib.Time2Internaldate('"03-Jun-2024 10:11:12 +0200"') == '"03-Jun-2024 10:11:12 +0200"'
    assert imaplib.Time2Internaldate(0).startswith(('"01-Jan-1970', '"31-Dec-1969'))
    assert imaplib.Time2Internaldate(time.gmtime(0))
    read = imaplib.Internaldate2tuple(b'1 (INTERNALDATE "03-Jun-2024 10:11:12 +0200")')
    assert read is not None
    assert time.mktime(read) == moment.timestamp()
    assert imaplib.Internaldate2tuple(b"no date") is None
    with pytest.raises(ValueError):
        imaplib.Time2Internaldate(datetime(2024, 6, 3))
    with pytest.raises(ValueError):
        imaplib.Time2Internaldate(None)  # type: ignore[arg-type]


def test_flags_and_numbers_as_letters() -> None:
    assert imaplib.ParseFlags(rb"1 (FLAGS (\Seen $Mark))") == (rb"\Seen", b"$Mark")
    assert imaplib.ParseFlags(b"nothing") == ()
    assert imaplib.Int2AP(0) == b""
    assert [imaplib.Int2AP(number) for number in (1, 15, 16)] == [b"B", b"P", b"BA"]
