"""For every rule: dialogues that break it, and near ones that do not.

A line is a piece, `C:` and `S:` with CRLF, `C-` without, `*:` a note; `\\xHH` is an octet. Their order is what the server
saw: a client's line above a reply was sent before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from minternet.lint import Finding, lint_pieces
from minternet.wire.transcript import Piece, Side

ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def pieces_of(dialogue: str) -> list[Piece]:
    """The pieces of a dialogue, a hundredth of a second apart."""
    found = []
    for number, line in enumerate(each for each in dialogue.splitlines() if each.strip()):
        side, mark, text = line[:1], line[1:2], line[3:]
        data = ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text.encode())
        sides: dict[str, Side] = {"C": "C", "S": "S", "*": "*"}
        found.append(Piece(number / 100, sides[side], data + (b"\r\n" if mark == ":" and side != "*" else b"")))
    return found


def names(service: str, dialogue: str, **more: object) -> set[str]:
    """The rules that a dialogue breaks."""
    return {finding.rule.name for finding in findings(service, dialogue, **more)}


def findings(service: str, dialogue: str, **more: object) -> list[Finding]:
    return lint_pieces(service, pieces_of(dialogue), peer="127.0.0.1", **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Case:
    """A dialogue that breaks a rule, and a near one that does not."""

    rule: str
    service: str
    bad: str
    good: str


HELLO = """
S: 220 here
C: EHLO client.test
S: 250-here
S: 250-PIPELINING
S: 250-STARTTLS
S: 250-8BITMIME
S: 250-SIZE 1000000
S: 250-CHUNKING
S: 250-BINARYMIME
S: 250-AUTH PLAIN LOGIN
S: 250 SMTPUTF8
"""
PLAIN_HELLO = """
S: 220 here
C: EHLO client.test
S: 250-here
S: 250 STARTTLS
"""
TO_DATA = """
C: MAIL FROM:<a@x.test>
S: 250 ok
C: RCPT TO:<b@x.test>
S: 250 ok
C: DATA
S: 354 go on
"""
HEADER = """
C: From: a@x.test
C: Date: Mon, 6 May 2024 10:00:00 +0000
C: Message-ID: <1@x.test>
C: Subject: hello
"""
SENT = """
C: .
S: 250 ok
C: QUIT
S: 221 bye
"""
QUIT = """
C: QUIT
S: 221 bye
"""


def mail(body: str, parameters: str = "", header: str = HEADER) -> str:
    """A whole SMTP conversation with one message."""
    return HELLO + TO_DATA.replace("<a@x.test>", f"<a@x.test>{parameters}") + header + body + SENT


def chunks(*parts: str, parameters: str = "") -> str:
    """The same with the message in chunks (BDAT), each of them as its octets are written here."""
    said = HELLO + TO_DATA.partition("C: DATA")[0].replace("<a@x.test>", f"<a@x.test>{parameters}")
    for number, part in enumerate(parts, 1):
        size = len(pieces_of(f"C- {part}")[0].data)
        said += f"C: BDAT {size}{' LAST' if number == len(parts) else ''}\nC- {part}\nS: 250 ok\n"
    return said + QUIT


CRLF = "\\x0d\\x0a"
FIELDS = f"From: a@x.test{CRLF}Date: Mon, 6 May 2024 10:00:00 +0000{CRLF}Message-ID: <1@x.test>{CRLF}"
BINARY = " BODY=BINARYMIME"
IMAP = """
S: * OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] here
"""
LOGIN = """
C: a LOGIN alice secret
S: a OK in
"""
LOGOUT = """
C: z LOGOUT
S: * BYE
S: z OK out
"""
TLS = """
*: TLSv1.3, TLS_AES_256_GCM_SHA384
"""
POP3 = """
S: +OK here
"""
CAPA = """
C: CAPA
S: +OK
S: STLS
S: USER
S: .
"""
POP3_QUIT = """
C: QUIT
S: +OK bye
"""
NNTP = """
S: 200 here
"""
NNTP_QUIT = """
C: QUIT
S: 205 bye
"""
ARTICLE = """
C: From: a@x.test
C: Newsgroups: local.test
C: Subject: hello
C:
"""


def post(article: str) -> str:
    """A whole NNTP conversation with one article."""
    return NNTP + "C: POST\nS: 340 go on\n" + article + "C: .\nS: 240 received\n" + NNTP_QUIT


FTP = """
S: 220 here
"""
FEAT = """
C: FEAT
S: 211-Features
S:  AUTH TLS
S: 211 End
"""
FTP_LOGIN = """
C: USER alice
S: 331 password
C: PASS secret
S: 230 in
"""
FTP_ABORT = """
C: TYPE I
S: 200 ok
C: RETR x
S: 150 opening
C- \\xff\\xf4\\xff\\xf2
C: ABOR
S: 426 aborted
S: 226 done
"""
GET = """
C: GET / HTTP/1.1
C: Host: x.test
"""
OK = """
S: HTTP/1.1 200 OK
S: Content-Length: 0
S:
"""
END = "C:\n" + OK

CASES: tuple[Case, ...] = (
    # -- lines and octets
    Case("bare-lf", "smtp", HELLO + "C- NOOP\\x0a\nS: 250 ok\n" + QUIT, HELLO + "C: NOOP\nS: 250 ok\n" + QUIT),
    Case("bare-lf", "smtp", mail("C:\nC- one\\x0atwo\nC:"), mail("C:\nC: one\nC: two")),
    Case("bare-lf", "imap", IMAP + "C- a NOOP\\x0a\nS: a OK\n" + LOGOUT, IMAP + "C: a NOOP\nS: a OK\n" + LOGOUT),
    Case("bare-lf", "pop3", POP3 + "C- NOOP\\x0a\nS: +OK\n" + POP3_QUIT, POP3 + "C: NOOP\nS: +OK\n" + POP3_QUIT),
    Case("bare-lf", "nntp", NNTP + "C- DATE\\x0a\nS: 111 20240506100000\n" + NNTP_QUIT, post(ARTICLE)),
    Case("bare-lf", "ftp", FTP + "C- NOOP\\x0a\nS: 200 ok\n" + QUIT, FTP + "C: NOOP\nS: 200 ok\n" + QUIT),
    Case("bare-lf", "ftp", FTP + FTP_ABORT + "C- PWD\\x0a\nS: 257 /\n" + QUIT, FTP + FTP_ABORT + QUIT),
    Case("bare-lf", "http", "C- GET / HTTP/1.1\\x0aHost: x.test\\x0a\\x0a\n" + OK, GET + END),
    Case("bare-cr", "smtp", mail("C:\nC: one\\x0dtwo"), mail("C:\nC: one")),
    Case("dot-stuffing", "smtp", mail("C:\nC: .hidden"), mail("C:\nC: ..hidden\nC: a.b")),
    Case(
        "dot-stuffing",
        "smtp",
        HELLO
        + TO_DATA
        + HEADER
        + "C:\nC: above\nC: .\nC: and the rest of it\nC: .\nS: 250 ok\nS: 500 what\nS: 500 what",
        HELLO + TO_DATA + HEADER + "C:\nC: above\nC: .\nC: QUIT\nS: 250 ok\nS: 221 bye",
    ),
    Case("dot-stuffing", "nntp", post(ARTICLE + "C: .hidden\n"), post(ARTICLE + "C: ..hidden\nC: ...\n")),
    Case(
        "command-too-long",
        "smtp",
        HELLO + f"C: NOOP {'x' * 506}\nS: 500 long\n" + QUIT,
        HELLO + f"C: NOOP {'x' * 505}\nS: 250 ok\nC: MAIL FROM:<a@x.test> ENVID={'x' * 600}\nS: 555 no\n" + QUIT,
    ),
    Case(
        "command-too-long",
        "imap",
        IMAP + f"C: a NOOP {'x' * 8190}\nS: a BAD long\n" + LOGOUT,
        IMAP + LOGIN + f"C: b APPEND INBOX {{9000}}\nS: + go\nC- {'x' * 9000}\nC:\nS: b OK\n" + LOGOUT,
    ),
    Case(
        "command-too-long",
        "pop3",
        POP3 + f"C: USER {'x' * 249}\nS: -ERR\n" + POP3_QUIT,
        POP3 + f"C: USER {'x' * 248}\nS: -ERR\n" + POP3_QUIT,
    ),
    Case(
        "command-too-long",
        "nntp",
        NNTP + f"C: GROUP {'x' * 505}\nS: 501 long\n" + NNTP_QUIT,
        NNTP + f"C: GROUP {'x' * 504}\nS: 411 no\n" + NNTP_QUIT,
    ),
    Case(
        "command-too-long",
        "ftp",
        FTP + FTP_LOGIN + f"C: CWD {'x' * 4200}\nS: 500 no\n" + QUIT,
        FTP + FTP_LOGIN + f"C: CWD {'x' * 4000}\nS: 550 no\n" + QUIT,
    ),
    Case("line-too-long", "smtp", mail(f"C:\nC: {'x' * 999}"), mail(f"C:\nC: {'x' * 998}\nC: ..{'x' * 997}")),
    Case(
        "line-too-long",
        "smtp",
        mail(f"C:\nC- {'x' * 999}\\x0a\nC:"),
        mail(f"C:\nC- {'x' * 998}\\x0a\nC: {'x' * 998}\nC: " + f"\nC: {'x' * 400}" * 9),
    ),
    Case(
        "header-too-long",
        "smtp",
        mail(f"C: X-Long: {'x' * 999}\nC:\nC: hi"),
        mail(f"C: X-Long: {'x' * 988}\nC:\nC: hi"),
    ),
    # -- order
    Case("early-talker", "smtp", "C: EHLO client.test\n" + "S: 220 here\nS: 250 here\n" + QUIT, PLAIN_HELLO + QUIT),
    Case("early-talker", "imap", "C: a NOOP\n" + IMAP + "S: a OK\n" + LOGOUT, IMAP + "C: a NOOP\nS: a OK\n" + LOGOUT),
    Case("early-talker", "pop3", "C: NOOP\nS: +OK\nS: +OK\n" + POP3_QUIT, POP3 + "C: NOOP\nS: +OK\n" + POP3_QUIT),
    Case(
        "early-talker", "nntp", "C: DATE\nS: 200 hi\nS: 111 1\n" + NNTP_QUIT, NNTP + "C: DATE\nS: 111 1\n" + NNTP_QUIT
    ),
    Case("early-talker", "ftp", "C: NOOP\nS: 220 hi\nS: 200 ok\n" + QUIT, FTP + "C: NOOP\nS: 200 ok\n" + QUIT),
    Case(
        "pipelining-not-offered",
        "smtp",
        PLAIN_HELLO + "C: MAIL FROM:<a@x.test>\nC: RCPT TO:<b@x.test>\nS: 250 ok\nS: 250 ok\n" + QUIT,
        HELLO + "C: MAIL FROM:<a@x.test>\nC: RCPT TO:<b@x.test>\nS: 250 ok\nS: 250 ok\n" + QUIT,
    ),
    Case(
        "pipelining-not-offered",
        "pop3",
        POP3 + CAPA + "C: STAT\nC: NOOP\nS: +OK 0 0\nS: +OK\n" + POP3_QUIT,
        POP3 + CAPA.replace("STLS", "PIPELINING") + "C: STAT\nC: NOOP\nS: +OK 0 0\nS: +OK\n" + POP3_QUIT,
    ),
    Case(
        "pipelining-order",
        "smtp",
        HELLO + "C: NOOP\nC: MAIL FROM:<a@x.test>\nS: 250 ok\nS: 250 ok\n" + QUIT,
        HELLO + "C: MAIL FROM:<a@x.test>\nC: NOOP\nS: 250 ok\nS: 250 ok\n" + QUIT,
    ),
    Case(
        "pipelining-order",
        "nntp",
        NNTP + "C: MODE READER\nC: DATE\nS: 200 hi\nS: 111 20240506100000\n" + NNTP_QUIT,
        NNTP + "C: DATE\nC: DATE\nS: 111 20240506100000\nS: 111 20240506100000\n" + NNTP_QUIT,
    ),
    Case(
        "content-not-waited",
        "smtp",
        HELLO + TO_DATA.replace("S: 354 go on", "") + HEADER + "C:\nC: hi\nC: .\nS: 354 go on\nS: 250 ok\n" + QUIT,
        mail("C:\nC: hi"),
    ),
    Case(
        "content-not-waited",
        "nntp",
        NNTP + "C: POST\n" + ARTICLE + "C: .\nS: 340 go on\nS: 240 received\n" + NNTP_QUIT,
        post(ARTICLE),
    ),
    Case(
        "after-starttls",
        "smtp",
        HELLO + "C: STARTTLS\nC: NOOP\nS: 220 go\n" + TLS + "C: EHLO client.test\nS: 250 here\n" + QUIT,
        # what is said after the handshake may stand before the note of it
        HELLO + "C: STARTTLS\nS: 220 go\nC: EHLO client.test\n" + TLS + "S: 250 here\n" + QUIT,
    ),
    Case(
        "after-starttls",
        "imap",
        IMAP + "C: a STARTTLS\nC: b NOOP\nS: a OK\n" + TLS + LOGOUT,
        IMAP + "C: a STARTTLS\nS: a OK\n" + TLS + LOGOUT,
    ),
    Case(
        "after-starttls",
        "pop3",
        POP3 + "C: STLS\nC: NOOP\nS: +OK\n" + TLS + POP3_QUIT,
        POP3 + "C: STLS\nS: +OK\n" + TLS + POP3_QUIT,
    ),
    Case(
        "after-starttls",
        "ftp",
        FTP + "C: AUTH TLS\nS: 234 go\nC: NOOP\n" + TLS + FTP_LOGIN + QUIT,
        FTP + "C: AUTH TLS\nS: 234 go\n" + TLS + FTP_LOGIN + QUIT,
    ),
    Case("after-quit", "ftp", FTP + "C: QUIT\nC: NOOP\nS: 221 bye\n", FTP + "C: QUIT\nS: 221 bye\n"),
    Case("after-quit", "smtp", HELLO + QUIT + "C: NOOP\n", HELLO + QUIT),
    Case("after-quit", "imap", IMAP + LOGOUT + "C: b NOOP\n", IMAP + LOGOUT),
    Case("after-quit", "pop3", POP3 + POP3_QUIT + "C: NOOP\n", POP3 + POP3_QUIT),
    Case("after-quit", "nntp", NNTP + NNTP_QUIT + "C: DATE\n", NNTP + NNTP_QUIT),
    Case("no-quit", "smtp", HELLO, HELLO + "S: 421 shutting down\n"),
    Case("no-quit", "imap", IMAP + LOGIN, IMAP + LOGIN + "S: * BYE shutting down\n"),
    Case("no-quit", "pop3", POP3 + "C: NOOP\nS: +OK\n", POP3 + POP3_QUIT),
    Case("no-quit", "nntp", NNTP + "C: DATE\nS: 111 1\n", NNTP),
    Case("no-quit", "ftp", FTP + FTP_LOGIN, FTP + FTP_LOGIN + QUIT),
    Case("no-quit", "ftp", FTP + "C: RETR x\nS: 150 ok\nS: 426 cut\nC: NOOP\nS: 200 ok\n", FTP + FTP_ABORT + QUIT),
    Case(
        "pop3-deletions-lost",
        "pop3",
        POP3 + "C: DELE 1\nS: +OK\n",
        POP3 + "C: DELE 1\nS: +OK\nC: RSET\nS: +OK\n",
    ),
    # -- logging in
    Case(
        "password-without-tls",
        "smtp",
        HELLO + "C: AUTH PLAIN AGFsaWNlAHg=\nS: 235 in\n" + QUIT,
        HELLO
        + "C: STARTTLS\nS: 220 go\n"
        + TLS
        + "C: EHLO client.test\nS: 250 here\nC: AUTH PLAIN AGFsaWNlAHg=\nS: 235 in\n"
        + QUIT,
    ),
    Case(
        "password-without-tls",
        "imap",
        IMAP + LOGIN + LOGOUT,
        IMAP.replace("STARTTLS ", "") + LOGIN + LOGOUT,
    ),
    Case(
        "password-without-tls",
        "pop3",
        POP3 + CAPA + "C: USER alice\nS: +OK\nC: PASS x\nS: +OK\n" + POP3_QUIT,
        POP3 + "C: USER alice\nS: +OK\nC: PASS x\nS: +OK\n" + POP3_QUIT,
    ),
    Case("password-without-tls", "ftp", FTP + FEAT + FTP_LOGIN + QUIT, FTP + FTP_LOGIN + QUIT),
    Case(
        "login-retried",
        "smtp",
        HELLO + 2 * "C: AUTH PLAIN AGFsaWNlAHg=\nS: 535 no\n" + QUIT,
        HELLO + 2 * "C: AUTH PLAIN AGFsaWNlAHg=\nS: 454 later\n" + QUIT,
    ),
    Case(
        "login-retried",
        "imap",
        IMAP + "C: a LOGIN alice x\nS: a NO wrong\nC: b LOGIN alice x\nS: b NO wrong\n" + LOGOUT,
        IMAP + "C: a LOGIN alice x\nS: a NO [UNAVAILABLE] x\nC: b LOGIN alice x\nS: b OK in\n" + LOGOUT,
    ),
    Case(
        "login-retried",
        "pop3",
        POP3 + 2 * "C: USER alice\nS: +OK\nC: PASS x\nS: -ERR wrong\n" + POP3_QUIT,
        POP3 + 2 * "C: USER alice\nS: +OK\nC: PASS x\nS: -ERR [IN-USE] locked\n" + POP3_QUIT,
    ),
    Case(
        "login-retried",
        "ftp",
        FTP + 2 * "C: USER alice\nS: 331 password\nC: PASS x\nS: 530 wrong\n" + QUIT,
        FTP + "C: USER alice\nS: 331 password\nC: PASS x\nS: 530 wrong\n" + FTP_LOGIN + QUIT,
    ),
    Case(
        "login-retried",
        "nntp",
        NNTP + 2 * "C: AUTHINFO USER alice\nS: 381 password\nC: AUTHINFO PASS x\nS: 481 wrong\n" + NNTP_QUIT,
        NNTP
        + "C: AUTHINFO USER alice\nS: 381 password\nC: AUTHINFO PASS x\nS: 481 wrong\n"
        + "C: AUTHINFO USER bob\nS: 381 password\nC: AUTHINFO PASS x\nS: 281 in\n"
        + NNTP_QUIT,
    ),
    Case(
        "imap-login-disabled",
        "imap",
        IMAP.replace("AUTH=PLAIN", "LOGINDISABLED") + "C: a LOGIN alice x\nS: a NO\n" + LOGOUT,
        IMAP.replace("AUTH=PLAIN", "LOGINDISABLED") + "C: a NOOP\nS: a OK\n" + LOGOUT,
    ),
    # -- SMTP
    Case(
        "smtp-no-hello",
        "smtp",
        "S: 220 here\nC: MAIL FROM:<a@x.test>\nS: 503 no\n" + QUIT,
        "S: 220 here\nC: HELO x.test\nS: 250 hi\nC: MAIL FROM:<a@x.test>\nS: 250 ok\n" + QUIT,
    ),
    *(
        Case(
            "smtp-hello-name",
            "smtp",
            PLAIN_HELLO.replace("client.test", bad) + QUIT,
            PLAIN_HELLO.replace("client.test", good) + QUIT,
        )
        for bad, good in (
            ("my_host", "my-host"),
            ("127.0.0.1", "[127.0.0.1]"),
            ("::1", "[IPv6:::1]"),
            ("[::1]", "localhost"),
            ("[300.0.0.1]", "xn--bcher-kva.test"),
        )
    ),
    Case(
        "smtp-path",
        "smtp",
        HELLO + "C: MAIL FROM:a@x.test\nS: 501 no\n" + QUIT,
        HELLO + "C: mail FROM:<>\nS: 250 ok\n" + QUIT,
    ),
    Case(
        "smtp-path-blank",
        "smtp",
        HELLO + "C: MAIL FROM: <a@x.test>\nS: 250 ok\n" + QUIT,
        HELLO + "C: MAIL FROM:<a@x.test> SIZE=5\nS: 250 ok\n" + QUIT,
    ),
    Case(
        "smtp-not-offered",
        "smtp",
        PLAIN_HELLO + "C: MAIL FROM:<a@x.test> SIZE=5\nS: 555 no\n" + QUIT,
        HELLO + "C: MAIL FROM:<a@x.test> SIZE=5 BODY=8BITMIME\nS: 250 ok\n" + QUIT,
    ),
    Case(
        "smtp-utf8-address",
        "smtp",
        HELLO + "C: MAIL FROM:<jürgen@x.test>\nS: 553 no\n" + QUIT,
        HELLO + "C: MAIL FROM:<jürgen@x.test> SMTPUTF8\nS: 250 ok\nC: RCPT TO:<zoë@x.test>\nS: 250 ok\n" + QUIT,
    ),
    Case(
        "smtp-utf8-header", "smtp", mail("C: X-Name: café\nC:\nC: hi"), mail("C: X-Name: café\nC:\nC: hi", " SMTPUTF8")
    ),
    Case("smtp-8bit", "smtp", mail("C:\nC: café"), mail("C:\nC: café", " BODY=8BITMIME")),
    Case("message-no-from", "smtp", mail("C:", header=HEADER.replace("From:", "X-From:")), mail("C:\nC: hi")),
    Case("message-no-date", "smtp", mail("C:", header=HEADER.replace("Date:", "X-Date:")), mail("C:\nC: hi")),
    Case("message-no-id", "smtp", mail("C:", header=HEADER.replace("Message-ID:", "X-ID:")), mail("C:\nC: hi")),
    Case(
        "message-duplicate",
        "smtp",
        mail("C: SUBJECT: again\nC:"),
        mail("C: Received: a\nC: Received: b\nC:\nC: Subject: x"),
    ),
    # -- IMAP
    Case(
        "imap-literal-not-waited",
        "imap",
        IMAP + "C: a LOGIN {5}\nC: alice x\nS: + go\nS: a OK in\n" + LOGOUT,
        IMAP + "C: a LOGIN {5}\nS: + go\nC: alice x\nS: a OK in\n" + LOGOUT,
    ),
    Case(
        "imap-literal-plus",
        "imap",
        IMAP + "C: a LOGIN {5+}\nC: alice x\nS: a BAD no\n" + LOGOUT,
        IMAP.replace("STARTTLS", "LITERAL+") + "C: a LOGIN {5+}\nC: alice x\nS: a OK\n" + LOGOUT,
    ),
    Case(
        "imap-tag-reused",
        "imap",
        IMAP + LOGIN + "C: b NOOP\nC: b NOOP\nS: b OK\nS: b OK\n" + LOGOUT,
        IMAP + LOGIN + "C: b NOOP\nS: b OK\nC: b NOOP\nS: b OK\n" + LOGOUT,
    ),
    Case(
        "imap-ambiguous",
        "imap",
        IMAP + LOGIN + "C: b NOOP\nC: c FETCH 1 FLAGS\nS: b OK\nS: c OK\n" + LOGOUT,
        IMAP
        + LOGIN
        + "C: b NOOP\nC: c UID FETCH 1 FLAGS\nS: b OK\nS: c OK\nC: d FETCH 1 FLAGS\nC: e STORE 1 FLAGS ()\nS: d OK\nS: e OK\n"
        + LOGOUT,
    ),
    Case(
        "imap-utf8",
        "imap",
        IMAP + LOGIN + 'C: b SELECT "Entwürfe"\nS: b BAD no\n' + LOGOUT,
        IMAP + LOGIN + 'C: b ENABLE UTF8=ACCEPT\nS: b OK\nC: c SELECT "Entwürfe"\nS: c OK\n' + LOGOUT,
    ),
    Case(
        "imap-append-bare-lf",
        "imap",
        IMAP + LOGIN + "C: b APPEND INBOX {5}\nS: + go\nC- A: b\\x0a\nC:\nS: b OK\n" + LOGOUT,
        IMAP + LOGIN + "C: b APPEND INBOX {6}\nS: + go\nC: A: b\nC:\nS: b OK\n" + LOGOUT,
    ),
    # -- NNTP
    Case(
        "nntp-injected-field",
        "nntp",
        post("C: Xref: here local.test:1\n" + ARTICLE),
        post("C: Path: not-for-mail\n" + ARTICLE),
    ),
    Case(
        "nntp-injected-field",
        "nntp",
        post("C: Path: a!.POSTED!b\n" + ARTICLE),
        post(ARTICLE + "C: Xref: in the text\n"),
    ),
    Case("nntp-required-field", "nntp", post(ARTICLE.replace("Subject", "X-Subject")), post(ARTICLE)),
    # -- FTP
    Case(
        "ftp-data-in-clear",
        "ftp",
        FTP + "C: AUTH TLS\nS: 234 go\n" + TLS + FTP_LOGIN + "C: RETR x\nS: 150 opening\nS: 226 done\n" + QUIT,
        FTP
        + "C: AUTH TLS\nS: 234 go\n"
        + TLS
        + FTP_LOGIN
        + "C: PBSZ 0\nS: 200 ok\nC: PROT P\nS: 200 ok\nC: RETR x\nS: 150 opening\nS: 226 done\n"
        + QUIT,
    ),
    Case(
        "ftp-port-address",
        "ftp",
        FTP + FTP_LOGIN + "C: PORT 10,0,0,1,80,80\nS: 501 no\n" + QUIT,
        FTP + FTP_LOGIN + "C: PORT 127,0,0,1,80,80\nS: 200 ok\nC: EPRT |1|127.0.0.1|9999|\nS: 200 ok\n" + QUIT,
    ),
    # -- HTTP
    Case("http-no-host", "http", "C: GET / HTTP/1.1\n" + END, "C: GET / HTTP/1.0\n" + END),
    Case("http-no-host", "http", GET + "C: Host: y.test\n" + END, GET + END),
    Case(
        "http-framing",
        "http",
        GET + "C: Content-Length: 3\nC: Transfer-Encoding: chunked\nC:\nC: 0\nC:\n" + OK,
        GET + "C: Transfer-Encoding: chunked\nC:\nC: 3\nC: abc\nC: 0\n" + END + GET + "C: Content-Length: 0\n" + END,
    ),
    Case("http-framing", "http", GET + "C: Content-Length: 3, 4\n" + END, GET + "C: Content-Length: 0, 0\n" + END),
    Case("http-fold", "http", GET + "C: X-One: 1\nC-  more\\x0d\\x0a\n" + END, GET + "C: X-One: 1\n" + END),
    Case("http-field-name", "http", GET + "C: X One: 1\n" + END, GET + "C: X-One : 1\n".replace(" :", ":") + END),
    Case(
        "http-request-line", "http", GET.replace("/ ", "/#part ") + END, GET.replace("/ ", "/%23part?a=%C3%A9 ") + END
    ),
    Case("http-request-line", "http", GET.replace("/ ", "/a b ") + END, GET.replace("/ ", "http://x.test/ ") + END),
    Case(
        "http-pipelined-post",
        "http",
        GET.replace("GET", "POST") + "C: Content-Length: 0\nC:\n" + GET + "C:\n" + OK + OK,
        GET + "C:\n" + GET + "C:\n" + OK + OK,
    ),
    # -- in chunks
    Case(
        "bare-lf", "smtp", chunks(FIELDS + CRLF + "one\\x0atwo"), chunks(FIELDS, CRLF + "one\\x0d", "\\x0atwo" + CRLF)
    ),
    Case(
        "bare-lf",
        "smtp",
        chunks("From: a@x.test\\x0a" + FIELDS + CRLF + "x", parameters=BINARY),
        chunks(FIELDS + CRLF + "one\\x0atwo", parameters=BINARY),
    ),
    Case(
        "line-too-long",
        "smtp",
        chunks(FIELDS + CRLF + "x" * 500, "x" * 499 + CRLF),
        chunks(FIELDS + CRLF + "x" * 500, "x" * 498 + CRLF),
    ),
    Case(
        "line-too-long",
        "smtp",
        chunks(FIELDS + CRLF + "x" * 2000, parameters=" BODY=8BITMIME"),
        chunks(FIELDS + CRLF + "x" * 2000, parameters=BINARY),
    ),
    Case(
        "smtp-8bit",
        "smtp",
        chunks(FIELDS, CRLF + "caf\\xc3\\xa9"),
        chunks(FIELDS, CRLF + "caf\\xc3\\xa9", parameters=BINARY),
    ),
    Case(
        "smtp-utf8-header",
        "smtp",
        chunks("X-Name: caf\\xc3\\xa9" + CRLF + FIELDS + CRLF, parameters=BINARY),
        chunks("X-Name: caf\\xc3\\xa9" + CRLF + FIELDS + CRLF, parameters=" SMTPUTF8"),
    ),
    Case("dot-stuffing", "smtp", mail("C:\nC: .hidden"), chunks(FIELDS, CRLF + ".hidden" + CRLF + "." + CRLF)),
    Case("message-no-date", "smtp", chunks("From: a@x.test" + CRLF + CRLF), chunks(FIELDS, CRLF)),
    Case(
        "smtp-data-or-bdat",
        "smtp",
        chunks(FIELDS).replace(" LAST", "").replace(QUIT, "C: DATA\nS: 503 no\n" + QUIT),
        chunks(FIELDS) + "C: MAIL FROM:<a@x.test>\n",
    ),
    Case("smtp-data-or-bdat", "smtp", mail("C:", BINARY), mail("C:", " BODY=8BITMIME")),
    # -- what a message holds
    Case("message-nul", "smtp", mail("C:\nC: a\\x00b"), chunks(FIELDS + CRLF + "\\x00", parameters=BINARY)),
    Case(
        "message-nul",
        "imap",
        IMAP + "C: b APPEND INBOX {3}\nS: + go\nC- a\\x00b\nC:\nS: b NO\n" + LOGOUT,
        IMAP + "C: b APPEND INBOX ~{3}\nS: + go\nC- a\\x00b\nC:\nS: b OK\n" + LOGOUT,
    ),
    Case(
        "message-header",
        "smtp",
        mail("C: Hello Bob\nC:\nC: hi"),
        mail("C: X-Folded: a\nC:  b\nC: \\x09c\nC:\nC: Hello Bob"),
    ),
    Case("message-header", "smtp", mail("C:", header="C: Hello Bob\n" + HEADER), mail("C:\nC: From Bob")),
    *(
        Case(
            "message-bad-date",
            "smtp",
            mail("C:", header=HEADER.replace("Mon, 6 May 2024 10:00:00 +0000", bad)),
            mail("C:"),
        )
        for bad in (
            "2024-05-06T10:00:00Z",
            "Mon, 6 May 2024 10:00:00",
            "Mon May  6 10:00:00 2024",
            "Mo, 6 Mai 2024 10:00:00 +0000",
        )
    ),
    *(
        Case(
            "message-bad-date",
            "nntp",
            post("C: Date: today\n" + ARTICLE),
            post(f"C: Date: {good}\n" + ARTICLE),
        )
        for good in (
            "6 May 2024 10:00 GMT",
            "MON, 06 may 2024 10:00:00 -0700 (PDT)",
            "Mon,\nC:  6 May 24 10:00:00 +0000",
            "6 May 2024 10:00 +0000 (a (b))",
        )
    ),
    *(
        Case(
            "message-bad-id",
            "smtp",
            mail("C:", header=HEADER.replace("<1@x.test>", bad)),
            mail("C:", header=HEADER.replace("<1@x.test>", good)),
        )
        for bad, good in (
            ("1@x.test", "<1@[127.0.0.1]>"),
            ("<1>", '<"a b"@x.test>'),
            ("<1@x.test> <2@x.test>", "\nC:  <1@x.test> (first)"),
        )
    ),
    Case("message-bcc", "smtp", mail("C: Bcc: c@x.test\nC:"), mail("C: Cc: c@x.test\nC:")),
    # -- order
    *(
        Case("smtp-order", "smtp", HELLO + bad + QUIT, HELLO + good + QUIT)
        for bad, good in (
            (
                "C: MAIL FROM:<a@x.test>\nS: 250 ok\n" * 2,
                "C: MAIL FROM:<a@x.test>\nS: 250 ok\nC: RSET\nS: 250 ok\nC: MAIL FROM:<a@x.test>\nS: 250 ok\n",
            ),
            (
                "C: MAIL FROM:<a@x.test>\nS: 550 no\nC: RCPT TO:<b@x.test>\nS: 503 no\n",
                "C: MAIL FROM:<a@x.test>\nC: RCPT TO:<b@x.test>\nC: DATA\nS: 550 no\nS: 503 no\nS: 503 no\n",
            ),
            ("C: DATA\nS: 503 no\n", "C: MAIL FROM:<a@x.test>\nS: 550 no\nC: MAIL FROM:<a@y.test>\nS: 250 ok\n"),
            (
                "C: MAIL FROM:<a@x.test>\nS: 250 ok\nC: AUTH PLAIN AGEAYg==\nS: 503 no\n",
                "C: AUTH PLAIN AGEAYg==\nS: 235 in\n",
            ),
        )
    ),
    Case(
        "smtp-not-offered",
        "smtp",
        PLAIN_HELLO + "C: AUTH PLAIN AGEAYg==\nS: 503 no\n" + QUIT,
        HELLO + "C: AUTH PLAIN AGEAYg==\nS: 235 in\n" + QUIT,
    ),
    Case(
        "smtp-not-offered",
        "smtp",
        HELLO + "C: AUTH CRAM-MD5\nS: 504 no\n" + QUIT,
        HELLO.replace("AUTH PLAIN", "AUTH=PLAIN") + "C: AUTH login\nS: 504 no\n" + QUIT,
    ),
    Case("starttls-again", "smtps", HELLO + "C: STARTTLS\nS: 503 no\n" + QUIT, HELLO + QUIT),
    Case(
        "starttls-again",
        "imap",
        IMAP + "C: a STARTTLS\nS: a OK\n" + TLS + "C: b STARTTLS\nS: b BAD no\n" + LOGOUT,
        IMAP + "C: a STARTTLS\nS: a OK\n" + TLS + LOGOUT,
    ),
    Case("starttls-again", "pop3s", POP3 + "C: STLS\nS: -ERR\n" + POP3_QUIT, POP3 + POP3_QUIT),
    Case("starttls-again", "nntps", NNTP + "C: STARTTLS\nS: 502 no\n" + NNTP_QUIT, NNTP + NNTP_QUIT),
    # -- logging in
    Case(
        "password-in-clear",
        "imap",
        IMAP.replace("STARTTLS ", "") + LOGIN + LOGOUT,
        IMAP + "C: a STARTTLS\nS: a OK\n" + TLS + LOGIN.replace("a ", "b ") + LOGOUT,
    ),
    Case(
        "password-in-clear",
        "http",
        GET + "C: Authorization: Basic YTpi\n" + END,
        GET + "C: Authorization: Digest a=b\n" + END,
    ),
    *(
        Case("login-again", service, before + 2 * login + after, before + login + after)
        for service, before, login, after in (
            ("smtp", HELLO, "C: AUTH PLAIN AGEAYg==\nS: 235 in\n", QUIT),
            ("imap", IMAP, LOGIN, LOGOUT),
            ("pop3", POP3, "C: USER a\nS: +OK\nC: PASS b\nS: +OK\n", POP3_QUIT),
            ("nntp", NNTP, "C: AUTHINFO USER a\nS: 381 go on\nC: AUTHINFO PASS b\nS: 281 in\n", NNTP_QUIT),
        )
    ),
    # -- IMAP
    *(
        Case(
            "imap-tag",
            "imap",
            IMAP + f"C: {bad}\nS: * BAD no\n" + LOGOUT,
            IMAP + "C: A.1_x NOOP\nS: A.1_x OK\n" + LOGOUT,
        )
        for bad in ("a+1 NOOP", "* NOOP", "{a} NOOP", "é NOOP")
    ),
    Case(
        "imap-tag",
        "imap",
        IMAP + "C: b APPEND INBOX {1}\nS: + go\nC: x\nC:\nS: b OK\nS: * BAD no\n" + LOGOUT,
        IMAP + "C: b APPEND INBOX {1}\nS: + go\nC: x\nS: b OK\n" + LOGOUT,
    ),
    Case(
        "imap-literal-size",
        "imap",
        IMAP + "C: b APPEND INBOX {3}\nS: + go\nC: für\nS: b BAD no\n" + LOGOUT,
        IMAP
        + "C: b APPEND INBOX {4}\nS: + go\nC: für\nS: b OK\nC: c LOGIN {1}\nS: + go\nC: a {1}\nS: + go\nC: b\nS: c OK\n"
        + LOGOUT,
    ),
    Case(
        "imap-idle",
        "imap",
        IMAP + "C: b IDLE\nS: + idling\nC: c NOOP\nS: b BAD no\n",
        IMAP + "C: b IDLE\nS: + idling\nS: * 1 EXISTS\nC: done\nS: b OK\n" + LOGOUT,
    ),
    Case(
        "imap-idle",
        "imap",
        IMAP + "C: b IDLE\nC: DONE\nS: + idling\nS: b OK\n" + LOGOUT,
        IMAP + "C: b IDLE\nS: b NO not now\n" + LOGOUT,
    ),
    Case(
        "imap-bad",
        "imap",
        IMAP + "C: b FETCH 1 FLAGS\nS: b BAD select a mailbox first\n" + LOGOUT,
        IMAP + "C: b AUTHENTICATE PLAIN\nS: + \nC: *\nS: b BAD cancelled\nC: c NOOP\nS: c NO\n" + LOGOUT,
    ),
    *(
        Case(
            "imap-mailbox-name",
            "imap",
            IMAP + f"C: b {bad}\nS: b NO\n" + LOGOUT,
            IMAP + f"C: b {good}\nS: b OK\n" + LOGOUT,
        )
        for bad, good in (
            ("SELECT R&D", "SELECT R&-D"),
            ('CREATE "R & D"', 'CREATE "Entw&APw-rfe"'),
            ('RENAME x "&APw"', 'RENAME "a \\" &- b" y'),
            ("STATUS a&b (MESSAGES)", "SEARCH SUBJECT a&b"),
        )
    ),
    # -- POP3
    *(
        Case(
            "pop3-deleted-used",
            "pop3",
            POP3 + "C: DELE 1\nS: +OK\n" + bad + POP3_QUIT,
            POP3 + "C: DELE 1\nS: +OK\n" + good + POP3_QUIT,
        )
        for bad, good in (
            ("C: RETR 1\nS: -ERR\n", "C: DELE 2\nS: +OK\nC: LIST\nS: +OK\nS: .\n"),
            ("C: DELE 01\nS: -ERR\n", "C: RSET\nS: +OK\nC: DELE 1\nS: +OK\n"),
        )
    ),
    Case(
        "pop3-pass-order",
        "pop3",
        POP3 + "C: USER a\nS: +OK\nC: PASS b\nS: -ERR\nC: PASS c\nS: -ERR\n" + POP3_QUIT,
        POP3 + "C: USER a\nS: +OK\nC: PASS b\nS: -ERR\nC: USER a\nS: +OK\nC: PASS c\nS: +OK\n" + POP3_QUIT,
    ),
    # -- NNTP
    Case(
        "nntp-required-field",
        "nntp",
        NNTP + "C: TAKETHIS <1@x.test>\n" + ARTICLE + "C: .\nS: 239 ok\n" + NNTP_QUIT,
        NNTP
        + "C: IHAVE <1@x.test>\nS: 335 go on\nC: Path: x\n"
        + HEADER
        + "C: Newsgroups: a.b\nC:\nC: .\nS: 235 ok\n"
        + NNTP_QUIT,
    ),
    Case(
        "bare-lf", "nntp", NNTP + "C: TAKETHIS <1@x.test>\nC- a\\x0ab\nC:\nC: .\nS: 439 no\n" + NNTP_QUIT, post(ARTICLE)
    ),
    # -- FTP
    *(
        Case("ftp-order", "ftp", FTP + bad + QUIT, FTP + good + QUIT)
        for bad, good in (
            (
                "C: RNFR a\nS: 350 go on\nC: NOOP\nS: 200 ok\nC: RNTO b\nS: 503 no\n",
                "C: RNFR a\nS: 350 go on\nC: RNTO b\nS: 250 ok\n",
            ),
            ("C: PASS x\nS: 503 no\n", FTP_LOGIN),
            ("C: PROT P\nS: 503 no\n", "C: PBSZ 0\nS: 200 ok\nC: PROT P\nS: 200 ok\n"),
            (
                "C: REST 5\nS: 350 ok\nC: PASV\nS: 227 ok\nC: RETR a\nS: 150 ok\nS: 226 ok\n",
                "C: REST 0\nS: 350 ok\nC: PASV\nS: 227 ok\nC: REST 5\nS: 350 ok\nC: RETR a\nS: 150 ok\nS: 226 ok\n"
                "C: RETR a\nS: 150 ok\nS: 226 ok\n",
            ),
        )
    ),
    *(
        Case(
            "ftp-text-transfer",
            "ftp",
            FTP + bad + "S: 150 ok\nS: 226 ok\n" + QUIT,
            FTP + good + "S: 150 ok\nS: 226 ok\n" + QUIT,
        )
        for bad, good in (
            ("C: STOR a.PNG\n", "C: TYPE I\nS: 200 ok\nC: STOR a.png\n"),
            ("C: TYPE I\nS: 200 ok\nC: TYPE A N\nS: 200 ok\nC: RETR a.tar.gz\n", "C: RETR zip\n"),
        )
    ),
    # -- HTTP
    *(
        Case("http-no-host", "http", GET.replace("x.test", bad) + END, GET.replace("x.test", good) + END)
        for bad, good in (("http://x.test", "x.test:8080"), ("x.test/path", "[::1]:80"), ("x y", "under_score.test"))
    ),
    Case(
        "http-framing",
        "http",
        (GET + "C: Transfer-Encoding: chunked\nC:\nC: 0\n" + END).replace("1.1", "1.0"),
        GET + "C: Transfer-Encoding: chunked\nC:\nC: 0\n" + END,
    ),
    Case("http-field-value", "http", GET + "C: X-One: a\\x0db\n" + END, GET + "C: X-One: caf\\xe9\n" + END),
    Case("http-field-value", "http", GET + "C: X-One: a\\x00b\n" + END, GET + "C: X-One:\n" + END),
    Case("http-method-case", "http", GET.replace("GET", "Get") + END, GET.replace("GET", "purge") + END),
    Case(
        "http-get-body",
        "http",
        GET + "C: Content-Length: 2\nC:\nC- hi\n" + OK,
        GET.replace("GET", "POST") + "C: Content-Length: 2\nC:\nC- hi\n" + OK + GET + "C: Content-Length: 0\n" + END,
    ),
    Case(
        "http-expect",
        "http",
        GET + "C: Expect: 100-continue\n" + END,
        GET.replace("GET", "PUT") + "C: Expect: 100-continue\nC: Content-Length: 2\nC:\nC- hi\n" + OK,
    ),
)
