"""poplib against POP3 and POP3S; what it reads was sent by SMTP just before."""
# mypy: disable-error-code="attr-defined, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import contextlib
import poplib
import ssl
from collections.abc import Iterator

import pytest
from stdlib.parts import TIMEOUT, Maildrops, number_of, send, service, without_trace

from minternet.ready import Credentials, Ready


@pytest.fixture
def client(ready: Ready) -> Iterator[poplib.POP3]:
    """Not logged in."""
    where = service(ready, "pop3")
    made = poplib.POP3(where.host, where.port, timeout=TIMEOUT)
    yield made
    made.close()


@pytest.fixture
def message(token: str) -> bytes:
    return (
        f"Message-ID: <{token}@example.test>\r\nSubject: POP\r\n\r\n.one dot\r\n..two\r\n\r\n.\r\nlast ü\r\n"
    ).encode()


@pytest.fixture
def drop(
    ready: Ready, maildrops: Maildrops, other: Credentials, message: bytes, token: str
) -> Iterator[tuple[poplib.POP3, int]]:
    """A logged-in client and the number of a message that was just delivered; it is deleted afterwards."""
    send(ready, "a@example.test", [other.address], message, ("BODY=8BITMIME",))
    with maildrops.open(other) as opened:
        number = number_of(opened, f"<{token}@example.test>")
        yield opened, number
        opened.rset()
        opened.dele(number)


def joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


Drop = tuple[poplib.POP3, int]


def test_the_maildrop_and_its_messages(drop: Drop) -> None:
    client, number = drop
    count, octets = client.stat()
    reply, listing, size = client.list()
    assert reply.startswith(b"+OK")
    assert len(listing) == count
    assert sum(int(line.split()[1]) for line in listing) == octets
    assert size == sum(len(line) + 2 for line in listing)
    assert client.list(number).split()[:2] == [b"+OK", b"%d" % number]
    assert client.noop().startswith(b"+OK")


def test_retrieving(drop: Drop, message: bytes) -> None:
    client, number = drop
    reply, lines, octets = client.retr(number)
    assert reply.startswith(b"+OK")
    assert without_trace(joined(lines)) == message
    assert octets == len(joined(lines)) == int(client.list(number).split()[2])


def test_the_top(drop: Drop, message: bytes) -> None:
    client, number = drop
    head = message.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for lines, body in ((0, b""), (1, b".one dot\r\n"), (2, b".one dot\r\n..two\r\n"), (1000, message[len(head) :])):
        assert without_trace(joined(client.top(number, lines)[1])) == head + body


def test_unique_ids_stay(drop: Drop, maildrops: Maildrops) -> None:
    client, number = drop
    reply, listing, _ = client.uidl()
    identity = client.uidl(number).split()[2]
    assert reply.startswith(b"+OK")
    assert b"%d %b" % (number, identity) in listing
    assert len({line.split()[1] for line in listing}) == len(listing)
    assert all(1 <= len(line.split()[1]) <= 70 for line in listing)  # RFC 1939 section 7


def test_deleting_and_thinking_better_of_it(drop: Drop) -> None:
    client, number = drop
    count, _ = client.stat()
    assert client.dele(number).startswith(b"+OK")
    assert client.stat()[0] == count - 1
    for gone in (client.retr, client.dele, client.list):
        with pytest.raises(poplib.error_proto, match=r"-ERR"):
            gone(number)
    assert client.rset().startswith(b"+OK")
    assert client.stat()[0] == count
    assert client.retr(number)


def test_deleted_at_the_end(ready: Ready, maildrops: Maildrops, other: Credentials, message: bytes, token: str) -> None:
    send(ready, "a@example.test", [other.address], message)
    with maildrops.open(other) as client:
        client.dele(number_of(client, f"<{token}@example.test>"))
    with maildrops.open(other) as client, pytest.raises(AssertionError, match="not in the maildrop"):
        number_of(client, f"<{token}@example.test>")


def test_not_deleted_where_nobody_says_quit(
    ready: Ready, maildrops: Maildrops, other: Credentials, message: bytes, token: str
) -> None:
    send(ready, "a@example.test", [other.address], message)
    with maildrops.alone(other):
        where = service(ready, "pop3")
        client = poplib.POP3(where.host, where.port, timeout=TIMEOUT)
        client.user(other.login)
        client.pass_(other.password)
        client.dele(number_of(client, f"<{token}@example.test>"))
        client.close()
        assert client.sock is None
        again = poplib.POP3(where.host, where.port, timeout=TIMEOUT)
        _log_in_when_it_is_free(again, other)
        again.dele(number_of(again, f"<{token}@example.test>"))
        again.quit()


