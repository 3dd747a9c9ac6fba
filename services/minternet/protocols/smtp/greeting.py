"""The commands around transactions: HELO, EHLO, LHLO, STARTTLS, AUTH, RSET, NOOP, QUIT."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from .. import sasl
from ..commands import Refusal
from .session import ANY, GREETED, START, TABLE, SmtpSession, lines, usage

_CLIENT_NAME = re.compile(rb"[!-~]{1,255}\Z")

CAPABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "PIPELINING": "RFC 2920",
        "SIZE": "RFC 1870",
        "8BITMIME": "RFC 6152",
        "SMTPUTF8": "RFC 6531",
        "DSN": "RFC 3461",
        "ENHANCEDSTATUSCODES": "RFC 2034",
        "CHUNKING": "RFC 3030",
        "BINARYMIME": "RFC 3030",
        "STARTTLS": "RFC 3207",
        "AUTH": "RFC 4954",
        "EXPN": "RFC 5321 section 3.5",
        "VRFY": "RFC 5321 section 3.5",
        "HELP": "RFC 5321 section 4.1.1.8",
    }
)
"""Every extension there is, in the order of EHLO's reply, and where it is written down."""

SASL_REPLIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "invalid": ("535", "5.7.8"),
        "expired": ("535", "5.7.8"),
        "scope": ("535", "5.7.8"),
        "malformed": ("501", "5.5.2"),
        "cancelled": ("501", "5.7.0"),
        "unknown": ("504", "5.5.4"),
        "weak": ("538", "5.7.11"),
    }
)
"""How a failed log-in is told (RFC 4954 sections 4 and 6)."""
WRONG_CREDENTIALS = frozenset({"invalid", "expired", "scope"})


@TABLE.command("HELO", ANY, "name", rfc="RFC 5321 section 4.1.1.1")
async def helo(session: SmtpSession, argument: bytes) -> bytes:
    """Begin a session without extensions; ends an open transaction."""
    _greet(session, "HELO", argument, extended=False)
    reply = await session.hook("HELO", session.helo)
    return reply or f"250 {session.hostname}".encode()


@TABLE.command("EHLO", ANY, "name", rfc="RFC 5321 section 4.1.1.1")
async def ehlo(session: SmtpSession, argument: bytes) -> bytes:
    """Begin a session and ask for the extensions; ends an open transaction."""
    _greet(session, "EHLO", argument, extended=True)
    return await _extensions(session)


@TABLE.command("LHLO", ANY, "name", rfc="RFC 2033 section 4.1")
async def lhlo(session: SmtpSession, argument: bytes) -> bytes:
    """Begin an LMTP session and ask for the extensions."""
    _greet(session, "LHLO", argument, extended=True)
    return await _extensions(session)


async def _extensions(session: SmtpSession) -> bytes:
    texts = (session.hostname, *capabilities(session))
    replies = await session.hook_extensions(texts)
    if replies is not None:
        return "\r\n".join(replies).encode()
    return lines("250", texts)


def _greet(session: SmtpSession, name: str, argument: bytes, *, extended: bool) -> None:
    client = argument.split(b" ", 1)[0]
    if not _CLIENT_NAME.match(client):
        raise usage(name)
    session.forget_transaction()
    session.helo = client.decode("ascii")
    session.extended = extended
    session.state = GREETED
    session.session.host_name = session.helo
    session.session.extended_smtp = extended


def capabilities(session: SmtpSession) -> Iterator[str]:
    """The lines of EHLO's reply after the first: what works here and now, and is not hidden."""
    for name in CAPABILITIES:
        if session.has(name) and (text := _shown(session, name)):
            yield text


def _shown(session: SmtpSession, name: str) -> str:
    """A capability with its parameters; empty where there is no use for it now."""
    context = session.context
    if name == "SIZE":
        return f"SIZE {session.limits.message}"
    if name == "BINARYMIME":
        return name if session.has("CHUNKING") else ""
    if name == "STARTTLS":
        return name if context.offers_starttls and not session.wire.secure else ""
    if name == "AUTH":
        offered = sasl.mechanisms(secure=session.wire.secure, settings=context.settings, hidden=context.hidden)
        return " ".join((name, *offered)) if offered else ""
    return name


