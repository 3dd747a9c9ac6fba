"""nntplib against NNTP and NNTPS. Python 3.13 left it to the package standard-nntplib."""

from __future__ import annotations

import io
import ssl
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stdlib.parts import TIMEOUT, service

from minternet.ready import Credentials, Ready

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    nntplib: Any = pytest.importorskip("nntplib")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def client(ready: Ready) -> Iterator[Any]:
    where = service(ready, "nntp")
    with nntplib.NNTP(where.host, where.port, timeout=TIMEOUT) as made:
        yield made


@pytest.fixture
def group(ready: Ready) -> str:
    """One that is open for posting."""
    if ready.news_group is None:
        pytest.skip("the instance has no group for posting")
    return ready.news_group


def article(token: str, group: str, *body: str, more: str = "") -> bytes:
    fields = (
        f"From: a@example.test\nNewsgroups: {group}\nSubject: {token}\nMessage-ID: <{token}@example.test>\n{more}\n"
    )
    return (fields + "".join(f"{line}\n" for line in body)).encode()


@pytest.fixture
def posted(client: Any, group: str, token: str) -> Iterator[str]:
    """The message-id of an article that was just posted; it is cancelled afterwards."""
    identity = f"<{token}@example.test>"
    assert client.post(io.BytesIO(article(token, group, ".dot", "..dots", "", "Grüße", "."))).startswith("240")
    yield identity
    cancel = article(f"{token}-c", group, "gone", more=f"Control: cancel {identity}\n")
    client.post(io.BytesIO(cancel))


# -- the connection


def test_the_greeting(client: Any) -> None:
    assert client.getwelcome().startswith(("200", "201"))
    capabilities = client.getcapabilities()
    assert {"VERSION", "READER", "OVER", "HDR", "LIST", "POST"} <= set(capabilities)
    reply, told = client.capabilities()
    assert reply.startswith("101")
    assert {"ACTIVE", "NEWSGROUPS", "OVERVIEW.FMT"} <= set(told["LIST"])
    assert (client.nntp_version, bool(client.nntp_implementation)) == (2, True)


def test_reader_mode(ready: Ready) -> None:
    where = service(ready, "nntp")
    with nntplib.NNTP(where.host, where.port, readermode=True, timeout=TIMEOUT) as client:
        assert client.readermode_afterauth is False
        assert client.date()[0].startswith("111")


