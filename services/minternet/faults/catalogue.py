"""The catalogue: every kind of fault, what it takes, where it strikes, and what a client of the standard library sees.

The tables of `docs/faults.md` are made from it, and a test holds each promise against the client it speaks of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..hints import nearest
from .kind import LINES, SECURE, Attribute, Kind
from .rule import Fault, FaultError, Value, When

THEN: Final = ("close", "reset", "half_close", "wait")


def _then(default: str) -> Attribute:
    return Attribute(default, help="what becomes of the connection then", words=THEN)


def _milliseconds(help: str, default: float = 0) -> Attribute:
    return Attribute(default, "ms", help)


_CHANGED = {
    "offset": Attribute(-1, "octets", "which octet is changed; -1: see `rate`", least=-1),
    "rate": Attribute(0.0, "0 to 1", "the part of the octets that is changed"),
    "xor": Attribute(0x40, "0 to 255", "what a changed octet is XORed with"),
}
_REPLY = {"text": Attribute("", help="the reply; empty: the one the protocol has for it")}
_ANYWHERE: tuple[When, ...] = ("before", "connect", "instead", "inside", "after")
_GONE = {
    "echo": "b'' from recv",
    "http": "RemoteDisconnected; IncompleteRead in a body",
    "smtp": "SMTPServerDisconnected",
    "imap": "IMAP4.abort",
    "pop3": "error_proto (-ERR EOF)",
    "ftp": "EOFError",
    "nntp": "EOFError",
}
_AT_ONCE = {"echo": "b'' or ConnectionResetError", "http": "ConnectionResetError (RemoteDisconnected is one)"}
_RESET = {
    "smtp": "SMTPServerDisconnected or ConnectionResetError",
    "imap": "ConnectionResetError or IMAP4.abort",
    "*": "ConnectionResetError",
}
_SLOW = {
    "smtp": "nothing but time, or SMTPServerDisconnected (timed out) where it is short",
    "*": "nothing but time, or TimeoutError where it is short",
}
_OF_TRANSFER = "error_temp (426) of a transfer"
_CUT = {name: f"{seen}; ConnectionResetError with then=reset" for name, seen in _GONE.items()}
_WAITS = {"smtp": "SMTPServerDisconnected (timed out)", "*": "TimeoutError"}
_NO_COMMANDS = "{protocol} has no commands"
_NO_TLS = "{protocol} has no TLS here"
_BAD_CERTIFICATE = {"*": "ssl.SSLCertVerificationError"}

_ROWS: tuple[Kind, ...] = (
    # Toxiproxy's
    Kind(
        "latency",
        "Everything comes later.",
        {"latency": _milliseconds("how much later"), "jitter": _milliseconds("give or take")},
        network=True,
        toxiproxy=True,
        promise=_SLOW,
    ),
    Kind(
        "bandwidth",
        "At most so much comes in a second.",
        {"rate": Attribute(0, "KB/s", "0: nothing")},
        network=True,
        toxiproxy=True,
        promise=_SLOW,
    ),
    Kind(
        "slow_close",
        "The end of the connection comes later than it was said.",
        {"delay": _milliseconds("how much later")},
        network=True,
        toxiproxy=True,
        promise={"*": "b'' only later"},
    ),
    Kind(
        "timeout",
        "Nothing comes any more, and after a while the connection is closed.",
        {"timeout": _milliseconds("until the close; 0: it stays open")},
        network=True,
        toxiproxy=True,
        promise={
            **{name: f"{seen}; TimeoutError if the client's is shorter" for name, seen in _GONE.items()},
            "smtp": "SMTPServerDisconnected",
            "ftp": f"EOFError, or TimeoutError if the client's is shorter; {_OF_TRANSFER}",
        },
    ),
    Kind(
        "reset_peer",
        "The connection is reset, at once or after a while.",
        {"timeout": _milliseconds("until then")},
        network=True,
        toxiproxy=True,
        promise={**_RESET, "ftp": f"ConnectionResetError; or {_OF_TRANSFER}"},
    ),
    Kind(
        "slicer",
        "Everything comes in small pieces.",
        {
            "average_size": Attribute(1, "octets", "of a piece", least=1),
            "size_variation": Attribute(0, "octets", "give or take; less than average_size"),
            "delay": Attribute(0, "us", "between two pieces"),
        },
        network=True,
        toxiproxy=True,
        promise={"*": "nothing, if it reads to the end of what it wants"},
    ),
    Kind(
        "limit_data",
        "The connection is closed when so many octets have passed.",
        {"bytes": Attribute(0, "octets", "that pass")},
        network=True,
        toxiproxy=True,
        promise={
            **_GONE,
            "http": "IncompleteRead in a body; BadStatusLine or RemoteDisconnected before it; a head is taken for whole",
            "ftp": f"EOFError; {_OF_TRANSFER}",
        },
    ),
    Kind(
        "down",
        "The service cannot be reached: connections are reset, those there are as well.",
        whens=("connect",),
        toxiproxy=True,
        promise={**_GONE, **_AT_ONCE},
    ),
    # connections
    Kind(
        "refuse",
        "A connection is closed as soon as it is made, or once it was told that the server is busy.",
        {"busy": Attribute(False, "yes or no", "say why, in the protocol's words")},
        whens=("connect",),
        promise={
            **_GONE,
            **_AT_ONCE,
            "imap": "IMAP4.abort; busy: IMAP4.error",
            "smtp": "SMTPServerDisconnected; busy: SMTPConnectError (421)",
            "ftp": "EOFError; busy: error_temp (421)",
            "pop3": "error_proto",
            "nntp": "EOFError; busy: NNTPTemporaryError (400)",
            "http": "ConnectionResetError (RemoteDisconnected is one); busy: status 503",
        },
    ),
    Kind("close", "The connection is closed.", whens=_ANYWHERE, promise=_GONE),
    Kind("reset", "The connection is reset.", whens=_ANYWHERE, promise=_RESET),
    Kind(
        "half_close",
        "The server ends its direction, and listens on without a word; under TLS it closes, but for FTP.",
        whens=_ANYWHERE,
        promise=_GONE,
    ),
    Kind(
        "silence",
        "Nothing is answered any more; the connection stays open.",
        whens=_ANYWHERE,
        network=True,
        promise=_WAITS,
    ),
    Kind(
        "delay",
        "The command waits before it is carried out; at `connect`, the greeting.",
        {"delay": _milliseconds("how long")},
        whens=("before", "connect"),
        promise=_SLOW,
    ),
    # replies
    Kind(
        "reply",
        "Another reply than the right one: in the place of the command (before), or of its reply (instead).",
        {"text": Attribute("", help="code and text, as the protocol has them; a tag is put before it for IMAP")},
        whens=("before", "instead", "connect"),
        protocols=SECURE,
        otherwise=_NO_COMMANDS,
        promise={
            "http": "that status",
            "smtp": "SMTPResponseException or SMTPRecipientsRefused, with that code",
            "imap": "IMAP4.error, or a NO",
            "pop3": "error_proto",
            "ftp": "error_temp or error_perm",
            "nntp": "NNTPTemporaryError or NNTPPermanentError",
        },
    ),
    Kind(
        "garbage",
        "Octets that mean nothing in the place of the reply; they end in a line end.",
        {"bytes": Attribute(16, "octets", "how many", least=1)},
        whens=("before", "instead", "connect"),
        promise={
            "echo": "other bytes than were sent",
            "http": "BadStatusLine",
            "smtp": "SMTPResponseException or SMTPRecipientsRefused (-1)",
            "imap": "IMAP4.abort",
            "pop3": "error_proto",
            "ftp": "error_proto",
            "nntp": "NNTPProtocolError",
        },
    ),
    Kind(
        "corrupt",
        "Octets are changed on their way.",
        _CHANGED,
        whens=("inside",),
        network=True,
        promise={
            "echo": "other bytes than were sent",
            "http": "BadStatusLine",
            "smtp": "SMTPResponseException or SMTPRecipientsRefused (-1)",
            "imap": "IMAP4.abort or IMAP4.error",
            "pop3": "error_proto",
            "ftp": "error_proto",
            "nntp": "NNTPProtocolError",
        },
    ),
    Kind(
        "truncate",
        "The reply ends after so many octets; in FTP, what a transfer sends or receives.",
        {"bytes": Attribute(0, "octets", "that are sent"), "then": _then("close")},
        whens=("inside",),
        protocols=SECURE,
        otherwise=_NO_COMMANDS + "; limit_data ends any connection after so many octets",
        promise={
            **_CUT,
            "http": "IncompleteRead in a body; ConnectionResetError with then=reset",
            "ftp": f"{_OF_TRANSFER}, and the file is short; EOFError elsewhere",
        },
    ),
    Kind(
        "lying_literal",
        "The reply says another size than it has: IMAP's {n}, HTTP's Content-Length, POP3's octets.",
        {
            "by": Attribute(0, "octets", "by how much; 0: -10 in IMAP, 100 elsewhere", least=-(1 << 40)),
            "then": _then("wait"),
        },
        whens=("inside",),
        protocols=frozenset({"imap", "http", "pop3"}),
        otherwise="{protocol} tells no size before what it sends",
        promise={
            "imap": "IMAP4.abort, for content that ends in CRLF; TimeoutError where it tells of more",
            "http": "TimeoutError; IncompleteRead with then=close",
            "pop3": "nothing: poplib believes no sizes",
        },
    ),
    Kind(
        "no_terminator",
        "The last line of the reply is missing: `.`, the tagged line, the last chunk.",
        {"then": _then("wait")},
        whens=("inside",),
        protocols=SECURE,
        otherwise=_NO_COMMANDS,
        promise={
            **{name: f"{_WAITS.get(name, _WAITS['*'])}; {seen} with then=close" for name, seen in _GONE.items()},
            "http": "TimeoutError; IncompleteRead with then=close",
        },
    ),
    Kind(
        "drop_after_dot",
        "The connection is closed after the final dot of a message, which was accepted or not.",
        {"accepted": Attribute(True, "yes or no", "whether the message is delivered all the same")},
        protocols=frozenset({"smtp"}),
        otherwise="{protocol} takes no mail",
        promise={"smtp": "SMTPServerDisconnected"},
    ),
    # what servers say no to
    Kind(
        "rate_limit",
        "A token bucket: commands above the rate are refused, and SMTP, FTP and NNTP hang up.",
        {
            "rate": Attribute(1.0, "a second", "how many commands"),
            "burst": Attribute(1, "commands", "that may come at once", least=1),
            **_REPLY,
        },
        whens=("before",),
        protocols=SECURE,
        otherwise=_NO_COMMANDS,
        promise={
            "http": "status 429",
            "smtp": "SMTPResponseException (421)",
            "imap": "NO [LIMIT]; at a log-in IMAP4.error",
            "pop3": "error_proto",
            "ftp": "error_temp (421)",
            "nntp": "NNTPTemporaryError (400)",
        },
    ),
    Kind(
        "greylist",
        "A recipient is turned away at first, and taken when the same client, sender and recipient come again.",
        {"delay": _milliseconds("before which coming again is too early"), **_REPLY},
        whens=("before",),
        protocols=frozenset({"smtp"}),
        otherwise="{protocol} takes no mail",
        promise={"smtp": "SMTPRecipientsRefused (450 4.7.1)"},
    ),
    Kind(
        "quota_full",
        "There is no room for what is to be stored.",
        _REPLY,
        whens=("before",),
        protocols=frozenset({"smtp", "imap", "ftp", "http"}),
        otherwise="{protocol} stores nothing that a quota counts",
        promise={
            "smtp": "SMTPRecipientsRefused (452 4.2.2)",
            "imap": "NO [OVERQUOTA]",
            "ftp": "error_perm (552)",
            "http": "status 507",
        },
    ),
    Kind(
        "login_failure",
        "A log-in is refused, whatever the password.",
        _REPLY,
        whens=("before",),
        protocols=SECURE,
        otherwise="{protocol} has no log-in",
        promise={
            "http": "status 401",
            "smtp": "SMTPAuthenticationError (535)",
            "imap": "IMAP4.error ([AUTHENTICATIONFAILED])",
            "pop3": "error_proto ([AUTH])",
            "ftp": "error_perm (530)",
            "nntp": "NNTPTemporaryError (481)",
        },
    ),
    Kind(
        "disk_full",
        "The server cannot store what it is sent.",
        _REPLY,
        whens=("before",),
        protocols=frozenset({"smtp", "imap", "ftp", "http", "nntp"}),
        otherwise="{protocol} stores nothing",
        promise={
            "smtp": "SMTPDataError (452 4.3.1)",
            "imap": "NO [SERVERBUG]",
            "ftp": "error_temp (452)",
            "nntp": "NNTPTemporaryError (441, 436)",
            "http": "status 507",
        },
    ),
    # TLS
    Kind(
        "starttls_stripped",
        "STARTTLS is not offered, and not known: somebody between client and server took it out.",
        protocols=LINES,
        otherwise="{protocol} has no STARTTLS to strip",
        promise={
            "smtp": "SMTPNotSupportedError",
            "imap": "IMAP4.abort",
            "pop3": "error_proto",
            "ftp": "error_perm (500)",
            "nntp": "NNTPError",
        },
    ),
    Kind(
        "tls_handshake_failure",
        "The handshake fails: no cipher is shared.",
        protocols=SECURE,
        otherwise=_NO_TLS,
        tls=True,
        promise={"*": "ssl.SSLError"},
    ),
    Kind(
        "certificate_expired",
        "The certificate ran out yesterday.",
        protocols=SECURE,
        otherwise=_NO_TLS,
        tls=True,
        promise=_BAD_CERTIFICATE,
    ),
    Kind(
        "certificate_wrong_name",
        "The certificate is another host's.",
        protocols=SECURE,
        otherwise=_NO_TLS,
        tls=True,
        promise=_BAD_CERTIFICATE,
    ),
    Kind(
        "certificate_self_signed",
        "The certificate is signed by nobody but itself.",
        protocols=SECURE,
        otherwise=_NO_TLS,
        tls=True,
        promise=_BAD_CERTIFICATE,
    ),
    Kind(
        "certificate_weak",
        "The certificate's key has 1024 bits of RSA.",
        protocols=SECURE,
        otherwise=_NO_TLS,
        tls=True,
        promise=_BAD_CERTIFICATE,
    ),
)

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _ROWS}
"""Every kind by name."""


def no_kind(name: str) -> FaultError:
    """What to say of a kind that there is not."""
    like = f"reply {name} ..." if re.match(r"[0-9+-]", name) else nearest(name, KINDS)
    meant = f" (did you mean {like!r}?)" if like else ""
    return FaultError(f"there is no kind {name!r}{meant}; there are {', '.join(KINDS)}")


def kind_of(fault: Fault) -> Kind:
    """The fault's row; FaultError."""
    kind = KINDS.get(fault.kind)
    if kind is None:
        raise no_kind(fault.kind)
    return kind


def is_network(fault: Fault) -> bool:
    """Whether the fault is the network's: about bytes, whatever they mean."""
    return KINDS[fault.kind].network and not fault.command and fault.when is None


def is_of_transfer(fault: Fault) -> bool:
    """Whether the fault is the network's on the data connection of a command, as only FTP has them."""
    kind = KINDS[fault.kind]
    of_command = kind.network and bool(fault.command) and fault.when is None
    return of_command and (not kind.whens or fault.stream == "upstream")


def when_of(fault: Fault) -> When:
    """When the fault strikes in a conversation."""
    kind = KINDS[fault.kind]
    if fault.when is not None:
        return fault.when
    if is_of_transfer(fault):
        return "inside"
    if not fault.command and "connect" in kind.whens and kind.name != "delay":
        return "connect"
    return kind.whens[0] if kind.whens else "before"


def attributes_of(fault: Fault) -> dict[str, Value]:
    """The fault's attributes, with defaults in the place of those that are not given."""
    kind = KINDS[fault.kind]
    return {name: fault.attributes.get(name, attribute.default) for name, attribute in kind.attributes.items()}
