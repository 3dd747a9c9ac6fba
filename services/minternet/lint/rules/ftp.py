"""The rules of FTP."""

from __future__ import annotations

from .rule import Rule

ROWS: tuple[Rule, ...] = (
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
    Rule(
        "ftp-order",
        "FTP",
        "error",
        "RFC 959 section 4.1, RFC 4217 section 9",
        "A command did not come right after the one that it belongs to: RNTO after RNFR, PASS after USER, a transfer after REST; PROT after PBSZ.",
        "Send such pairs without anything between them: PASV, REST, RETR.",
    ),
    Rule(
        "ftp-text-transfer",
        "FTP",
        "note",
        "RFC 959 section 3.1.1",
        "A file whose name says that it is no text went as TYPE A, in which line ends are changed.",
        "Say TYPE I first (`storbinary`, not `storlines`); TYPE A is what a session begins with.",
    ),
)
