"""The commands of the AUTHORIZATION state, and those of both states: who are you, and what can you do."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ...world.records import Account
from .. import sasl
from ..commands import Refusal
from .languages import LANGUAGES, matching
from .session import ANY, AUTHORIZATION, ENDED, TABLE, Pop3Session

BEFORE = frozenset({AUTHORIZATION})
SERVICE = "pop3"
CAPABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "TOP": "RFC 2449",
        "UIDL": "RFC 2449",
        "USER": "RFC 2449",
        "SASL": "RFC 5034",
        "STLS": "RFC 2595",
        "RESP-CODES": "RFC 2449",
        "AUTH-RESP-CODE": "RFC 3206",
        "PIPELINING": "RFC 2449",
        "EXPIRE": "RFC 2449",
        "LOGIN-DELAY": "RFC 2449",
        "IMPLEMENTATION": "RFC 2449",
        "UTF8": "RFC 6856",
        "LANG": "RFC 6856",
    }
)
"""What CAPA may list, and where it is from."""


@TABLE.command("CAPA", ANY, rfc="RFC 2449 section 5")
async def capa(session: Pop3Session, argument: bytes) -> bytes:
    """Lists what this server can do."""
    no_argument(session, "CAPA", argument)
    shown = (line for line in capabilities(session) if line.partition(" ")[0] not in session.context.hidden)
    return session.ok("capabilities follow") + "".join(f"{line}\r\n" for line in shown).encode() + b".\r\n"


def capabilities(session: Pop3Session) -> Iterator[str]:
    """The lines of CAPA in the session's state, hidden ones among them."""
    yield "TOP"
    yield "UIDL"
    yield "RESP-CODES"
    yield "AUTH-RESP-CODE"
    yield "PIPELINING"
    yield "EXPIRE NEVER"
    yield "LOGIN-DELAY 0"
    if passwords_allowed(session):
        yield "USER"
    if names := mechanisms(session):
        yield " ".join(("SASL", *names))
    if session.state is AUTHORIZATION and session.context.offers_starttls and not session.wire.secure:
        yield "STLS"
    yield "UTF8 USER"
    yield "LANG"
    yield "IMPLEMENTATION minternet"


def mechanisms(session: Pop3Session) -> tuple[str, ...]:
    """The SASL mechanisms on offer."""
    return sasl.mechanisms(secure=session.wire.secure, settings=session.context.settings, hidden=session.context.hidden)


def passwords_allowed(session: Pop3Session) -> bool:
    """Whether a password may be shown as it is on this connection."""
    return session.wire.secure or session.context.settings.plaintext_login


@TABLE.command("USER", BEFORE, "name", rfc="RFC 1939 section 7", capability="USER")
async def user(session: Pop3Session, argument: bytes) -> bytes:
    """Names the account; PASS follows. Any name is taken, so that nobody learns which exist."""
    if not passwords_allowed(session):
        raise session.refusal("passwords are taken under TLS only: use STLS", code="AUTH")
    if not argument.strip():
        raise session.usage("USER")
    session.user = argument.strip()
    return session.ok("now the password")


@TABLE.command("PASS", BEFORE, "password", rfc="RFC 1939 section 7", capability="USER")
async def pass_(session: Pop3Session, argument: bytes) -> bytes:
    """Gives the password of the account that USER named; blanks belong to it."""
    if session.wire.transcript is not None:
        session.wire.transcript.conceal(argument)
    name, session.user = session.user, None
    if name is None:
        raise session.refusal("first USER, then PASS")
    try:
        account = sasl.check_password(session.world, name, argument)
    except sasl.Failed as failed:
        raise await refused(session, failed) from None
    return logged_in(session, account)


@TABLE.command("RPOP", BEFORE, "name", rfc="RFC 1081", capability="RPOP")
async def rpop(session: Pop3Session, argument: bytes) -> bytes:
    """In place of PASS, takes the word of a client on this machine for who it is; poplib still knows it."""
    name, session.user = session.user, None
    if name is None:
        raise session.refusal("first USER, then PASS")
    account = session.world.accounts.find(name.decode("utf-8", "replace"))
    same = account is not None and account == session.world.accounts.find(argument.strip().decode("utf-8", "replace"))
    if account is None or not same or account.disabled or not _is_near(session.wire.peer[0]):
        raise await refused(session, sasl.Failed("invalid", ""))
    return logged_in(session, account)


def _is_near(host: str) -> bool:
    """Whether a client is on this machine (a UNIX socket and a wire in memory have no address)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


@TABLE.command("APOP", BEFORE, "name digest", rfc="RFC 1939 section 7", capability="APOP")
async def apop(session: Pop3Session, argument: bytes) -> bytes:
    """Logs in by the MD5 of the greeting's stamp and the password, which is not sent itself."""
    name, _, digest = argument.strip().rpartition(b" ")
    if not name:
        raise session.usage("APOP")
    account = session.world.accounts.find(name.decode("utf-8", "replace"))
    right = apop_digest(session.stamp, account.password.encode() if account else b"\x00")
    if not hmac.compare_digest(right, digest.lower()) or account is None or account.disabled:
        raise await refused(session, sasl.Failed("invalid", ""))
    return logged_in(session, account)


