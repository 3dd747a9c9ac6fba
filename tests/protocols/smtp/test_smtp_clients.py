"""smtplib, whole, and blocking sockets: what no conversation in memory can show."""

from __future__ import annotations

import email.message
import smtplib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_world import empty_world
from stage import Served, serving

from minternet.protocols import smtp
from minternet.registry import by_name
from minternet.settings import Limits, Settings
from minternet.wire.listener import bind_unix
from minternet.wire.tls import Authority
from minternet.world.changes import AddAccount
from minternet.world.records import Account

SETTINGS = Settings(trace_headers=False, limits=Limits(login_delay=0.001))


@pytest.fixture(scope="module")
def served(authority: Authority) -> Iterator[Served]:
    world = empty_world()
    for number in range(500):
        world.commit_now(AddAccount(Account(f"user{number}", f"user{number}@example.test", "x"), 0.0))
    with serving("smtp", "submission", "smtps", "lmtp", authority=authority, world=world, settings=SETTINGS) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("localhost", served.ports["smtp"], "client.test", timeout=10) as client:
        yield client


def newest(served: Served, login: str) -> bytes:
    """The newest message of somebody's INBOX."""
    return served.call(lambda: list(served.world.mail.get(login, "INBOX"))[-1].content.bytes())


def count(served: Served, login: str) -> int:
    return served.call(lambda: len(served.world.mail.get(login, "INBOX")))


class TestSmtplib:
    def test_every_command(self, client: smtplib.SMTP) -> None:
        assert client.helo()[0] == 250
        assert client.ehlo("again.test")[0] == 250
        assert client.does_esmtp
        assert client.has_extn("chunking")
        assert client.esmtp_features["size"] == str(SETTINGS.limits.message)
        assert client.noop() == (250, b"2.0.0 Ok")
        assert b"MAIL" in client.help()
        assert b"FROM:<address>" in client.help("MAIL")
        assert client.verify("bob")[0] == client.vrfy("bob")[0] == 250
        assert client.expn("team")[1].count(b"@example.test") == 2
        assert client.mail("carol@example.test", ["SIZE=10", "BODY=8BITMIME"])[0] == 250
        assert client.rcpt("bob@example.test", ["NOTIFY=NEVER"])[0] == 250
        assert client.data(b"Subject: x\n\n.\n")[0] == 250
        assert client.mail("")[0] == 250
        assert client.rset()[0] == 250
        assert client.docmd("NOOP", "x")[0] == 250
        client.putcmd("NOOP")
        assert client.getreply()[0] == 250
        client.send(b"NOOP\r\n")
        assert client.getreply()[0] == 250
        assert client.quit()[0] == 221

    def test_connect_and_close(self, served: Served, capsys: pytest.CaptureFixture[str]) -> None:
        client = smtplib.SMTP(timeout=10)
        client.set_debuglevel(1)
        assert client.connect("localhost", served.ports["smtp"])[0] == 220
        client.ehlo_or_helo_if_needed()
        client.close()
        assert "ESMTP minternet" in capsys.readouterr().err

    def test_sendmail(self, served: Served, client: smtplib.SMTP) -> None:
        text = "From: ü\r\n\r\n.dot\r\n..\r\nbare\r\n".encode()
        assert client.sendmail("carol@example.test", ["alice@example.test", "bob@example.test"], text) == {}
        assert newest(served, "alice") == newest(served, "bob") == text

    def test_sendmail_says_who_was_refused(self, client: smtplib.SMTP) -> None:
        refused = client.sendmail("carol@example.test", ["bob@example.test", "a b@c@d"], b"\r\n")
        assert refused == {"a b@c@d": (553, b"5.1.3 malformed address")}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("carol@example.test", ["a b@c@d"], b"\r\n")
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a b@c@d", ["bob@example.test"], b"\r\n")
        assert client.noop()[0] == 250

    def test_send_message(self, served: Served, client: smtplib.SMTP) -> None:
        message = email.message.EmailMessage()
        message["From"], message["To"], message["Bcc"] = (
            "Ärger <ä@bücher.test>",
            "bob@example.test",
            "user1@example.test",
        )
        message.set_content("Grüße\n")
        assert client.send_message(message, mail_options=["BODY=8BITMIME"]) == {}
        assert newest(served, "user1") == newest(served, "bob")
        assert "From: Ärger <ä@bücher.test>".encode() in newest(served, "bob")
        assert b"Bcc" not in newest(served, "bob")

    @pytest.mark.parametrize("mechanism", ["CRAM-MD5", "PLAIN", "LOGIN"])
    def test_login_by_each_mechanism(self, client: smtplib.SMTP, mechanism: str) -> None:
        client.ehlo()
        client.esmtp_features["auth"] = f" {mechanism}"
        assert client.login("alice", "wonderland")[0] == 235
        assert client.auth("PLAIN", client.auth_plain)[0] == 503

    def test_login_at_its_own_choice(self, client: smtplib.SMTP) -> None:
        assert client.login("alice@example.test", "wonderland", initial_response_ok=False)[0] == 235

    def test_auth_with_a_mechanism_of_ones_own(self, client: smtplib.SMTP) -> None:
        client.ehlo()
        client.user, client.password = "bob", "builder"
        assert client.auth("CRAM-MD5", client.auth_cram_md5)[0] == 235

    def test_auth_login(self, client: smtplib.SMTP) -> None:
        client.ehlo()
        client.user, client.password = "bob", "builder"
        assert client.auth("LOGIN", client.auth_login, initial_response_ok=False)[0] == 235

    def test_a_wrong_password(self, client: smtplib.SMTP) -> None:
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.login("alice", "nonsense")
        assert caught.value.smtp_code == 535

    def test_starttls(self, served: Served, client: smtplib.SMTP) -> None:
        assert client.starttls(context=served.authority.client_context())[0] == 220
        assert client.login("alice", "wonderland")[0] == 235
        assert client.sendmail("alice@example.test", "carol@example.test", b"by TLS\r\n") == {}
        assert newest(served, "carol") == b"by TLS\r\n"
        transcript = served.call(lambda: served.stage.transcripts.conversations("smtp")[-1].text())
        assert "TLSv1" in transcript
        assert "by TLS" in transcript
        assert "wonderland" not in transcript

    def test_smtp_ssl(self, served: Served) -> None:
        context = served.authority.client_context()
        with smtplib.SMTP_SSL("localhost", served.ports["smtps"], context=context, timeout=10) as client:
            with pytest.raises(smtplib.SMTPSenderRefused) as caught:
                client.sendmail("alice@example.test", "bob@example.test", b"\r\n")
            assert caught.value.smtp_code == 530
            client.login("alice", "wonderland")
            assert client.sendmail("alice@example.test", "bob@example.test", b"From: a\r\n\r\n") == {}
        assert b"Message-ID: <" in newest(served, "bob")

    def test_lmtp(self, served: Served) -> None:
        with smtplib.LMTP("localhost", served.ports["lmtp"]) as client:
            assert client.ehlo()[0] == 250
            client.mail("a@b.test")
            client.rcpt("bob@example.test")
            client.rcpt("carol@example.test")
            assert client.data(b"by LMTP\r\n")[0] == 250
            assert client.getreply()[0] == 250
        assert newest(served, "bob") == newest(served, "carol") == b"by LMTP\r\n"

    def test_lmtp_over_a_unix_socket(self, served: Served, tmp_path: Path) -> None:
        context = served.stage.context(by_name()["lmtp"])
        running = served.run(smtp.serve(context, [bind_unix(tmp_path / "lmtp")]))
        try:
            with smtplib.LMTP(str(tmp_path / "lmtp")) as client:
                assert client.sendmail("a@b.test", "bob@example.test", b"by UNIX socket\r\n") == {}
        finally:
            served.run(running.drain(0))
        assert newest(served, "bob") == b"by UNIX socket\r\n"

    def test_500_recipients(self, served: Served, client: smtplib.SMTP) -> None:
        everybody = [f"user{number}@example.test" for number in range(500)]
        before = served.call(lambda: served.world.journal.last)
        assert client.sendmail("carol@example.test", everybody, b"to all\r\n") == {}
        assert served.call(lambda: served.world.journal.last) == before + 1
        contents = served.call(
            lambda: {id(list(served.world.mail.get(f"user{number}", "INBOX"))[-1].content) for number in range(500)}
        )
        assert len(contents) == 1