def _log_in_when_it_is_free(client: poplib.POP3, account: Credentials) -> None:
    """The server may take a moment to see that the other has hung up."""
    for _ in range(50):
        client.user(account.login)
        with contextlib.suppress(poplib.error_proto):
            client.pass_(account.password)
            return
    raise AssertionError("the maildrop is never free")


@pytest.mark.parametrize("number", [0, 1_000_000])
def test_messages_that_are_not_there(drop: Drop, number: int) -> None:
    client, _ = drop
    for ask in (client.retr, client.dele, client.list, client.uidl):
        with pytest.raises(poplib.error_proto, match=r"-ERR"):
            ask(number)
    with pytest.raises(poplib.error_proto):
        client.top(number, 1)


def test_one_at_a_time(ready: Ready, drop: Drop, other: Credentials, client: poplib.POP3) -> None:
    client.user(other.login)
    with pytest.raises(poplib.error_proto, match="IN-USE"):
        client.pass_(other.password)


# -- logging in


def test_the_greeting(client: poplib.POP3) -> None:
    assert client.getwelcome() == client.welcome
    assert client.welcome.startswith(b"+OK ")


def test_capabilities(client: poplib.POP3) -> None:
    told = client.capa()
    assert {"TOP", "UIDL", "USER", "STLS", "PIPELINING", "RESP-CODES", "UTF8"} <= set(told)
    assert {"PLAIN", "CRAM-MD5"} <= set(told["SASL"])


def test_wrong_passwords(client: poplib.POP3, other: Credentials) -> None:
    assert client.user(other.login).startswith(b"+OK")
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
        client.pass_("wrong")
    with pytest.raises(poplib.error_proto):
        client.apop(other.login, "wrong")


def test_not_before_the_log_in(client: poplib.POP3) -> None:
    for ask in (client.stat, client.list, client.uidl, client.noop, client.rset):
        with pytest.raises(poplib.error_proto, match=r"-ERR"):
            ask()
    assert client.quit().startswith(b"+OK")


def test_apop(client: poplib.POP3, maildrops: Maildrops, other: Credentials) -> None:
    with maildrops.alone(other):
        assert client.apop(other.login, other.password).startswith(b"+OK")
        assert client.stat()[0] >= 0
        client.quit()


def test_rpop(client: poplib.POP3, maildrops: Maildrops, other: Credentials) -> None:
    """RFC 1081: in place of PASS, from a client whose word is enough. That is one on the server's own machine."""
    with maildrops.alone(other):
        client.user(other.login)
        with pytest.raises(poplib.error_proto, match=r"-ERR"):
            client.rpop("somebody-else")
        client.user(other.login)
        if client.sock.getpeername()[0] in ("127.0.0.1", "::1"):
            assert client.rpop(other.login).startswith(b"+OK")
        else:
            with pytest.raises(poplib.error_proto, match=r"-ERR"):
                client.rpop(other.login)
        client.quit()


def test_stls(client: poplib.POP3, tls: ssl.SSLContext, maildrops: Maildrops, other: Credentials) -> None:
    with maildrops.alone(other):
        assert client.stls(tls).startswith(b"+OK")
        assert isinstance(client.sock, ssl.SSLSocket)
        assert "STLS" not in client.capa()
        with pytest.raises(poplib.error_proto, match="TLS session already established"):
            client.stls(tls)
        client.user(other.address)
        client.pass_(other.password)
        client.quit()


def test_pop3s(ready: Ready, tls: ssl.SSLContext, maildrops: Maildrops, other: Credentials) -> None:
    where = service(ready, "pop3s")
    with maildrops.alone(other):
        client = poplib.POP3_SSL(where.host, where.port, timeout=TIMEOUT, context=tls)
        with pytest.raises(poplib.error_proto):
            client.stls()
        client.user(other.login)
        client.pass_(other.password)
        assert len(client.uidl()[1]) == client.stat()[0]
        client.quit()


def test_pop3s_with_a_stranger(ready: Ready) -> None:
    where = service(ready, "pop3s")
    with pytest.raises(ssl.SSLCertVerificationError):
        poplib.POP3_SSL(where.host, where.port, timeout=TIMEOUT, context=ssl.create_default_context())


def test_utf8(client: poplib.POP3, maildrops: Maildrops, other: Credentials) -> None:
    with maildrops.alone(other):
        assert client.utf8().startswith(b"+OK")
        client.user(other.login)
        client.pass_(other.password)
        client.quit()


def test_debug_output(client: poplib.POP3, capsys: pytest.CaptureFixture[str]) -> None:
    client.set_debuglevel(1)
    client.capa()
    assert "*cmd* 'CAPA'" in capsys.readouterr().out
    client.set_debuglevel(2)
    client.capa()
    assert "*put* b'CAPA'" in capsys.readouterr().out


def test_lines_that_end_all_lines(client: poplib.POP3) -> None:
    with pytest.raises(poplib.error_proto):
        client.user("x" * 10_000)
