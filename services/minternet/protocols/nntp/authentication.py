"""AUTHINFO USER, PASS and SASL (RFC 4643)."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from types import MappingProxyType

from ...world.records import Account
from .. import sasl
from ..commands import Refusal
from .arguments import shown
from .capabilities import mechanisms_of, passwords_allowed
from .session import NntpSession
from .table import ANYTIME, CLOSED, OPEN, command

SERVICE = "nntp"
CODES: Mapping[str, str] = MappingProxyType(
    {
        "invalid": "481",
        "expired": "481",
        "scope": "481",
        "cancelled": "481",
        "malformed": "482",
        "unknown": "503",
        "weak": "483",
    }
)
"""Why a log-in failed, as reply codes (RFC 4643 section 2.4)."""
COUNTED = frozenset({"invalid", "expired", "scope"})
"""Failures that are slowed, and counted to a limit."""
ACCEPTED = b"281 Log-in accepted\r\n"


@command("AUTHINFO USER", "name...", rfc="RFC 4643 section 2.3", states=ANYTIME, capability="AUTHINFO")
async def authinfo_user(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Names the account; AUTHINFO PASS follows."""
    check_may_log_in(session, passwords_allowed(session))
    session.user = rest_of(session)
    return b"381 Now the password\r\n"


@command("AUTHINFO PASS", "password...", rfc="RFC 4643 section 2.3", states=ANYTIME, capability="AUTHINFO")
async def authinfo_pass(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Gives the password of the account that AUTHINFO USER named; blanks in it belong to it."""
    password = rest_of(session)
    conceal(session, password)
    check_may_log_in(session, passwords_allowed(session))
    name, session.user = session.user, None
    if name is None:
        raise Refusal("482", "First AUTHINFO USER, then AUTHINFO PASS")
    try:
        account = sasl.check_password(session.world, name, password)
    except sasl.Failed as failed:
        # A name or password that cannot be one is a wrong one here: there is no grammar to break.
        raise await refused(session, sasl.Failed("invalid", failed.text)) from None
    return logged_in(session, account)


@command(
    "AUTHINFO SASL", "mechanism [initial-response]", rfc="RFC 4643 section 2.4", states=ANYTIME, capability="AUTHINFO"
)
async def authinfo_sasl(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Logs in by a SASL mechanism."""
    offered = mechanisms_of(session)
    initial = arguments[1] if len(arguments) > 1 else None
    conceal(session, initial)
    check_may_log_in(session, True)
    talk = SaslTalk(session)
    try:
        name = arguments[0].decode("ascii", "replace")
        exchange = sasl.exchange(name, session.world, service=SERVICE, offered=offered)
        account = await sasl.converse(exchange, initial, talk.ask)
    except sasl.Failed as failed:
        if failed.code == "weak" and passwords_allowed(session):  # TLS would not help: the mechanism is hidden
            failed = sasl.Failed("unknown", failed.text)
        raise await refused(session, failed) from None
    accepted = logged_in(session, account)
    return accepted if talk.last_words is None else b"283 %b\r\n" % talk.last_words


class SaslTalk:
    """Challenges and responses of one exchange: 383, and `=` for what is empty (RFC 4643 section 2.4.2)."""

    def __init__(self, session: NntpSession) -> None:
        self.session = session
        self.last_words: bytes | None = None
        """What the server has to say with its success, in base64: SCRAM's proof goes with the 283."""

    async def ask(self, challenge: bytes) -> bytes:
        """Send a challenge, in base64, and return the client's answer."""
        if challenge and binascii.a2b_base64(challenge).startswith(b"v="):
            self.last_words = challenge
            return b""
        self.session.wire.send(b"383 %b\r\n" % (challenge or b"="))
        answer = await self.session.wire.line(self.session.limits.sasl_line)
        conceal(self.session, answer)
        return b"" if answer == b"=" else answer


def check_may_log_in(session: NntpSession, strong_enough: bool) -> None:
    """Refuse a log-in that comes too late (502) or in the clear (483)."""
    if session.account is not None:
        raise Refusal("502", "You are logged in already")
    if session.wire.compressed:
        raise Refusal("502", "Not with compression active")  # RFC 8054 section 2.2.2
    if not strong_enough:
        raise Refusal("483", "Passwords are taken under TLS only: use STARTTLS")


async def refused(session: NntpSession, failed: sasl.Failed) -> Refusal:
    """What to raise for a log-in that failed."""
    if failed.code not in COUNTED:
        return Refusal(CODES[failed.code], shown(failed.text))
    session.failures += 1
    await session.wire.pause(session.limits.login_delay * session.failures)
    if session.failures >= session.limits.login_failures:
        session.state = CLOSED
        return Refusal("400", "Too many wrong log-ins")
    return Refusal(CODES[failed.code], shown(failed.text))


def logged_in(session: NntpSession, account: Account) -> bytes:
    """Let the client in."""
    session.account, session.state, session.failures = account, OPEN, 0
    return ACCEPTED


def rest_of(session: NntpSession) -> bytes:
    """What stands behind AUTHINFO and its keyword, blanks inside included."""
    return session.line.split(None, 2)[2]


def conceal(session: NntpSession, secret: bytes | None) -> None:
    """Mask a secret in the transcript; `*` and `=` are none."""
    if secret not in (None, b"*", b"=", b"") and session.wire.transcript is not None:
        session.wire.transcript.conceal(secret or b"")