def greeted(port: int) -> socket.socket:
    """A connection that got its greeting."""
    client = socket.create_connection(("localhost", port), timeout=10)
    assert client.recv(1000).startswith(b"220")
    return client


def talk(client: socket.socket, *lines: bytes) -> bytes:
    """Send lines one by one; the last reply."""
    reply = b""
    for line in lines:
        client.sendall(line + b"\r\n")
        reply = b""
        while not reply.endswith(b"\r\n"):
            reply += client.recv(65536)
    return reply


def half_a_message(client: socket.socket) -> None:
    talk(client, b"HELO x", b"MAIL FROM:<>", b"RCPT TO:<user2@example.test>", b"DATA")
    client.sendall(b"Subject: half\r\n\r\n.")


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
def test_a_client_that_vanishes_delivers_nothing(served: Served, how: str) -> None:
    before = count(served, "user2")
    client = greeted(served.ports["smtp"])
    half_a_message(client)
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half-close":
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    client.close()
    running = served.run(served.stage.running("smtp"))[0]
    wait_until(lambda: served.call(lambda: running.connections) == 0)
    assert count(served, "user2") == before


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline


def test_a_large_message_lies_in_a_file(served: Served) -> None:
    line = b"x" * 998 + b"\r\n"
    with greeted(served.ports["smtp"]) as client:
        talk(client, b"HELO x", b"MAIL FROM:<>", b"RCPT TO:<user3@example.test>", b"DATA")
        for _ in range(25):
            client.sendall(line * 1000)
        client.sendall(b".\r\n")
        assert client.recv(100).startswith(b"250")
    message = served.call(lambda: list(served.world.mail.get("user3", "INBOX"))[-1])
    assert message.size == 25_000_000
    assert message.content.path is not None


def test_dismissed_clients_are_told(served: Served) -> None:
    running = served.run(served.stage.running("submission"))[0]
    with greeted(served.ports["submission"]) as client:
        talk(client, b"EHLO x")
        served.call(running.dismiss, "the world was reset")
        assert client.recv(1000) == (
            f"421 4.3.2 {served.world.hostname} Service closing transmission channel\r\n".encode()
        )
        assert client.recv(1) == b""
    with greeted(served.ports["submission"]) as client:
        assert talk(client, b"NOOP") == b"250 2.0.0 Ok\r\n"


def test_too_many_connections_are_told(authority: Authority) -> None:
    settings = Settings(limits=Limits(connections=1))
    with (
        serving("smtp", authority=authority, settings=settings) as served,
        greeted(served.ports["smtp"]),
        socket.create_connection(("localhost", served.ports["smtp"]), timeout=10) as second,
    ):
        assert second.recv(100).startswith(b"421 4.3.2 ")