def test_small_commands(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    reply, lines = client.help()
    assert reply.startswith("100")
    assert any("ARTICLE" in line.upper() for line in lines)
    reply, moment = client.date()
    assert reply.startswith("111")
    assert isinstance(moment, datetime)
    client.set_debuglevel(1)
    client.date()
    assert "*cmd* 'DATE'" in capsys.readouterr().out
    client.debug(0)


def test_slave_is_a_relic(client: Any) -> None:
    """RFC 977's SLAVE is gone since RFC 3977."""
    with pytest.raises(nntplib.NNTPPermanentError, match=r"^500"):
        client.slave()


def test_the_end(ready: Ready) -> None:
    where = service(ready, "nntp")
    client = nntplib.NNTP(where.host, where.port, timeout=TIMEOUT)
    assert client.quit().startswith("205")


def test_logging_in(client: Any, account: Credentials) -> None:
    client.login(account.login, account.password)
    assert "AUTHINFO" not in client.getcapabilities()
    with pytest.raises((ValueError, nntplib.NNTPPermanentError), match=r"502|Already logged in"):
        client.login(account.login, account.password)


def test_wrong_passwords(client: Any, account: Credentials) -> None:
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^481"):
        client.login(account.login, "wrong")
    with pytest.raises(ValueError, match="usenetrc"):
        client.login("", usenetrc=False)


def test_a_log_in_at_once(ready: Ready, account: Credentials) -> None:
    where = service(ready, "nntp")
    client = nntplib.NNTP(where.host, where.port, account.login, account.password, timeout=TIMEOUT)
    with client:
        assert "AUTHINFO" not in client.getcapabilities()


def test_credentials_from_netrc(
    ready: Ready, account: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = service(ready, "nntp")
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine {where.host} login {account.login} password {account.password}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with nntplib.NNTP(where.host, where.port, usenetrc=True, timeout=TIMEOUT) as client:
        assert "AUTHINFO" not in client.getcapabilities()


def test_starttls(client: Any, tls: ssl.SSLContext, account: Credentials) -> None:
    client.starttls(tls)
    assert client.tls_on
    assert "STARTTLS" not in client.getcapabilities()
    with pytest.raises(ValueError, match="TLS is already enabled"):
        client.starttls(tls)
    client.login(account.login, account.password)
    with pytest.raises(ValueError, match=r"TLS|authentication"):
        client.starttls(tls)


def test_nntps(ready: Ready, tls: ssl.SSLContext, group: str) -> None:
    where = service(ready, "nntps")
    with nntplib.NNTP_SSL(where.host, where.port, ssl_context=tls, timeout=TIMEOUT) as client:
        assert client.group(group)[4] == group
    with pytest.raises(ssl.SSLCertVerificationError):
        nntplib.NNTP_SSL(where.host, where.port, ssl_context=ssl.create_default_context(), timeout=TIMEOUT)


# -- groups


def test_lists(client: Any, group: str) -> None:
    reply, groups = client.list()
    by_name = {each.group: each for each in groups}
    assert reply.startswith("215")
    assert by_name[group].flag == "y"
    assert int(by_name[group].last) >= int(by_name[group].first) - 1
    assert [each.group for each in client.list(group)[1]] == [group]
    assert client.list("no.such.*")[1] == []


def test_statuses(default_world: None, client: Any) -> None:
    flags = {each.group: each.flag for each in client.list()[1]}
    assert (flags["local.test"], flags["local.announce"], flags["local.moderated"]) == ("y", "n", "m")


def test_descriptions(default_world: None, client: Any) -> None:
    text = client.description("local.test")
    assert text
    assert client.description("no.such.group") == ""
    reply, found = client.descriptions("local.*")
    assert reply.startswith("215")
    assert set(found) == {"local.test", "local.announce", "local.moderated"}
    assert found["local.test"] == text


def test_entering_groups(default_world: None, client: Any) -> None:
    reply, count, first, last, name = client.group("comp.lang.demo")
    assert (reply[:3], name, count <= last - first + 1) == ("211", "comp.lang.demo", True)
    assert count >= 10
    assert client.group("alt.empty")[1] == 0
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^411"):
        client.group("no.such.group")


def test_new_groups(default_world: None, client: Any) -> None:
    reply, groups = client.newgroups(date(1990, 1, 1))
    assert reply.startswith("231")
    assert "local.test" in {each.group for each in groups}
    assert client.newgroups(datetime(2090, 1, 1))[1] == []
    with pytest.raises(TypeError):
        client.newgroups("yesterday")


def test_new_articles(client: Any, group: str, posted: str) -> None:
    _, now = client.date()
    reply, found = client.newnews(group, now - timedelta(hours=1))
    assert reply.startswith("230")
    assert posted in found
    assert posted not in client.newnews(group, now + timedelta(days=1))[1]


# -- articles


def test_walking(default_world: None, client: Any) -> None:
    _, _, first, _, _ = client.group("local.announce")
    reply, number, identity = client.stat(first)
    assert (reply[:3], number, identity[0]) == ("223", first, "<")
    reply, second, following = client.next()
    assert (reply[:3], second > first, following != identity) == ("223", True, True)
    assert client.last()[1:] == (first, identity)
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^422"):
        client.last()


def test_whole_articles(client: Any, posted: str) -> None:
    reply, found = client.article(posted)
    assert (reply[:3], found.message_id) == ("220", posted)
    at = found.lines.index(b"")
    assert found.lines[at + 1 :] == [b".dot", b"..dots", b"", "Grüße".encode(), b"."]
    _, head = client.head(posted)
    _, body = client.body(posted)
    assert (head.lines, body.lines) == (found.lines[:at], found.lines[at + 1 :])
    fields = {line.partition(b":")[0].lower() for line in head.lines}
    assert {b"path", b"date", b"message-id", b"newsgroups", b"from", b"subject"} <= fields
    assert client.stat(posted)[2] == posted


def test_articles_into_files(client: Any, posted: str, tmp_path: Path) -> None:
    path = tmp_path / "article"
    assert client.body(posted, file=str(path))[1].lines == []
    assert path.read_bytes().startswith(b".dot\r\n..dots\r\n\r\n") or path.read_bytes().startswith(b".dot\n..dots\n\n")
    stream = io.BytesIO()
    client.article(posted, file=stream)
    assert posted.encode() in stream.getvalue()


def test_articles_that_are_not_there(client: Any, group: str) -> None:
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^430"):
        client.article("<no-such@example.test>")
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^412"):
        client.article(1)
    client.group(group)
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^423"):
        client.article(1_000_000)


def test_overviews(client: Any, group: str, posted: str, token: str) -> None:
    _, _, _, last, _ = client.group(group)
    reply, overviews = client.over((last - 5 if last > 5 else 1, None))
    assert reply.startswith("224")
    number, fields = next((number, fields) for number, fields in overviews if fields["message-id"] == posted)
    assert (fields["subject"], fields["from"], number <= last + 5) == (token, "a@example.test", True)
    assert int(fields[":lines"]) == 5
    assert int(fields[":bytes"]) > 100
    assert client.over(posted)[1][0][1]["message-id"] == posted
    assert number in [each for each, _ in client.over((number, number))[1]]
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^423"):
        client.over((900_000, 900_001))


def test_relics_of_overviews(client: Any, group: str, posted: str, token: str) -> None:
    _, _, first, last, _ = client.group(group)
    reply, overviews = client.xover(first, last)
    assert (reply[:3], posted in [fields["message-id"] for _, fields in overviews]) == ("224", True)
    path = io.BytesIO()
    client.xover(first, last, file=path)
    assert posted.encode() in path.getvalue()
    reply, headers = client.xhdr("subject", f"{first}-{last}")
    assert (reply[:3], token in [text for _, text in headers]) == ("221", True)
    assert client.xhdr("subject", posted)[1] == [f"{posted} {token}"]  # nntplib parts numbers from values only


def test_words_beyond_ascii(default_world: None, client: Any) -> None:
    _, _, first, last, _ = client.group("misc.unicode")
    subjects = [nntplib.decode_header(fields["subject"]) for _, fields in client.over((first, last))[1]]
    assert any(not subject.isascii() for subject in subjects)
    assert all("=?" not in subject for subject in subjects)
    assert nntplib.decode_header("=?utf-8?q?Gr=C3=BC=C3=9Fe?=") == "Grüße"


# -- posting


@pytest.mark.parametrize("kind", ["octets", "file", "lines"])
def test_posting(client: Any, group: str, token: str, kind: str) -> None:
    content = article(token, group, "one", ".", "three")
    data = {"octets": content, "file": io.BytesIO(content), "lines": content.splitlines(keepends=True)}[kind]
    assert client.post(data).startswith("240")
    assert client.body(f"<{token}@example.test>")[1].lines == [b"one", b".", b"three"]


def test_cancelling(client: Any, group: str, token: str) -> None:
    client.post(article(token, group, "soon gone"))
    cancel = article(f"{token}-c", group, "cancel", more=f"Control: cancel <{token}@example.test>\n")
    assert client.post(cancel).startswith("240")
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^430"):
        client.stat(f"<{token}@example.test>")


def test_posts_that_are_refused(client: Any, group: str, token: str, posted: str) -> None:
    again = article(token, group, "twice")
    for content in (again, b"Subject: no more\n\nfields\n", article(f"{token}-x", "no.such.group", "nowhere")):
        with pytest.raises(nntplib.NNTPTemporaryError, match=r"^441"):
            client.post(content)
    assert client.stat(posted)


def test_read_only_groups(default_world: None, client: Any, token: str) -> None:
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^441"):
        client.post(article(token, "local.announce", "may I?"))


def test_feeding(client: Any, group: str, token: str, posted: str) -> None:
    identity = f"<{token}-f@example.test>"
    when = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    content = article(f"{token}-f", group, "fed", more=f"Date: {when}\nPath: peer.example.test!not-for-mail\n")
    assert client.ihave(identity, content).startswith("235")
    assert client.body(identity)[1].lines == [b"fed"]
    with pytest.raises(nntplib.NNTPTemporaryError, match=r"^435"):
        client.ihave(posted, content)


# -- errors


def test_errors() -> None:
    error = nntplib.NNTPError("400 going away")
    assert (error.response, str(error)) == ("400 going away", "400 going away")
    assert nntplib.NNTPError().response == "No response given"
    for kind in ("NNTPReplyError", "NNTPTemporaryError", "NNTPPermanentError", "NNTPProtocolError", "NNTPDataError"):
        assert issubclass(getattr(nntplib, kind), nntplib.NNTPError)
