"""The matrix: each kind of fault in each protocol where it makes sense, seen by a client of the standard library as
what the catalogue promises."""

from __future__ import annotations

import ftplib
import http.client
import imaplib
import poplib
import smtplib
import ssl
from typing import Any

import pytest
from faults.clients import (
    CLOSED,
    IMPLICIT,
    ONE_EACH,
    PATIENT,
    SHORT,
    UPGRADES,
    Conversation,
    append,
    download,
    form,
    imap,
    nntp,
    nntplib,
    pop3,
    post,
    retrieve,
    send,
    smtp,
    stream,
    upload,
)

from minternet import Internet
from minternet.faults.catalogue import KINDS
from minternet.faults.kind import PROTOCOLS
from minternet.registry import by_name

Seen = Any
"""An exception's type (or types), or what is returned: a value, or a function that says whether it is right."""

GONE: dict[str, Seen] = {"echo": b"", **CLOSED}
RESET: dict[str, Seen] = {
    **dict.fromkeys(PROTOCOLS, ConnectionResetError),
    "smtp": (ConnectionResetError, smtplib.SMTPServerDisconnected),  # the first, if it comes within connect()
    "imap": (ConnectionResetError, imaplib.IMAP4.abort),
}
WAITS: dict[str, Seen] = {**dict.fromkeys(PROTOCOLS, TimeoutError), "smtp": smtplib.SMTPServerDisconnected}
MEANINGLESS: dict[str, Seen] = {
    "echo": lambda seen: seen != b"hello" and len(seen) >= 5,
    "http": http.client.BadStatusLine,
    "smtp": lambda seen: isinstance(seen, smtplib.SMTPException) or -1 in str(seen),
    "imap": imaplib.IMAP4.abort,
    "pop3": poplib.error_proto,
    "ftp": ftplib.error_proto,
    "nntp": nntplib.NNTPProtocolError,
}
ALL = tuple(PROTOCOLS)
COMMANDED = tuple(protocol for protocol in PROTOCOLS if protocol != "echo")
LATE: dict[str, Seen] = dict.fromkeys(PROTOCOLS, lambda seen: not isinstance(seen, Exception))


def saw(client: Conversation, net: Internet, timeout: float) -> Any:
    """What the client returned, or the exception that it raised."""
    try:
        return client(net, timeout)
    except Exception as error:
        return error


def is_as(expected: Seen, seen: Any) -> bool:
    if isinstance(expected, type | tuple):
        return isinstance(seen, expected)
    return bool(expected(seen)) if callable(expected) else bool(seen == expected)


def codes(*wanted: int) -> Seen:
    """A refusal of smtplib's with this code, alone or by recipient."""

    def check(seen: Any) -> bool:
        if isinstance(seen, smtplib.SMTPRecipientsRefused):
            return all(code in wanted for code, _ in seen.recipients.values())
        return isinstance(seen, smtplib.SMTPResponseException) and seen.smtp_code in wanted

    return check


def says(kind: type[Exception], *words: str) -> Seen:
    return lambda seen: isinstance(seen, kind) and any(word in str(seen) for word in words)


def answers(status: str, words: str) -> Seen:
    """A tagged reply of IMAP that is no exception in imaplib."""
    return lambda seen: isinstance(seen, tuple) and seen[0] == status and words.encode() in seen[1][0]