@TABLE.command("STARTTLS", {START, GREETED}, rfc="RFC 3207", capability="STARTTLS")
async def starttls(session: SmtpSession, argument: bytes) -> None:
    """Go on over TLS; the session begins anew, and what was sent ahead in plaintext is dropped."""
    if argument:
        raise usage("STARTTLS")
    if session.wire.secure:
        raise Refusal("503", "TLS is on already", "5.5.1")
    if not session.context.offers_starttls:
        raise Refusal("502", "Not implemented", "5.5.1")
    session.send(b"220 2.0.0 Ready to start TLS")
    await session.wire.start_tls()
    session.forget_client()
    session.session.ssl = {}


@TABLE.command("AUTH", {GREETED}, "mechanism [initial-response]", rfc="RFC 4954", capability="AUTH")
async def auth(session: SmtpSession, argument: bytes) -> bytes:
    """Log in, once in a session and not within a transaction."""
    words = argument.split()
    if not words or len(words) > 2:
        raise usage("AUTH")
    if session.account is not None:
        raise Refusal("503", "You are logged in already", "5.5.1")
    if not session.extended:
        raise Refusal("503", "Say EHLO first", "5.5.1")
    initial = words[1] if len(words) == 2 else None
    if initial is not None:
        _conceal(session, initial)
    try:
        await _log_in(session, words[0].decode("ascii", "replace"), initial)
    except sasl.Failed as failed:
        await _failed(session, failed)
    return b"235 2.7.0 Authentication successful"


async def _log_in(session: SmtpSession, mechanism: str, initial: bytes | None) -> None:
    settings, hidden = session.context.settings, session.context.hidden
    offered = sasl.mechanisms(secure=session.wire.secure, settings=settings, hidden=hidden)
    exchange = sasl.exchange(mechanism, session.world, service="smtp", offered=offered)

    async def ask(challenge: bytes) -> bytes:
        session.send(b"334 " + challenge)
        answer = await session.wire.line(session.limits.sasl_line)
        _conceal(session, answer)
        return answer

    session.log_in(await sasl.converse(exchange, initial, ask))


async def _failed(session: SmtpSession, failed: sasl.Failed) -> None:
    """Refuse; slowly where a password was wrong, and for the last time where that was so too often."""
    status, code = SASL_REPLIES[failed.code]
    if failed.code in WRONG_CREDENTIALS:
        session.failures += 1
        await session.wire.pause(session.limits.login_delay * session.failures)
        if session.failures >= session.limits.login_failures:
            session.ended = True
            raise Refusal("421", f"{session.hostname} Too many wrong log-ins", "4.7.0")
    raise Refusal(status, failed.text, code)


def _conceal(session: SmtpSession, secret: bytes) -> None:
    if session.wire.transcript is not None and secret not in (b"*", b"="):
        session.wire.transcript.conceal(secret)


@TABLE.command("RSET", ANY, rfc="RFC 5321 section 4.1.1.5")
async def rset(session: SmtpSession, argument: bytes) -> bytes:
    """Give up the transaction."""
    if argument:
        raise usage("RSET")
    session.forget_transaction()
    return await session.hook("RSET") or b"250 2.0.0 Ok"


@TABLE.command("NOOP", ANY, "[text]", rfc="RFC 5321 section 4.1.1.9")
async def noop(session: SmtpSession, argument: bytes) -> bytes:
    """Do nothing, and say so."""
    return await session.hook("NOOP", argument.decode("utf-8", "replace")) or b"250 2.0.0 Ok"


@TABLE.command("QUIT", ANY, rfc="RFC 5321 section 4.1.1.10")
async def quit_(session: SmtpSession, argument: bytes) -> bytes:
    """End the session."""
    if argument:
        raise usage("QUIT")
    reply = await session.hook("QUIT")
    session.ended = True
    return reply or f"221 2.0.0 {session.hostname} Service closing transmission channel".encode()
