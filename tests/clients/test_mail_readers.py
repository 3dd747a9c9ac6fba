"""mbsync, offlineimap, fetchmail, getmail and mutt: mail synchronised, fetched and read."""

from __future__ import annotations

import mailbox
from pathlib import Path

from client_machine import Machine

from minternet.bench import AccountHandle


def letter(subject: str, body: str = "Hello.\r\n") -> bytes:
    head = f"From: bob@example.test\r\nTo: you@example.test\r\nSubject: {subject}\r\nMessage-ID: <{abs(hash(subject))}@x>\r\n"
    return (head + "\r\n" + body).encode()


def subjects(folder: Path) -> dict[str, str]:
    """Subjects in a Maildir, with their flags."""
    maildir = mailbox.Maildir(folder, create=False)
    return {str(message["Subject"]): message.get_flags() for message in maildir}


def change_here(folder: Path) -> None:
    """Write a message into a Maildir, and throw "One" away."""
    near = mailbox.Maildir(folder, create=False)
    for key, message in near.items():
        if message["Subject"] == "One":
            near.discard(key)
    near.add(letter("Written here").replace(b"\r\n", b"\n"))


# -- two-way synchronisation ------------------------------------------------------------------------------------------


def mbsync(machine: Machine, me: AccountHandle) -> None:
    machine.write(
        "mbsyncrc",
        f"""
IMAPAccount net
Host localhost
Port {machine.net.imap.port}
User {me.login}
Pass {me.password}
SSLType STARTTLS
SystemCertificates no
CertificateFile {machine.net.ca_file}

IMAPStore far
Account net

MaildirStore near
Path {machine.home}/mail/
Inbox {machine.home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Remove Both
SyncState *
""",
    )
    (machine.home / "mail").mkdir(exist_ok=True)
    machine.run("mbsync", "-c", "mbsyncrc", "all")


def test_mbsync_synchronises_both_ways(machine: Machine, me: AccountHandle) -> None:
    machine.has("mbsync")
    me.create_mailbox("Lists/Čeština")
    me.inbox.add(letter("One"), ["\\Seen"])
    me.inbox.add(letter("Two"))
    me.mailbox("Lists/Čeština").add(letter("Nested"))
    mbsync(machine, me)
    inbox = machine.home / "mail" / "INBOX"
    assert subjects(inbox) == {"One": "S", "Two": ""}

    me.inbox.flag(me.inbox[1], "\\Flagged")
    me.inbox.add(letter("Three"))
    change_here(inbox)
    mbsync(machine, me)
    assert subjects(inbox) == {"Two": "F", "Three": "", "Written here": ""}
    assert {each.subject: set(each.flags) - {"\\Recent"} for each in me.inbox} == {
        "Two": {"\\Flagged"},
        "Three": set(),
        "Written here": set(),
    }
    me.inbox.remove(me.inbox.find(subject="Three")[0])
    mbsync(machine, me)
    assert subjects(inbox) == {"Two": "F", "Written here": ""}


def offlineimap(machine: Machine, me: AccountHandle) -> None:
    machine.write(
        "offlineimaprc",
        f"""
[general]
accounts = net
metadata = {machine.home}/metadata
ui = quiet
socktimeout = 20
[Account net]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {machine.home}/offline
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {machine.net.imaps.port}
remoteuser = {me.login}
remotepass = {me.password}
ssl = yes
sslcacertfile = {machine.net.ca_file}
""",
    )
    machine.run("offlineimap", "-o", "-c", "offlineimaprc")


def test_offlineimap_synchronises_both_ways(machine: Machine, me: AccountHandle) -> None:
    machine.has("offlineimap")
    me.inbox.add(letter("One"), ["\\Seen"])
    me.inbox.add(letter("Two"))
    offlineimap(machine, me)
    inbox = machine.home / "offline" / "INBOX"
    assert subjects(inbox) == {"One": "S", "Two": ""}
    change_here(inbox)
    me.inbox.flag(me.inbox[1], "\\Answered")
    offlineimap(machine, me)
    assert subjects(inbox) == {"Two": "R", "Written here": ""}
    assert {each.subject for each in me.inbox} == {"Two", "Written here"}


# -- fetching ---------------------------------------------------------------------------------------------------------


