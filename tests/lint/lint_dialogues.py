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
    Case("line-too-long", "smtp", mail(f"C:\nC: {'x' * 999}"), mail(f"C:\nC: {'x' * 998}\nC: ..{'x' * 997}")),
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
    Case("after-quit", "smtp", HELLO + QUIT + "C: NOOP\n", HELLO + QUIT),
    Case("after-quit", "imap", IMAP + LOGOUT + "C: b NOOP\n", IMAP + LOGOUT),
    Case("after-quit", "pop3", POP3 + POP3_QUIT + "C: NOOP\n", POP3 + POP3_QUIT),
    Case("after-quit", "nntp", NNTP + NNTP_QUIT + "C: DATE\n", NNTP + NNTP_QUIT),
    Case("no-quit", "smtp", HELLO, HELLO + "S: 421 shutting down\n"),
    Case("no-quit", "imap", IMAP + LOGIN, IMAP + LOGIN + "S: * BYE shutting down\n"),
    Case("no-quit", "pop3", POP3 + "C: NOOP\nS: +OK\n", POP3 + POP3_QUIT),
    Case("no-quit", "nntp", NNTP + "C: DATE\nS: 111 1\n", NNTP),
    Case("no-quit", "ftp", FTP + FTP_LOGIN, FTP + FTP_LOGIN + QUIT),
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
)