def rows() -> list[Any]:
    """(line, client, what is seen, how patient it is); a line's {command} is the protocol's."""
    found: list[Any] = []

    def add(line: str, seen: dict[str, Seen], among: tuple[str, ...] = ALL, timeout: float = PATIENT) -> None:
        for protocol in among:
            command, client = ONE_EACH[protocol]
            text = f"{protocol} {command}".strip() + f": {line}"
            found.append(pytest.param(text, client, seen[protocol], timeout, id=text))

    def bare(line: str, seen: dict[str, Seen], among: tuple[str, ...] = ALL, timeout: float = PATIENT) -> None:
        for protocol in among:
            text = f"{protocol}: {line}"
            found.append(pytest.param(text, ONE_EACH[protocol][1], seen[protocol], timeout, id=text))

    def one(text: str, client: Conversation, seen: Seen, timeout: float = PATIENT) -> None:
        found.append(pytest.param(text, client, seen, timeout, id=text))

    # Toxiproxy's
    bare("latency 15, jitter=5", LATE)
    bare("latency 5000", WAITS, timeout=SHORT)
    bare("bandwidth 2000", LATE)
    bare("bandwidth 0", WAITS, timeout=SHORT)
    bare("slow_close 5", LATE)
    bare("timeout 10", GONE)
    bare("timeout 0", WAITS, timeout=SHORT)
    bare("reset_peer", RESET)
    bare("slicer average_size=9, size_variation=4, delay=10", LATE)
    bare("limit_data 3", {**GONE, "echo": b"hel", "http": http.client.HTTPException})
    bare("down", {**GONE, "echo": lambda seen: seen == b"" or isinstance(seen, ConnectionError)})
    # connections
    bare("refuse", {**GONE, "echo": lambda seen: seen == b"" or isinstance(seen, ConnectionError)})
    busy = {
        "http": lambda seen: seen[0] == 503,
        "smtp": codes(421),
        "imap": imaplib.IMAP4.error,
        "pop3": poplib.error_proto,
        "ftp": says(ftplib.error_temp, "421"),
        "nntp": says(nntplib.NNTPTemporaryError, "400"),
    }
    bare("refuse busy=yes", busy, COMMANDED)
    for kind, seen in (("close", GONE), ("reset", RESET), ("half_close", GONE)):
        bare(kind, seen)
        add(kind, seen, COMMANDED)
    add("close, when=instead", GONE, COMMANDED)
    inside = {**GONE, "http": http.client.IncompleteRead}
    # ftplib takes a line without its end for whole, so there it is a transfer that misses its last word.
    add("close, when=inside", inside, tuple(each for each in COMMANDED if each != "ftp"))
    one("ftp RETR: close, when=inside", download, EOFError)
    add("reset, when=instead", RESET, COMMANDED)
    bare("silence", WAITS, timeout=SHORT)
    add("silence", WAITS, COMMANDED, timeout=SHORT)
    add("silence, when=instead", WAITS, COMMANDED, timeout=SHORT)
    add("delay 10", LATE, COMMANDED)
    one("echo: delay 10, when=connect", ONE_EACH["echo"][1], LATE["echo"])
    add("delay 5s", WAITS, COMMANDED, timeout=SHORT)
    # replies
    replies = {
        "http": ("503 busy", lambda seen: seen[0] == 503),
        "smtp": ("450 4.7.1 Later", codes(450)),
        "imap": ("NO [INUSE] Later", answers("NO", "[INUSE]")),
        "pop3": ("-ERR [SYS/TEMP] later", says(poplib.error_proto, "[SYS/TEMP]")),
        "ftp": ("450 Later.", says(ftplib.error_temp, "450")),
        "nntp": ("403 Internal fault", says(nntplib.NNTPTemporaryError, "403")),
    }
    for protocol, (text, expected) in replies.items():
        for when in ("before", "instead"):
            add(f'reply "{text}", when={when}', {protocol: expected}, (protocol,))
    one("smtp: reply 554 No service", send, smtplib.SMTPConnectError)
    one("nntp: reply 502 Go away", ONE_EACH["nntp"][1], nntplib.NNTPPermanentError)
    one("ftp PWD: reply 550 No", ONE_EACH["ftp"][1], ftplib.error_perm)
    bare("garbage", MEANINGLESS)
    add("garbage", MEANINGLESS, COMMANDED)
    add("garbage, when=instead", MEANINGLESS, COMMANDED)
    bare("corrupt offset=0", MEANINGLESS)
    add("corrupt offset=0", MEANINGLESS, COMMANDED)
    one("ftp RETR: corrupt rate=1", download, lambda seen: len(seen) == 4096 and seen[0] == 0x40)
    lines = tuple(protocol for protocol in COMMANDED if protocol not in ("http", "ftp"))
    add("truncate 5", GONE, lines)
    add("truncate 5, then=reset", {**RESET, **dict.fromkeys(lines, (Exception,))}, lines)
    one("http GET: truncate 200", ONE_EACH["http"][1], http.client.IncompleteRead)
    one("http GET: truncate 260", stream, http.client.IncompleteRead)
    one("ftp RETR: truncate 100", download, says(ftplib.error_temp, "426"))
    one("ftp PWD: truncate 0", ONE_EACH["ftp"][1], EOFError)
    one("imap FETCH: lying_literal", ONE_EACH["imap"][1], imaplib.IMAP4.abort)
    one("imap FETCH: lying_literal by=5000", ONE_EACH["imap"][1], TimeoutError, SHORT)
    one("http GET: lying_literal", ONE_EACH["http"][1], TimeoutError, SHORT)
    one("http GET: lying_literal then=close", ONE_EACH["http"][1], http.client.IncompleteRead)
    one(
        "pop3 RETR: lying_literal",
        retrieve,
        lambda seen: _told_size(seen) == sum(len(each) + 2 for each in seen[1]) + 100,
    )
    add("no_terminator", WAITS, COMMANDED, timeout=SHORT)
    add("no_terminator then=close", {**GONE, "http": http.client.IncompleteRead}, COMMANDED)
    one("http GET: no_terminator then=close", stream, http.client.IncompleteRead)
    one("smtp: drop_after_dot", send, smtplib.SMTPServerDisconnected)
    one("smtp: drop_after_dot accepted=no", send, smtplib.SMTPServerDisconnected)
    # what servers say no to
    limited = {
        "http": lambda seen: seen[0] == 429,
        "smtp": codes(421),
        "imap": imaplib.IMAP4.error,
        "pop3": poplib.error_proto,
        "ftp": says(ftplib.error_temp, "421"),
        "nntp": says(nntplib.NNTPTemporaryError, "400"),
    }
    bare(
        "rate_limit rate=0.001, burst=1",
        limited,
        tuple(each for each in COMMANDED if each != "http" and each != "nntp"),
    )
    one(
        "http: rate_limit rate=0.001, burst=1, text=429 slower",
        _twice(ONE_EACH["http"][1]),
        lambda seen: seen[0] == 429,
    )
    one("nntp: rate_limit rate=0.001, burst=1", ONE_EACH["nntp"][1], limited["nntp"])
    one("smtp: greylist", send, codes(450))
    one("smtp: quota_full", send, codes(452))
    one("imap: quota_full", append, answers("NO", "[OVERQUOTA]"))
    one("ftp: quota_full", upload, says(ftplib.error_perm, "552"))
    one("http: quota_full", form, lambda seen: seen[0] == 507)
    one("smtp: disk_full", send, lambda seen: isinstance(seen, smtplib.SMTPDataError) and seen.smtp_code == 452)
    one("imap: disk_full", append, answers("NO", "[SERVERBUG]"))
    one("ftp: disk_full", upload, says(ftplib.error_temp, "452"))
    one("nntp: disk_full", post, says(nntplib.NNTPTemporaryError, "441"))
    one("http: disk_full", form, lambda seen: seen[0] == 507)
    one("imap: login_failure", ONE_EACH["imap"][1], says(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"))
    one("pop3: login_failure", retrieve, says(poplib.error_proto, "[AUTH]"))
    one("ftp: login_failure", ONE_EACH["ftp"][1], says(ftplib.error_perm, "530"))
    one("http: login_failure", ONE_EACH["http"][1], lambda seen: seen[0] == 401)
    one("smtp: login_failure", _smtp_login, smtplib.SMTPAuthenticationError)
    one("nntp: login_failure", _nntp_login, says(nntplib.NNTPTemporaryError, "481"))
    return found


def _twice(client: Conversation) -> Conversation:
    def conversation(net: Internet, timeout: float) -> Any:
        client(net, timeout)
        return client(net, timeout)

    return conversation


def _smtp_login(net: Internet, timeout: float) -> Any:
    with smtp(net, timeout) as client:
        return client.login("bob", "builder")


def _nntp_login(net: Internet, timeout: float) -> Any:
    with nntp(net, timeout) as client:
        return client.login("bob", "builder", usenetrc=False)


def _told_size(seen: Any) -> int:
    return int(seen[0].split()[1])


@pytest.mark.parametrize(("line", "client", "expected", "timeout"), rows())
def test_a_client_sees_what_is_promised(
    net: Internet, line: str, client: Conversation, expected: Seen, timeout: float
) -> None:
    fault = net.faults.add(line)
    seen = saw(client, net, timeout)
    assert is_as(expected, seen), f"{line} was seen as {seen!r}"
    assert net.faults.strokes(fault) > 0
    if isinstance(seen, Exception):
        told = promise_of(line)
        assert any(name in told for name in names_of(seen)), f"{line} was seen as {seen!r}, and the docs say {told!r}"


def promise_of(line: str) -> str:
    """What docs/faults.md says of the line's kind in its protocol."""
    kind, protocol = KINDS[line.split(": ", 1)[1].split()[0].rstrip(",")], line.split(":")[0].split()[0]
    return kind.promise.get(protocol, kind.promise.get("*", ""))


def names_of(error: Exception) -> set[str]:
    """The exception's name and those of what it is a kind of, as people write them."""
    return {each.__qualname__ for each in type(error).__mro__} - {"Exception", "BaseException", "object", "OSError"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_faults_all_is_well(net: Internet, protocol: str) -> None:
    assert not isinstance(saw(ONE_EACH[protocol][1], net, PATIENT), Exception)


# -- TLS

FLAWS = ("certificate_expired", "certificate_wrong_name", "certificate_self_signed", "certificate_weak")


@pytest.mark.parametrize("service", IMPLICIT)
@pytest.mark.parametrize("kind", FLAWS)
def test_certificates_of_implicit_tls(net: Internet, kind: str, service: str) -> None:
    client = IMPLICIT[service]
    net.faults.add(f"{service}: {kind}, first=1")
    with pytest.raises(ssl.SSLCertVerificationError):
        client(net)
    client(net)  # the second time all is well


@pytest.mark.parametrize("service", UPGRADES)
@pytest.mark.parametrize("kind", FLAWS)
def test_certificates_of_starttls(net: Internet, kind: str, service: str) -> None:
    client = UPGRADES[service]
    net.faults.add(f"{service}: {kind}, first=1")
    with pytest.raises(ssl.SSLCertVerificationError):
        client(net)
    client(net)


@pytest.mark.parametrize("service", [*IMPLICIT, *UPGRADES])
def test_failing_handshakes(net: Internet, service: str) -> None:
    client = {**IMPLICIT, **UPGRADES}[service]
    net.faults.add(f"{service}: tls_handshake_failure, first=1")
    with pytest.raises(ssl.SSLError) as failed:
        client(net)
    assert not isinstance(failed.value, ssl.SSLCertVerificationError)
    client(net)


STRIPPED = {
    "smtp": smtplib.SMTPNotSupportedError,
    "imap": imaplib.IMAP4.abort,
    "pop3": poplib.error_proto,
    "nntp": nntplib.NNTPError,
    "ftp": ftplib.error_perm,
}


@pytest.mark.parametrize("service", UPGRADES)
def test_stripped_starttls(net: Internet, service: str) -> None:
    net.faults.add(f"{service}: starttls_stripped")
    with pytest.raises(STRIPPED[service]):
        UPGRADES[service](net)
    net.faults.clear()
    UPGRADES[service](net)


def test_stripped_offers(net: Internet) -> None:
    """The capability is gone from where it is told, and nothing else is."""
    with imap(net) as client, pop3(net) as maildrop, smtp(net) as mail, nntp(net) as news:
        before = (
            client.capability()[1][0].split(),
            set(maildrop.capa()),
            mail.ehlo()[1].splitlines(),
            news.getcapabilities(),
        )
        net.faults.add("*: starttls_stripped")
        assert client.capability()[1][0].split() == [name for name in before[0] if name != b"STARTTLS"]
        assert set(maildrop.capa()) == before[1] - {"STLS"}
        assert mail.ehlo()[1].splitlines() == [line for line in before[2] if line != b"STARTTLS"]
        news.nntp_version = 2
        _, now = news.capabilities()
        assert now.keys() == before[3].keys() - {"STARTTLS"}
    with imap(net) as client:
        assert "STARTTLS" not in client.capabilities  # told by the greeting


def test_every_kind_is_in_the_matrix() -> None:
    """Each kind of the catalogue is tried in each protocol that it works in."""
    tried = {
        (row.values[0].split(":")[0].split()[0], row.values[0].split(": ", 1)[1].split()[0].rstrip(","))
        for row in rows()
    }
    elsewhere = {"starttls_stripped"} | {kind.name for kind in KINDS.values() if kind.tls}
    missing = {
        (protocol, kind.name)
        for kind in KINDS.values()
        for protocol in PROTOCOLS
        if protocol in kind.protocols and kind.name not in elsewhere and (protocol, kind.name) not in tried
    }
    assert not missing


def test_every_kind_of_tls_is_in_the_matrix() -> None:
    """Those above are all, and tried in every protocol that they work in."""
    assert {kind.name for kind in KINDS.values() if kind.tls} == {"tls_handshake_failure", *FLAWS}
    protocols = {by_name()[service].protocol for service in (*IMPLICIT, *UPGRADES)}
    assert all(kind.protocols <= protocols for kind in KINDS.values() if kind.tls)
    assert KINDS["starttls_stripped"].protocols == STRIPPED.keys() <= UPGRADES.keys()
