"""The commands that clients of each protocol can say, as faults see them: what is none of these never comes.

They are written down here, and not read from the tables that the servers dispatch by, because those import the servers, and a
fault is checked where one of its services may not even be on. A test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from ..hints import nearest
from .rule import JOINED

_COMMANDS: Final = {
    "smtp": ". AUTH BDAT DATA EHLO EXPN HELO HELP LHLO MAIL NOOP QUIT RCPT RSET STARTTLS VRFY",
    "imap": (
        "APPEND AUTHENTICATE CAPABILITY CHECK CLOSE COMPRESS COPY CREATE DELETE DELETEACL ENABLE EXAMINE EXPUNGE FETCH"
        " GETACL GETANNOTATION GETMETADATA GETQUOTA GETQUOTAROOT ID IDLE LIST LISTRIGHTS LOGIN LOGOUT LSUB MOVE MYRIGHTS"
        " NAMESPACE NOOP NOTIFY PARTIAL PROXYAUTH RENAME REPLACE SEARCH SELECT SETACL SETANNOTATION SETMETADATA SETQUOTA"
        " SORT STARTTLS STATUS STORE SUBSCRIBE THREAD UID_COPY UID_EXPUNGE UID_FETCH UID_MOVE UID_REPLACE UID_SEARCH"
        " UID_SORT UID_STORE UID_THREAD UNAUTHENTICATE UNSELECT UNSUBSCRIBE"
    ),
    "pop3": "APOP AUTH CAPA DELE LANG LIST NOOP PASS QUIT RETR RPOP RSET STAT STLS TOP UIDL USER UTF8",
    "nntp": (
        "ARTICLE AUTHINFO_PASS AUTHINFO_SASL AUTHINFO_USER BODY CAPABILITIES CHECK COMPRESS DATE GROUP HDR HEAD HELP IHAVE"
        " LAST LIST LISTGROUP MODE NEWGROUPS NEWNEWS NEXT OVER POST QUIT STARTTLS STAT TAKETHIS"
    ),
    "ftp": (
        "ABOR ACCT ALLO APPE AUTH AVBL CCC CDUP CLNT CWD DELE EPRT EPSV FEAT HASH HELP HOST LANG LIST MDTM MFF MFMT MKD"
        " MLSD MLST MODE NLST NOOP OPTS PASS PASV PBSZ PORT PROT PWD QUIT RANG REIN REST RETR RMD RNFR RNTO SITE"
        " SITE_CHMOD SITE_CPFR SITE_CPTO SITE_HELP SITE_UTIME SIZE SMNT STAT STOR STOU STRU SYST TYPE USER"
    ),
    "http": "CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE",
}
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {protocol: tuple(name.replace("_", " ") for name in names.split()) for protocol, names in _COMMANDS.items()}
)
"""By protocol; words that are JOINED to the next one are one command with it. Those that begin with X are any."""
_WORD = re.compile(r"[A-Z0-9!*?\[\]-]+( [A-Z0-9!*?\[\]-]+)?|\.")


def never_said(protocol: str, kind: str, pattern: str) -> str:
    """Why no command of a protocol is like a pattern; "" where one is, or may be.

    A command that no server here has may be answered all the same (`imap GENURLAUTH: reply OK done`), so `reply` takes any
    that is not like one of the known; and HTTP's methods are whatever a client makes up.
    """
    command, known = pattern.upper(), COMMANDS.get(protocol, ())
    if not command or not known or command.startswith("X") or any(fnmatchcase(name, command) for name in known):
        return ""
    if protocol == "imap" and any(fnmatchcase(name.removeprefix("UID "), command) for name in known):
        return ""
    if not _WORD.fullmatch(command):
        return f"{pattern!r} is no {_named(protocol)}: one stands before what it is about, as in {_example(protocol, pattern)}"
    first, blank, rest = command.partition(" ")
    if blank and first in known and first not in JOINED:
        return f"write {first} without quotation marks: {rest} is its argument"
    if like := nearest(command, known):
        return f"{protocol} has no {_named(protocol)} {pattern!r}; did you mean {like!r}?"
    if kind == "reply" or protocol == "http" or any(magic in command for magic in "*?["):
        return ""
    return f"{protocol} has no {_named(protocol)} {pattern!r}; there are {', '.join(known)}"


def _named(protocol: str) -> str:
    return "method" if protocol == "http" else "command"


def _example(protocol: str, pattern: str) -> str:
    usual = {"http": "GET", "smtp": "RCPT", "ftp": "RETR"}.get(protocol, "*")
    return repr(f"{protocol} {usual} {pattern}")
