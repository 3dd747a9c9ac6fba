"""msmtp and swaks: mail submitted with every way to log in."""

from __future__ import annotations

import pytest
from client_machine import Machine

from minternet.bench import AccountHandle

LETTER = b"From: me@example.test\nTo: bob@example.test\nSubject: From msmtp\n\n.\n..two\nHello\n"
MECHANISMS = ["plain", "login", "cram-md5", "scram-sha-256"]


@pytest.mark.parametrize("how", MECHANISMS)
def test_msmtp(machine: Machine, me: AccountHandle, how: str) -> None:
    machine.write(
        "msmtprc",
        f"account default\nhost localhost\nport {machine.net.submission.port}\nfrom {me.address}\ntls on\ntls_starttls on\n"
        f"tls_trust_file {machine.net.ca_file}\nauth {how}\nuser {me.login}\npassword {me.password}\n",
    )
    machine.run("msmtp", "-C", "msmtprc", me.address, "bob@example.test", give=LETTER)
    (letter,) = me.inbox.messages
    assert letter.raw.endswith(LETTER.replace(b"\n", b"\r\n"))
    assert letter.envelope is not None
    assert letter.envelope.sender == me.address


def test_msmtp_tells_what_the_server_says(machine: Machine, me: AccountHandle) -> None:
    options = ("msmtp", "-C", "/dev/null", "--host=localhost", f"--port={machine.net.smtps.port}", "--tls=on")
    trusting = ("--tls-starttls=off", f"--tls-trust-file={machine.net.ca_file}")
    said = machine.run(*options, *trusting, "--serverinfo").text
    assert "SCRAM-SHA-256" in said
    failed = machine.run(
        *options, *trusting, "--auth=plain", f"--user={me.login}", "--passwordeval=echo wrong", "--from=a@example.test",
        me.address, give=LETTER, status=77,
    )  # fmt: skip
    assert "535" in failed.errors


@pytest.mark.parametrize("how", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_swaks(machine: Machine, me: AccountHandle, how: str) -> None:
    finished = machine.run(
        "swaks", "--server", f"localhost:{machine.net.submission.port}", "--tls", "--tls-verify",
        "--tls-ca-path", machine.net.ca_file, "--auth", how, "--auth-user", me.login, "--auth-password", me.password,
        "--from", me.address, "--to", f"{me.address},bob@example.test", "--header", "Subject: From swaks",
        "--body", "Hello\\n.\\n", "--attach", "-", give=b"attached\n", status=None,
    )  # fmt: skip
    if "not available" in finished.errors + finished.text:
        pytest.skip(f"swaks lacks a Perl module: {(finished.errors or finished.text).splitlines()[0]}")
    assert finished.status == 0, finished
    (letter,) = me.inbox.messages
    assert letter.subject == "From swaks"
    assert list(letter.attachments.values()) == [b"attached\n"]


def test_swaks_over_lmtp_and_pipelining(machine: Machine, me: AccountHandle) -> None:
    machine.run(
        "swaks", "--server", f"localhost:{machine.net.lmtp.port}", "--protocol", "LMTP", "--pipeline",
        "--from", "", "--to", f"{me.address},bob@example.test", "--body", "By LMTP",
    )  # fmt: skip
    assert me.inbox[0].text.strip().endswith("By LMTP")
