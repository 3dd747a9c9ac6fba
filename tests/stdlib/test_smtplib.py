"""smtplib against SMTP, submission, SMTPS and LMTP; what was sent is read back by IMAP, octet for octet."""
# mypy: disable-error-code="misc, union-attr, unused-ignore"
# (typeshed knows less than the module does)

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage

import pytest
from stdlib.parts import TIMEOUT, Imap, imap_login, service, take, without_trace

from minternet.ready import Credentials, Ready


@pytest.fixture
def client(ready: Ready) -> Iterator[smtplib.SMTP]:
    where = service(ready, "smtp")
    with smtplib.SMTP(where.host, where.port, timeout=TIMEOUT) as made:
        yield made


@pytest.fixture
def submission(ready: Ready, tls: ssl.SSLContext) -> Iterator[smtplib.SMTP]:
    """Over TLS, and not logged in."""
    where = service(ready, "submission")
    with smtplib.SMTP(where.host, where.port, timeout=TIMEOUT) as made:
        made.starttls(context=tls)
        yield made


@pytest.fixture
def domain(account: Credentials) -> str:
    return account.address.partition("@")[2]


def letter(sender: str, *recipients: str, token: str, text: str = "Hello.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(recipients)
    message["Message-ID"], message["Subject"] = f"<{token}@example.test>", token
    message.set_content(text)
    return message


def raw(token: str, body: bytes = b"Hello.\r\n") -> bytes:
    return b"Message-ID: <%b@example.test>\r\nSubject: raw\r\n\r\n%b" % (token.encode(), body)


# -- conversations


def test_greetings(ready: Ready) -> None:
    client = smtplib.SMTP(timeout=TIMEOUT)
    where = service(ready, "smtp")
    code, text = client.connect(where.host, where.port)
    assert (code, b"SMTP" in text) == (220, True)
    assert client.ehlo("client.example.test")[0] == 250
    assert client.does_esmtp
    assert client.helo()[0] == 250
    code, text = client.quit()
    assert (code, text[:5]) == (221, b"2.0.0")
    with pytest.raises(smtplib.SMTPServerDisconnected, match="please run connect"):
        client.noop()


def test_extensions(client: smtplib.SMTP) -> None:
    assert not client.has_extn("size")
    client.ehlo_or_helo_if_needed()
    for name in ("size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes", "dsn", "starttls", "CHUNKING"):
        assert client.has_extn(name), name
    assert int(client.esmtp_features["size"]) > 1_000_000
    assert {"PLAIN", "LOGIN", "CRAM-MD5"} <= set(client.esmtp_features["auth"].split())
    replied = client.ehlo_resp
    client.ehlo_or_helo_if_needed()
    assert client.ehlo_resp is replied


def test_helo_where_there_is_no_ehlo(client: smtplib.SMTP) -> None:
    assert client.helo("old.example.test")[0] == 250
    client.ehlo_or_helo_if_needed()
    assert client.ehlo_resp is None
    assert not client.has_extn("size")


def test_small_commands(client: smtplib.SMTP) -> None:
    client.ehlo()
    assert client.noop()[0] == 250
    assert client.rset()[0] == 250
    assert b"MAIL" in client.help()
    assert b"RFC 5321" in client.help("MAIL")
    assert client.docmd("NOOP", "with words") == (250, b"2.0.0 Ok")
    client.putcmd("NOOP")
    assert client.getreply()[0] == 250
    client.send("NOOP\r\n")
    client.send(b"RSET\r\n")
    assert [client.getreply()[0], client.getreply()[0]] == [250, 250]
    assert client.docmd("TURN")[0] in (500, 502)
    with pytest.raises(ValueError, match="newline"):
        client.putcmd("NOOP\r\nQUIT")


def test_asking_for_people(default_world: None, client: smtplib.SMTP, account: Credentials) -> None:
    client.ehlo()
    code, text = client.verify(account.login)
    assert (code, account.address.encode() in text) == (250, True)
    assert client.vrfy(account.address)[0] == 250
    code, text = client.expn("team")
    assert (code, text.count(b"@example.test")) == (250, 3)
    assert client.expn("no-such-list")[0] == 550


def test_debug_output(client: smtplib.SMTP, capsys: pytest.CaptureFixture[str]) -> None:
    client.set_debuglevel(1)
    client.noop()
    assert "send: 'noop\\r\\n'" in capsys.readouterr().err
    client.set_debuglevel(2)
    client.noop()
    assert ":" in capsys.readouterr().err.split()[0]  # the time


def test_where_it_comes_from(ready: Ready) -> None:
    where = service(ready, "smtp")
    with smtplib.SMTP(where.host, where.port, "client.example.test", TIMEOUT, ("", 0)) as client:
        assert client.local_hostname == "client.example.test"
        assert client.sock.getpeername()[1] == where.port


def test_nobody_listens() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            smtplib.SMTP(*placeholder.getsockname(), timeout=TIMEOUT)


def test_the_wrong_service(ready: Ready) -> None:
    where = service(ready, "pop3")
    with pytest.raises((smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected)):
        smtplib.SMTP(where.host, where.port, timeout=TIMEOUT)


def test_closed_by_hand(client: smtplib.SMTP) -> None:
    client.close()
    assert client.sock is None
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.send(b"x")


# -- sending


def test_a_message_step_by_step(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    client.ehlo()
    assert client.mail("sender@example.test", ["SIZE=100"])[0] == 250
    assert client.rcpt(account.address)[0] == 250
    code, text = client.data(raw(token, b".\r\n..\r\n.dots\r\n"))
    assert (code, text[:5]) == (250, b"2.0.0")
    kept = take(imap, f"<{token}@example.test>")
    assert without_trace(kept) == raw(token, b".\r\n..\r\n.dots\r\n")


def test_delivery_adds_its_trace_and_nothing_else(
    client: smtplib.SMTP, account: Credentials, imap: Imap, token: str
) -> None:
    assert client.sendmail("sender@example.test", account.address, raw(token)) == {}
    kept = take(imap, f"<{token}@example.test>")
    assert kept.endswith(raw(token))
    trace = kept.removesuffix(raw(token))
    assert trace in (b"", trace)
    assert not trace or (
        trace.startswith(b"Return-Path: <sender@example.test>\r\n") and b"\r\nReceived: from " in trace
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"x" * 997 + b"\r\n",
        b"8bit \xfc\xff\r\n",
        b"\r\n.\r\n\r\n..\r\n",
        b"no line end",
        b"nul \0 in it\r\n",
    ],
)
def test_octets_stay(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str, body: bytes) -> None:
    client.sendmail("a@example.test", [account.address], raw(token, body), ["BODY=8BITMIME"])
    wanted = raw(token, body)
    assert without_trace(take(imap, f"<{token}@example.test>")) == (
        wanted if wanted.endswith(b"\r\n") else wanted + b"\r\n"
    )


def test_text_gets_its_line_ends(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    text = f"Message-ID: <{token}@example.test>\nSubject: text\n\none\rtwo\nthree\r\n"
    client.sendmail("a@example.test", account.address, text)
    kept = without_trace(take(imap, f"<{token}@example.test>"))
    assert kept.endswith(b"\r\n\r\none\r\ntwo\r\nthree\r\n")
    with pytest.raises(UnicodeEncodeError):
        client.sendmail("a@example.test", account.address, "Grüße")


def test_large_messages(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    body = b"".join(b".%070d\r\n" % number for number in range(30_000))
    client.sendmail("a@example.test", account.address, raw(token, body))
    assert without_trace(take(imap, f"<{token}@example.test>")) == raw(token, body)


def test_several_recipients(
    ready: Ready, client: smtplib.SMTP, account: Credentials, other: Credentials, tls: ssl.SSLContext, token: str
) -> None:
    assert client.send_message(letter("a@example.test", account.address, other.address, token=token)) == {}
    for who in (account, other):
        with imap_login(ready, who, tls) as reader:
            assert token.encode() in take(reader, f"<{token}@example.test>")


def test_lists_and_strangers(
    default_world: None, ready: Ready, client: smtplib.SMTP, account: Credentials, tls: ssl.SSLContext, token: str
) -> None:
    lost = next(each for each in ready.accounts if each.login == "catchall")
    client.sendmail("a@example.test", ["committee@example.test", f"{token}@elsewhere.invalid"], raw(token))
    for who in (account, ready.accounts[1], lost):
        with imap_login(ready, who, tls) as reader:
            assert without_trace(take(reader, f"<{token}@example.test>")) == raw(token)


def test_blind_copies(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    message = letter("a@example.test", "nobody-in-particular@example.invalid", token=token)
    message["Bcc"] = account.address
    client.send_message(message, to_addrs=[account.address])
    kept = take(imap, f"<{token}@example.test>")
    assert b"Bcc" not in kept
    assert message["Bcc"] == account.address


def test_the_null_sender(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    client.sendmail("", account.address, raw(token))
    kept = take(imap, f"<{token}@example.test>")
    assert kept.startswith((b"Return-Path: <>\r\n", b"Message-ID:"))


def test_resent_messages(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    message = letter("a@example.test", "b@example.invalid", token=token)
    message["Resent-Date"], message["Resent-From"] = "Mon, 03 Jun 2024 08:30:00 +0000", "c@example.test"
    message["Resent-To"] = account.address
    assert client.send_message(message) == {}
    assert take(imap, f"<{token}@example.test>")
    twice = letter("a@example.test", "b@example.invalid", token=token)
    twice["Resent-Date"] = twice["Resent-date"] = "Mon, 03 Jun 2024 08:30:00 +0000"
    with pytest.raises(ValueError, match="more than one 'Resent-'"):
        client.send_message(twice)


def test_addresses_beyond_ascii(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    message = letter("grüße@example.test", account.address, token=token, text="Grüße von der Brücke\n")
    assert client.send_message(message) == {}
    kept = take(imap, f"<{token}@example.test>")
    assert "From: grüße@example.test\r\n".encode() in kept


def test_addresses_beyond_ascii_for_servers_that_know_none(client: smtplib.SMTP, account: Credentials) -> None:
    client.helo()
    with pytest.raises(smtplib.SMTPNotSupportedError, match="SMTPUTF8"):
        client.send_message(letter("grüße@example.test", account.address, token="none"))


def test_delivery_status_is_asked_for(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    refused = client.sendmail(
        "a@example.test", account.address, raw(token), ["RET=HDRS", f"ENVID={token}"], ["NOTIFY=SUCCESS,FAILURE"]
    )
    assert refused == {}
    assert take(imap, f"<{token}@example.test>")


# -- refusals


def test_some_recipients_are_refused(client: smtplib.SMTP, account: Credentials, imap: Imap, token: str) -> None:
    refused = client.sendmail("a@example.test", [account.address, "a@b@c"], raw(token))
    ((address, (code, text)),) = refused.items()
    assert (address, code // 100, bool(text)) == ("a@b@c", 5, True)
    assert take(imap, f"<{token}@example.test>")


def test_all_recipients_are_refused(client: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        client.sendmail("a@example.test", ["a@b@c", "@@"], raw("none"))
    assert set(caught.value.recipients) == {"a@b@c", "@@"}
    assert client.noop()[0] == 250


def test_the_sender_is_refused(client: smtplib.SMTP, account: Credentials) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        client.sendmail("a@b@c", account.address, raw("none"))
    assert (caught.value.smtp_code // 100, caught.value.sender) == (5, "a@b@c")
    assert isinstance(caught.value, smtplib.SMTPResponseException)
    assert client.noop()[0] == 250


def test_too_much(client: smtplib.SMTP, account: Credentials) -> None:
    client.ehlo()
    limit = int(client.esmtp_features["size"])
    assert client.mail("a@example.test", [f"size={limit + 1}"])[0] == 552


def test_data_out_of_order(client: smtplib.SMTP) -> None:
    client.ehlo()
    with pytest.raises(smtplib.SMTPDataError) as caught:
        client.data(b"nobody gets this")
    assert caught.value.smtp_code == 503
    assert caught.value.smtp_error
    assert client.rcpt("a@example.test")[0] == 503


def test_exceptions() -> None:
    error = smtplib.SMTPResponseException(554, b"no")
    assert (error.smtp_code, error.smtp_error, isinstance(error, OSError)) == (554, b"no", True)
    assert issubclass(smtplib.SMTPHeloError, smtplib.SMTPResponseException)
    assert issubclass(smtplib.SMTPAuthenticationError, smtplib.SMTPResponseException)
    assert smtplib.quoteaddr("Alice <alice@example.test>") == "<alice@example.test>"
    assert smtplib.quotedata(".a\nb\r.c") == "..a\r\nb\r\n..c"


# -- TLS and log-in


def test_starttls(ready: Ready, tls: ssl.SSLContext) -> None:
    where = service(ready, "smtp")
    with smtplib.SMTP(where.host, where.port, timeout=TIMEOUT) as client:
        client.ehlo()
        code, text = client.starttls(context=tls)
        assert (code, text[:5]) == (220, b"2.0.0")
        assert isinstance(client.sock, ssl.SSLSocket)
        assert client.ehlo_resp is None
        client.ehlo()
        assert not client.has_extn("starttls")
        with pytest.raises(smtplib.SMTPNotSupportedError, match="STARTTLS"):
            client.starttls(context=tls)


def test_starttls_with_a_stranger(client: smtplib.SMTP) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        client.starttls(context=ssl.create_default_context())


def test_smtps(ready: Ready, tls: ssl.SSLContext, account: Credentials, imap: Imap, token: str) -> None:
    where = service(ready, "smtps")
    with smtplib.SMTP_SSL(where.host, where.port, context=tls, timeout=TIMEOUT) as client:
        assert client.login(account.address, account.password)[0] == 235
        assert client.send_message(letter(account.address, account.address, token=token)) == {}
    assert take(imap, f"<{token}@example.test>")


Method = Callable[[smtplib.SMTP, Credentials], tuple[int, bytes]]


def by_plain(client: smtplib.SMTP, account: Credentials) -> tuple[int, bytes]:
    return client.auth("PLAIN", client.auth_plain)


def by_login(client: smtplib.SMTP, account: Credentials) -> tuple[int, bytes]:
    return client.auth("LOGIN", client.auth_login)


def by_login_when_asked(client: smtplib.SMTP, account: Credentials) -> tuple[int, bytes]:
    return client.auth("LOGIN", client.auth_login, initial_response_ok=False)


def by_cram_md5(client: smtplib.SMTP, account: Credentials) -> tuple[int, bytes]:
    return client.auth("CRAM-MD5", client.auth_cram_md5)


def by_whatever_is_best(client: smtplib.SMTP, account: Credentials) -> tuple[int, bytes]:
    return client.login(account.login, account.password)


METHODS: list[Method] = [by_plain, by_login, by_login_when_asked, by_cram_md5, by_whatever_is_best]


@pytest.mark.parametrize("method", METHODS)
def test_log_in(submission: smtplib.SMTP, account: Credentials, method: Method) -> None:
    submission.ehlo()
    submission.user, submission.password = account.login, account.password
    code, text = method(submission, account)
    assert (code, text[:5]) == (235, b"2.7.0")
    assert submission.mail(account.address)[0] == 250


@pytest.mark.parametrize("method", [by_plain, by_login, by_cram_md5])
def test_wrong_passwords(submission: smtplib.SMTP, account: Credentials, method: Method) -> None:
    submission.ehlo()
    submission.user, submission.password = account.login, "wrong"
    with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        method(submission, account)
    assert caught.value.smtp_code == 535
    assert submission.noop()[0] == 250


def test_log_in_with_a_wrong_password(submission: smtplib.SMTP, account: Credentials) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError):
        submission.login(account.login, "wrong")


def test_submission_wants_a_log_in(submission: smtplib.SMTP, account: Credentials) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        submission.sendmail(account.address, account.address, raw("none"))
    assert caught.value.smtp_code == 530


def test_log_in_where_there_is_none(client: smtplib.SMTP, account: Credentials) -> None:
    client.helo()
    with pytest.raises(smtplib.SMTPNotSupportedError, match="AUTH"):
        client.login(account.login, account.password)


# -- LMTP


def test_lmtp(ready: Ready, account: Credentials, imap: Imap, token: str) -> None:
    where = service(ready, "lmtp")
    client = smtplib.LMTP(where.host, where.port, "client.example.test", timeout=TIMEOUT)
    with client:
        code, _ = client.ehlo()
        assert (code, client.has_extn("pipelining")) == (250, True)
        assert client.docmd("EHLO", "x")[0] // 100 == 5
        message = letter("a@example.test", account.address, token=token).as_bytes(policy=policy.SMTP)
        assert client.sendmail("a@example.test", account.address, message) == {}
    assert without_trace(take(imap, f"<{token}@example.test>")) == message


def test_lmtp_replies_for_each_recipient(
    ready: Ready, account: Credentials, other: Credentials, tls: ssl.SSLContext, token: str
) -> None:
    where = service(ready, "lmtp")
    with smtplib.LMTP(where.host, where.port, timeout=TIMEOUT) as client:
        client.ehlo()
        client.mail("a@example.test")
        assert client.rcpt(account.address)[0] == client.rcpt(other.address)[0] == 250
        assert client.data(raw(token))[0] == 250
        assert client.getreply()[0] == 250
    for who in (account, other):
        with imap_login(ready, who, tls) as reader:
            assert take(reader, f"<{token}@example.test>")