def apop_digest(stamp: bytes, password: bytes) -> bytes:
    """The 32 hexadecimal digits that APOP wants."""
    return hashlib.md5(stamp + password, usedforsecurity=False).hexdigest().encode()


@TABLE.command("AUTH", BEFORE, "[mechanism [initial-response]]", rfc="RFC 5034", capability="SASL")
async def auth(session: Pop3Session, argument: bytes) -> bytes:
    """Logs in by a SASL mechanism; without one, lists those there are."""
    words = argument.split()
    offered = mechanisms(session)
    if not words:
        return session.ok("mechanisms follow") + "".join(f"{name}\r\n" for name in offered).encode() + b".\r\n"
    if len(words) > 2:
        raise session.usage("AUTH")
    try:
        name = words[0].decode("ascii", "replace")
        exchange = sasl.exchange(name, session.world, service=SERVICE, offered=offered)
        account = await sasl.converse(exchange, _concealed(session, words[1:]), lambda text: _ask(session, text))
    except sasl.Failed as failed:
        raise await refused(session, failed) from None
    return logged_in(session, account)


async def _ask(session: Pop3Session, challenge: bytes) -> bytes:
    session.wire.send(b"+ %b\r\n" % challenge)
    line = await session.wire.line(session.limits.sasl_line)
    _concealed(session, [line])
    return line


def _concealed(session: Pop3Session, responses: list[bytes]) -> bytes | None:
    """The one response, if there is one, masked in the transcript (but for the two that are no secret)."""
    if not responses:
        return None
    if session.wire.transcript is not None and responses[0] not in (b"*", b"="):
        session.wire.transcript.conceal(responses[0])
    return responses[0]


async def refused(session: Pop3Session, failed: sasl.Failed) -> Refusal:
    """What to raise for a log-in that failed. Wrong credentials are slowed, and counted to a limit."""
    english = not session.language.texts
    if failed.code in ("malformed", "cancelled", "unknown", "weak"):
        code = "AUTH" if failed.code == "weak" else ""
        return (
            session.refusal("%s", failed.text, code=code)
            if english
            else session.refusal("the log-in failed", code=code)
        )
    session.failures += 1
    await session.wire.pause(session.limits.login_delay * session.failures)
    if session.failures >= session.limits.login_failures:
        session.state = ENDED
        return session.refusal("wrong user name or password, too often", code="AUTH")
    if failed.code in ("expired", "scope") and english:
        return session.refusal("%s", failed.text, code="AUTH")
    return session.refusal("wrong user name or password", code="AUTH")


def logged_in(session: Pop3Session, account: Account) -> bytes:
    """Enter the TRANSACTION state."""
    session.open_maildrop(account.login)
    session.wire.max_line = session.limits.pop3_line
    maildrop = session.maildrop
    return session.ok("%s's maildrop has %d messages (%d octets)", account.login, len(maildrop), maildrop.octets)


@TABLE.command("STLS", BEFORE, rfc="RFC 2595 section 4", capability="STLS")
async def stls(session: Pop3Session, argument: bytes) -> bytes:
    """Starts TLS. What was said before, a user name among it, is forgotten."""
    no_argument(session, "STLS", argument)
    if session.wire.secure:
        raise session.refusal("TLS is active already")
    if not session.context.offers_starttls:
        raise session.refusal("TLS is not offered here")
    if session.utf8:
        raise session.refusal("after UTF8 it is too late for STLS")
    session.wire.send(session.ok("begin the TLS handshake"))
    session.user = None
    await session.wire.start_tls()
    return b""


@TABLE.command("UTF8", BEFORE, rfc="RFC 6856 section 2", capability="UTF8")
async def utf8(session: Pop3Session, argument: bytes) -> bytes:
    """Says that the client reads UTF-8 in headers. Messages go out as they are either way."""
    no_argument(session, "UTF8", argument)
    session.utf8 = True
    return session.ok("UTF-8 from here on")


@TABLE.command("LANG", ANY, "[language-range]", rfc="RFC 6856 section 3", capability="LANG")
async def lang(session: Pop3Session, argument: bytes) -> bytes:
    """Chooses the language of the texts in replies; without a range, lists those there are."""
    if not argument.strip():
        lines = "".join(f"{language.tag} {language.name}\r\n" for language in LANGUAGES)
        return session.ok("languages follow") + lines.encode() + b".\r\n"
    language = matching(argument.strip().decode("ascii", "replace"))
    if language is None:
        raise session.refusal("no such language; LANG lists those there are")
    session.language = language
    return f"+OK {language.tag} {session.in_language('language changed', ())}\r\n".encode()


def no_argument(session: Pop3Session, name: str, argument: bytes) -> None:
    """Refuse an argument; blanks are none."""
    if argument.strip():
        raise session.refusal("%s takes no argument", name)
