"""What the faults know of each protocol: its commands as they come, and its replies as they go. Pure functions."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from .rule import JOINED

DOT: Final = "."
"""The command that the end of a message's content is in SMTP."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a fault sees it. `name` is in capitals; `tag` is IMAP's."""

    name: str
    argument: str = ""
    tag: bytes = b""

    @property
    def names(self) -> tuple[str, ...]:
        """What a fault may call it: `UID FETCH` is a FETCH too."""
        return (self.name, self.name[4:]) if self.name.startswith("UID ") else (self.name,)


def command_of(protocol: str, line: bytes) -> Command:
    """The command that a line is, or begins."""
    text = line.decode("utf-8", "backslashreplace").strip()
    tag = b""
    if protocol == "imap":
        start, _, text = text.partition(" ")
        tag = start.encode()
    name, _, argument = text.partition(" ")
    name, argument = name.upper(), argument.strip()
    if name in JOINED and argument:
        more, _, argument = argument.partition(" ")
        name = f"{name} {more.upper()}"
    return Command(name, argument.strip(), tag)


# -- who it is


def account_of(protocol: str, session: Any, command: Command) -> str:
    """The login that a command is given under, or that a log-in names; "" where nobody is."""
    account = getattr(session, "account", None)
    if account is not None:
        return str(account.login)
    if protocol == "pop3" and getattr(session, "_maildrop", None) is not None:
        return str(session.maildrop.account.login)
    if protocol == "ftp" and session.tree is not None:
        return str(session.tree.account.login) if session.tree.account is not None else "anonymous"
    user = getattr(session, "user", None) or b""
    name = user.decode("utf-8", "replace") if isinstance(user, bytes) else str(user)
    name = name or _named(protocol, command)
    found = session.world.accounts.find(name) if name else None
    return found.login if found is not None else name


def _named(protocol: str, command: Command) -> str:
    words = command.argument.split()
    if command.name in ("LOGIN", "APOP", "USER", "AUTHINFO USER") and words:
        return words[0].strip('"')
    if command.name in ("AUTH", "AUTHENTICATE", "AUTHINFO SASL") and len(words) > 1 and words[0].upper() == "PLAIN":
        try:
            return base64.b64decode(words[1]).split(b"\0")[1].decode("utf-8", "replace")
        except (binascii.Error, IndexError):
            return ""
    return ""


def secrets_of(command: Command) -> list[bytes]:
    """What of a command must be masked when it is not carried out, and so nobody else does."""
    words = command.argument.split()
    if command.name in ("PASS", "AUTHINFO PASS"):
        return [command.argument.encode()]
    if command.name == "LOGIN":
        return [word.strip('"').encode() for word in words[1:]]
    if command.name in ("APOP", "AUTH", "AUTHENTICATE", "AUTHINFO SASL"):
        return [words[1].encode()] if len(words) > 1 else []
    return []


# -- replies

INTERMEDIATE: Final[Mapping[str, re.Pattern[bytes]]] = MappingProxyType(
    {
        "smtp": re.compile(rb"3[35]4[ -][^\n]*\n\Z"),
        "imap": re.compile(rb"\+ [^\n]*\n\Z"),
        "pop3": re.compile(rb"\+ [^\n]*\n\Z"),
        "nntp": re.compile(rb"(33[45]|340|38[13])[^\n]*\n\Z"),
        "ftp": re.compile(rb"1[0-9]{2} [^\n]*\n\Z"),
    }
)
"""What asks the client to go on, or the client to wait: no reply yet, and left as it is."""
FINAL_FTP: Final = re.compile(rb"^[2-5][0-9]{2} [^\n]*\n\Z", re.MULTILINE)
LAST_WORDS: Final[Mapping[str, re.Pattern[bytes]]] = MappingProxyType(
    {
        "smtp": re.compile(rb"421[ -]"),
        "ftp": re.compile(rb"421[ -]"),
        "nntp": re.compile(rb"400[ \r]"),
        "imap": re.compile(rb"\* BYE"),
    }
)
"""Replies after which the server closes (RFC 5321 4.2.1, RFC 959 4.2, RFC 3977 3.2.1, RFC 3501 7.1.5)."""


def is_last(protocol: str, reply: bytes) -> bool:
    """Whether the connection is closed after a reply."""
    pattern = LAST_WORDS.get(protocol)
    return pattern is not None and pattern.match(reply) is not None


def reply_of(protocol: str, text: str, command: Command | None) -> bytes:
    """A text as a reply of the protocol: lines of several are parted by \\n, IMAP gets its tag. For HTTP see `web`."""
    lines = text.replace("\\n", "\n").split("\n")
    if protocol in ("smtp", "ftp") and len(lines) > 1:
        code = lines[0][:3]
        first = [f"{code}-{line[4:] if line.startswith(code) else line}" for line in lines[:-1]]
        last = lines[-1][4:] if lines[-1].startswith(code) else lines[-1]
        lines = [*first, f"{code} {last}"]
    elif protocol == "imap":
        tag = command.tag.decode() if command is not None and command.tag else "*"
        lines = [line if line[:1] in "*+" else f"{'*' if line.startswith('BYE') else tag} {line}" for line in lines]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "backslashreplace")


CANNED: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "busy": {
            "smtp": "421 4.3.2 Too many connections",
            "imap": "* BYE [UNAVAILABLE] Too many connections",
            "pop3": "-ERR [SYS/TEMP] Too many connections",
            "nntp": "400 Too many connections",
            "ftp": "421 Too many connections.",
            "http": "503 too many connections",
        },
        "rate_limit": {
            "smtp": "421 4.7.0 Too many commands, try again later",
            "imap": "NO [LIMIT] Too many commands, try again later",
            "pop3": "-ERR [SYS/TEMP] Too many commands, try again later",
            "nntp": "400 Too many commands, try again later",
            "ftp": "421 Too many commands, try again later.",
            "http": "429 too many requests",
        },
        "greylist": {"smtp": "450 4.7.1 Greylisted, try again later"},
        "quota_full": {
            "smtp": "452 4.2.2 Mailbox full",
            "imap": "NO [OVERQUOTA] Quota exceeded",
            "ftp": "552 Quota exceeded.",
            "http": "507 the quota is used up",
        },
        "login_failure": {
            "smtp": "535 5.7.8 Authentication credentials invalid",
            "imap": "NO [AUTHENTICATIONFAILED] Authentication failed",
            "pop3": "-ERR [AUTH] wrong user name or password",
            "nntp": "481 Authentication failed",
            "ftp": "530 Login incorrect.",
            "http": "401 the log-in is refused",
        },
        "disk_full": {
            "smtp": "452 4.3.1 Insufficient system storage",
            "imap": "NO [SERVERBUG] No space left on device",
            "ftp": "452 Cannot store: No space left on device.",
            "nntp": "441 Posting failed: no space left on device",
            "http": "507 no space is left on the device",
        },
        "starttls_stripped": {
            "smtp": "500 5.5.2 Command not recognized",
            "imap": "BAD Unknown command",
            "pop3": "-ERR unknown command",
            "nntp": "500 Unknown command",
            "ftp": "500 Unknown command.",
        },
    }
)
"""What a server says by itself, by kind and protocol."""

_STORING = frozenset({"APPEND", "COPY", "MOVE", "UID COPY", "UID MOVE", "REPLACE", "UID REPLACE"})
_UPLOADS = frozenset({"STOR", "APPE", "STOU"})
_SENDING = frozenset({"POST", "PUT", "PATCH"})
MEANT: Final[Mapping[str, Mapping[str, frozenset[str]]]] = MappingProxyType(
    {
        "greylist": {"smtp": frozenset({"RCPT"})},
        "quota_full": {"smtp": frozenset({"RCPT"}), "imap": _STORING, "ftp": _UPLOADS, "http": _SENDING},
        "login_failure": {
            "smtp": frozenset({"AUTH"}),
            "imap": frozenset({"LOGIN", "AUTHENTICATE"}),
            "pop3": frozenset({"PASS", "APOP", "AUTH"}),
            "nntp": frozenset({"AUTHINFO PASS", "AUTHINFO SASL"}),
            "ftp": frozenset({"PASS"}),
        },
        "disk_full": {
            "smtp": frozenset({DOT}),
            "imap": _STORING,
            "ftp": _UPLOADS,
            "nntp": frozenset({"POST", "IHAVE", "TAKETHIS"}),
            "http": _SENDING,
        },
        "drop_after_dot": {"smtp": frozenset({DOT})},
        "starttls_stripped": {
            "smtp": frozenset({"STARTTLS", "EHLO", "LHLO"}),
            "imap": frozenset({"STARTTLS", "CAPABILITY", "LOGIN", "AUTHENTICATE"}),
            "pop3": frozenset({"STLS", "CAPA"}),
            "nntp": frozenset({"STARTTLS", "CAPABILITIES"}),
            "ftp": frozenset({"AUTH", "FEAT"}),
        },
    }
)
"""The commands that a kind is about, where the fault itself names none."""
UPGRADES: Final = frozenset({"STARTTLS", "STLS", "AUTH"})
"""The commands that begin TLS."""
TRANSFERS: Final = frozenset({"RETR", "LIST", "NLST", "MLSD"}) | _UPLOADS
"""FTP's commands that use a data connection."""
_OFFERS = re.compile(
    rb"(?:^250-STARTTLS\r\n|^STLS\r\n|^STARTTLS\r\n|^ AUTH TLS[^\r\n]*\r\n)|(?<=[ \[])STARTTLS ?", re.MULTILINE
)
_LAST_OFFER = re.compile(rb"\r\n250-([^\r\n]*)\r\n250 STARTTLS\r\n")


def without_starttls(reply: bytes) -> bytes:
    """A reply whose offer of STARTTLS, STLS or AUTH TLS is taken out."""
    return _OFFERS.sub(b"", _LAST_OFFER.sub(rb"\r\n250 \1\r\n", reply))


_SIZES: Final[Mapping[str, re.Pattern[bytes]]] = MappingProxyType(
    {
        "imap": re.compile(rb"(?<=\{)([0-9]+)(?=\}\r\n)"),
        "pop3": re.compile(rb"(?<=\A\+OK )([0-9]+)(?= octets)|(?<=\()([0-9]+)(?= octets\)\r\n)"),
        "http": re.compile(rb"(?<=\r\ncontent-length: )([0-9]+)(?=\r\n)", re.IGNORECASE),
    }
)


def with_lies(protocol: str, reply: bytes, by: int) -> bytes:
    """A reply whose sizes are wrong by so much, and not below 0."""
    by = by or (-10 if protocol == "imap" else 100)
    return _SIZES[protocol].sub(lambda size: b"%d" % max(0, int(size[0]) + by), reply)
