"""The rules: what each one is about, how bad a breach is, where the rule stands, and what to do. `docs/lint.md` is made from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
"""From the mildest to the worst."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, the protocols it is for, severity, RFC and section, what is wrong, and what to do."""

    name: str
    protocols: str
    severity: Severity
    reference: str
    wrong: str
    advice: str


_ALL = "SMTP, IMAP, POP3, NNTP, FTP"
_ROWS: tuple[Rule, ...] = (
    # -- lines and octets
    Rule(
        "bare-lf",
        "SMTP, IMAP, POP3, NNTP, HTTP",
        "error",
        "RFC 5321 section 2.3.8, RFC 9051 section 2.2, RFC 1939 section 3, RFC 3977 section 3.1, RFC 9112 section 2.2",
        "A line ends in LF without CR.",
        "End every line with CRLF; servers may wait for ever, split a message in two, or take it for smuggling.",
    ),
    Rule(
        "bare-cr",
        "SMTP, NNTP",
        "error",
        "RFC 5321 section 2.3.8, RFC 5536 section 2.1",
        "A CR without LF in a message.",
        "Turn every line end of the message into CRLF before it is sent.",
    ),
    Rule(
        "dot-stuffing",
        "SMTP, NNTP",
        "error",
        "RFC 5321 section 4.5.2, RFC 3977 section 3.1.1",
        "A line of a message that begins with a dot was sent without a second one.",
        "Double the dot at the beginning of each line of a message; a line of one dot ends it.",
    ),
    Rule(
        "command-too-long",
        "SMTP, IMAP, POP3, NNTP",
        "error",
        "RFC 5321 section 4.5.3.1.4, RFC 7162 section 4, RFC 2449 section 4, RFC 3977 section 3.1",
        "A command line is longer than the protocol lets clients send.",
        "Shorten it or split it; IMAP sets of many numbers go in several commands, long texts in literals.",
    ),
    Rule(
        "line-too-long",
        "SMTP, NNTP",
        "error",
        "RFC 5321 section 4.5.3.1.6, RFC 5536 section 2.2",
        "A line of a message's body is over 998 octets.",
        "Encode the part as quoted-printable or base64.",
    ),
    Rule(
        "header-too-long",
        "SMTP, NNTP",
        "error",
        "RFC 5322 section 2.1.1",
        "A line of a message's header is over 998 octets.",
        "Fold the field.",
    ),
    # -- order
    Rule(
        "early-talker",
        "SMTP, IMAP, POP3, NNTP",
        "error",
        "RFC 5321 section 4.3.1, RFC 9051 section 7.1, RFC 1939 section 4, RFC 3977 section 5.1",
        "The client spoke before the server had greeted it.",
        "Wait for the greeting: many servers take early talkers for spam and hang up.",
    ),
    Rule(
        "pipelining-not-offered",
        "SMTP, POP3",
        "error",
        "RFC 2920 section 3.1, RFC 2449 section 6.6",
        "A command was sent before the reply to the one before, and the server had not offered PIPELINING.",
        "Wait for each reply, or look for PIPELINING in the answer to EHLO or CAPA first.",
    ),
    Rule(
        "pipelining-order",
        "SMTP, NNTP",
        "error",
        "RFC 2920 section 3.1, RFC 3977 section 3.5",
        "A command was sent before the reply to one that must be the last of its group.",
        "Wait for the reply to EHLO, DATA, VRFY, NOOP, AUTH and QUIT (SMTP), or POST, IHAVE, MODE READER and QUIT (NNTP).",
    ),
    Rule(
        "content-not-waited",
        "SMTP, NNTP",
        "error",
        "RFC 5321 section 3.3, RFC 3977 section 6.3.1",
        "The message was sent before the server asked for it.",
        "Wait for 354 (DATA), 340 (POST) or 335 (IHAVE): where the server refuses, the message is taken for commands.",
    ),
    Rule(
        "after-starttls",
        "SMTP, IMAP, POP3, NNTP",
        "error",
        "RFC 3207 section 4.2, RFC 9051 section 6.2.1, RFC 2595 section 4",
        "Something was sent in plaintext between STARTTLS and the handshake.",
        "Wait for the reply to STARTTLS: servers drop what comes with it, or they could be made to obey an attacker.",
    ),
    Rule(
        "after-quit",
        _ALL,
        "error",
        "RFC 5321 section 4.1.1.10, RFC 9051 section 6.1.3, RFC 1939 section 6, RFC 3977 section 5.4",
        "A command was sent after QUIT or LOGOUT.",
        "Open a new connection.",
    ),
    Rule(
        "no-quit",
        _ALL,
        "warning",
        "RFC 5321 section 4.1.1.10, RFC 9051 section 6.1.3, RFC 1939 section 6, RFC 3977 section 5.4, RFC 959 section 4.1.1",
        "The client closed the connection without QUIT or LOGOUT.",
        "Say QUIT or LOGOUT and wait for the reply; `with` does it in Python's mail clients.",
    ),
    Rule(
        "pop3-deletions-lost",
        "POP3",
        "error",
        "RFC 1939 section 6",
        "Messages were marked with DELE, and the connection was closed without QUIT: nothing was deleted.",
        "Say QUIT: only then does the server delete.",
    ),
    # -- logging in
    Rule(
        "password-without-tls",
        _ALL,
        "warning",
        "RFC 8314 section 3, RFC 4954 section 4, RFC 4217 section 4",
        "A password was sent in the clear although the server had offered TLS.",
        "Use STARTTLS (STLS, AUTH TLS) first, or the port with TLS from the start.",
    ),
    Rule(
        "login-retried",
        _ALL,
        "warning",
        "RFC 4954 section 4, RFC 9051 section 7.1, RFC 5530 section 3",
        "The same credentials were sent again in the same way after the server had refused them.",
        "Ask for another password, or try again later only where the reply says that the failure is temporary.",
    ),
    Rule(
        "imap-login-disabled",
        "IMAP",
        "error",
        "RFC 9051 section 6.2.3",
        "LOGIN was sent although the server had said LOGINDISABLED: the password is out.",
        "Look for LOGINDISABLED, and use STARTTLS first.",
    ),
    # -- SMTP
    Rule(
        "smtp-no-hello",
        "SMTP",
        "error",
        "RFC 5321 section 4.1.4",
        "A mail transaction was begun without EHLO or HELO.",
        "Say EHLO first, and again after STARTTLS.",
    ),
    Rule(
        "smtp-hello-name",
        "SMTP",
        "warning",
        "RFC 5321 sections 2.3.5, 4.1.1.1 and 4.1.3",
        "The name said with EHLO or HELO is no host name and no address literal.",
        "Say the host's full name, or its address as [192.0.2.1] or [IPv6:2001:db8::1].",
    ),
    Rule(
        "smtp-path",
        "SMTP",
        "error",
        "RFC 5321 section 4.1.2",
        "The address of MAIL FROM or RCPT TO does not stand in angle brackets.",
        "Write MAIL FROM:<alice@example.test>.",
    ),
    Rule(
        "smtp-path-blank",
        "SMTP",
        "warning",
        "RFC 5321 section 3.3",
        "There is a blank between the colon and the address of MAIL FROM or RCPT TO.",
        "Write MAIL FROM:<...> without blanks; some servers refuse them.",
    ),
    Rule(
        "smtp-not-offered",
        "SMTP",
        "error",
        "RFC 5321 section 2.2.1",
        "A parameter was used of an extension that the server had not offered.",
        "Look for the extension in the answer to EHLO, and do without where it is missing.",
    ),
    Rule(
        "smtp-utf8-address",
        "SMTP",
        "error",
        "RFC 6531 section 3.4",
        "An address outside ASCII without SMTPUTF8.",
        "Give MAIL the parameter SMTPUTF8 where the server offers it; encode the domain as IDNA where it does not.",
    ),
    Rule(
        "smtp-utf8-header",
        "SMTP",
        "error",
        "RFC 5322 section 2.2, RFC 6532",
        "Octets outside ASCII in a message's header without SMTPUTF8.",
        "Write encoded words (RFC 2047), as Python's EmailMessage does, or give MAIL the parameter SMTPUTF8.",
    ),
    Rule(
        "smtp-8bit",
        "SMTP",
        "warning",
        "RFC 6152 section 3",
        "Octets outside ASCII in a message's body without BODY=8BITMIME.",
        "Give MAIL the parameter BODY=8BITMIME where the server offers it, or encode the part.",
    ),
    Rule(
        "message-no-from",
        "SMTP, NNTP",
        "warning",
        "RFC 5322 section 3.6, RFC 5536 section 3.1",
        "The message has no From field.",
        "Set From.",
    ),
    Rule(
        "message-no-date",
        "SMTP",
        "warning",
        "RFC 5322 section 3.6",
        "The message has no Date field.",
        "Set Date, as email.utils.localtime() gives it; smtplib does not.",
    ),
    Rule(
        "message-no-id",
        "SMTP",
        "note",
        "RFC 5322 section 3.6.4",
        "The message has no Message-ID field.",
        "Set Message-ID, as email.utils.make_msgid() gives it; without one, mail cannot be threaded or found again.",
    ),
    Rule(
        "message-duplicate",
        "SMTP, NNTP",
        "warning",
        "RFC 5322 section 3.6, RFC 5536 section 3.1",
        "A field that a message has at most once stands in it twice.",
        "Replace the field (`del message['Subject']` first in Python), or write all addresses in one.",
    ),
    # -- IMAP
    Rule(
        "imap-literal-not-waited",
        "IMAP",
        "error",
        "RFC 9051 section 4.3",
        "A literal's octets were sent before the server had asked for them with `+`.",
        "Wait for the line that begins with `+`, or write {n+} where the server has LITERAL+ or LITERAL-.",
    ),
    Rule(
        "imap-literal-plus",
        "IMAP",
        "error",
        "RFC 7888 sections 4 and 5",
        "A literal {n+} that the server does not take: it has neither LITERAL+ nor, up to 4096 octets, LITERAL-.",
        "Write {n} and wait for `+`.",
    ),
    Rule(
        "imap-tag-reused",
        "IMAP",
        "error",
        "RFC 9051 section 2.2.1",
        "A command has the tag of one that is not answered yet: nobody can tell the replies apart.",
        "Give every command a tag of its own.",
    ),
    Rule(
        "imap-ambiguous",
        "IMAP",
        "error",
        "RFC 9051 section 5.5",
        "Message numbers were used while a command was at work whose answer may renumber the messages.",
        "Wait for the reply, or use UIDs (UID FETCH, UID STORE).",
    ),
    Rule(
        "imap-utf8",
        "IMAP",
        "error",
        "RFC 9051 section 4.3, RFC 6855 section 3",
        "Octets outside ASCII outside a literal, without ENABLE UTF8=ACCEPT or IMAP4rev2.",
        "Send the text as a literal, mailbox names in modified UTF-7, or ENABLE UTF8=ACCEPT first.",
    ),
    Rule(
        "imap-append-bare-lf",
        "IMAP",
        "warning",
        "RFC 9051 section 6.3.12, RFC 5322 section 2.1",
        "The appended message has lines that end in LF without CR.",
        "Turn its line ends into CRLF first; clients count lines and octets by them.",
    ),
    # -- NNTP
    Rule(
        "nntp-injected-field",
        "NNTP",
        "warning",
        "RFC 5537 section 3.4.1, RFC 5536 section 3.2.14",
        "The posted article has a field that only servers write (Injection-Info, Xref) or a Path with POSTED in it.",
        "Leave Xref and Injection-Info out; when an article is posted again, take them off first.",
    ),
    Rule(
        "nntp-required-field",
        "NNTP",
        "error",
        "RFC 5536 section 3.1, RFC 5537 section 3.4.1",
        "The posted article lacks Newsgroups or Subject.",
        "Set both; the server may add only Date, Message-ID and Path.",
    ),
    # -- FTP
    Rule(
        "ftp-data-in-clear",
        "FTP",
        "warning",
        "RFC 4217 section 9",
        "The control connection is under TLS, and data went over a connection without it.",
        "Say PBSZ 0 and PROT P after the log-in (`prot_p()` of Python's FTP_TLS).",
    ),
    Rule(
        "ftp-port-address",
        "FTP",
        "error",
        "RFC 2577 section 3",
        "PORT or EPRT names an address that is not the client's: servers refuse that, or attack somebody for you.",
        "Use EPSV or PASV; where it must be PORT, name the address that the control connection has.",
    ),
    # -- HTTP
    Rule(
        "http-no-host",
        "HTTP",
        "error",
        "RFC 9112 section 3.2",
        "A request of HTTP/1.1 without Host, or with more than one.",
        "Send exactly one Host.",
    ),
    Rule(
        "http-framing",
        "HTTP",
        "error",
        "RFC 9112 sections 6.1 and 6.3",
        "It is not certain where the request's body ends: Content-Length beside Transfer-Encoding, or differing lengths.",
        "Send one of them, once: proxies and servers that differ about it let requests be smuggled.",
    ),
    Rule(
        "http-fold",
        "HTTP",
        "error",
        "RFC 9112 section 5.2",
        "A header field goes on in the next line (obs-fold).",
        "Write each field on one line.",
    ),
    Rule(
        "http-field-name",
        "HTTP",
        "error",
        "RFC 9112 section 5.1",
        "A header field's name is no token, or a blank stands before its colon.",
        "Write the name, a colon at once, then the value.",
    ),
    Rule(
        "http-request-line",
        "HTTP",
        "error",
        "RFC 9112 sections 3 and 3.2",
        "The request line is not METHOD SP TARGET SP HTTP/1.1, or its target has a fragment or octets that must be encoded.",
        "Percent-encode the target, and keep what follows # to yourself.",
    ),
    Rule(
        "http-pipelined-post",
        "HTTP",
        "warning",
        "RFC 9112 section 9.3.2",
        "A request was sent before the reply to one that is not idempotent.",
        "Wait for the reply to POST and PATCH: after a broken connection nobody knows whether they were carried out.",
    ),
)
RULES: dict[str, Rule] = {rule.name: rule for rule in _ROWS}
"""All rules by name."""