def delivering(machine: Machine) -> Path:
    """A program that takes mail, and adds it to the file `fetched`."""
    program = machine.write("deliver", f"#!/bin/sh\ncat >> {machine.home}/fetched\n")
    program.chmod(0o700)
    return program


def test_fetchmail_fetches_by_pop3_and_imap(machine: Machine, me: AccountHandle) -> None:
    machine.has("fetchmail")
    deliver = delivering(machine)
    for number, (service, port, options) in enumerate(
        [
            ("pop3", machine.net.pop3.port, "sslproto TLS1.2+ sslcertck"),
            ("imap", machine.net.imaps.port, "ssl sslcertck"),
        ]
    ):
        me.inbox.add(letter(f"Fetched {number}", "First\r\n.\r\nFrom here\r\n"))
        machine.write(
            "fetchmailrc",
            f'poll localhost protocol {service} port {port} user "{me.login}" password "{me.password}"'
            f' {options} sslcertfile "{machine.net.ca_file}" mda "{deliver}" no rewrite\n',
        )
        machine.run(
            "fetchmail",
            "-f",
            "fetchmailrc",
            "--nosyslog",
            "--pidfile",
            machine.home / "pid",
            "-i",
            machine.home / "ids",
        )
        assert f"Subject: Fetched {number}\n" in (machine.home / "fetched").read_text()
        assert len(me.inbox) == 0


def test_getmail_fetches_each_once(machine: Machine, me: AccountHandle) -> None:
    machine.has("getmail")
    deliver = delivering(machine)
    machine.write(
        "getmailrc",
        f"""
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {machine.net.pop3s.port}
username = {me.login}
password = {me.password}
ca_certs = {machine.net.ca_file}
[destination]
type = MDA_external
path = {deliver}
allow_root_commands = true
[options]
read_all = false
delete = false
""",
    )
    me.inbox.add(letter("First"))
    machine.run("getmail", f"--getmaildir={machine.home}", "--rcfile=getmailrc")
    me.inbox.add(letter("Second"))
    machine.run("getmail", f"--getmaildir={machine.home}", "--rcfile=getmailrc")
    fetched = [line for line in (machine.home / "fetched").read_text().splitlines() if line.startswith("Subject")]
    assert fetched == ["Subject: First", "Subject: Second"]


# -- reading and writing ----------------------------------------------------------------------------------------------


def test_mutt_saves_deletes_and_sends(machine: Machine, me: AccountHandle) -> None:
    machine.has("mutt")
    me.inbox.add(letter("Keep this"))
    me.inbox.add(letter("Throw this away"))
    me.create_mailbox("Kept")
    machine.write(
        "muttrc",
        f"""
set folder="imaps://{me.login}@localhost:{machine.net.imaps.port}/"
set spoolfile="+INBOX" imap_pass="{me.password}" smtp_pass="{me.password}"
set smtp_url="smtps://{me.login}@localhost:{machine.net.smtps.port}/"
set certificate_file="{machine.net.ca_file}" ssl_verify_host=yes
set record="+Sent" from="{me.address}" realname="Mutt" use_envelope_from=yes
set delete=yes confirmappend=no copy=yes mail_check=0 wait_key=no
push "<delete-pattern>~s Throw<enter><tag-pattern>~s Keep<enter><tag-prefix><copy-message>=Kept<enter><sync-mailbox><exit>"
""",
    )
    machine.run_on_terminal("mutt", "-n", "-F", "muttrc")
    assert [each.subject for each in me.inbox] == ["Keep this"]
    assert [each.raw for each in me.mailbox("Kept")] == [letter("Keep this")]
    machine.write("picture.png", b"\x89PNG\r\n\x1a\n\x00\xff")
    machine.run(
        "mutt", "-n", "-F", "muttrc", "-e", "set smtp_authenticators=plain", "-s", "Grüße", "-a", "picture.png", "--",
        "bob@example.test", give="Schöne Grüße\n.\n".encode(),
    )  # fmt: skip
    sent = machine.net.account("bob").inbox.wait_for(subject="Grüße", sender=me.address, timeout=5)
    assert sent.text == "Schöne Grüße\r\n.\r\n"
    assert sent.attachments == {"picture.png": b"\x89PNG\r\n\x1a\n\x00\xff"}
    assert [each.subject for each in me.mailbox("Sent")] == ["Grüße"]
