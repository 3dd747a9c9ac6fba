"""A mail transaction: MAIL, RCPT, DATA, BDAT (RFC 5321 section 3.3, RFC 3030)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ...world.records import Recipient
from ..commands import Refusal
from .addresses import BAD_RECIPIENT, BAD_SENDER, Path, decode_original_recipient, decode_xtext, parse
from .envelope import Content, Envelope
from .session import ANY, CHUNKS, GREETED, RECIPIENTS, SENDER, TABLE, SmtpSession, usage

LONGEST_ENVID = 100
"""Characters of ENVID (RFC 3461 section 4.4)."""
_CHUNK = re.compile(rb"([0-9]{1,19})(?:[ \t]+(LAST))?\Z", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,20}\Z")
TOO_LARGE = "Message size exceeds the limit"


# -- MAIL


class Parameter(NamedTuple):
    """A parameter of MAIL: the extension it belongs to, and what it does to the envelope."""

    capability: str
    take: Callable[[SmtpSession, Envelope, str | None], None]


def _size(session: SmtpSession, envelope: Envelope, value: str | None) -> None:
    if value is None or not _DIGITS.match(value):
        raise Refusal("501", "SIZE is a number of octets", "5.5.4")
    envelope.declared_size = int(value)
    if envelope.declared_size > session.limits.message:
        raise Refusal("552", f"{TOO_LARGE} of {session.limits.message} octets", "5.3.4")


def _body(session: SmtpSession, envelope: Envelope, value: str | None) -> None:
    kind = (value or "").upper()
    binary = session.has("CHUNKING") and session.has("BINARYMIME")
    if kind not in ("7BIT", "8BITMIME") and not (kind == "BINARYMIME" and binary):
        raise Refusal("501", f"BODY is 7BIT, 8BITMIME{' or BINARYMIME' if binary else ''}", "5.5.4")
    envelope.body = kind


def _smtputf8(session: SmtpSession, envelope: Envelope, value: str | None) -> None:
    if value is not None:
        raise Refusal("501", "SMTPUTF8 has no value", "5.5.4")
    envelope.smtp_utf8 = True


def _ret(session: SmtpSession, envelope: Envelope, value: str | None) -> None:
    envelope.ret = (value or "").upper()
    if envelope.ret not in ("FULL", "HDRS"):
        raise Refusal("501", "RET is FULL or HDRS", "5.5.4")


def _envid(session: SmtpSession, envelope: Envelope, value: str | None) -> None:
    envelope.envid = decode_xtext(value or "", "ENVID")
    if not 0 < len(envelope.envid) <= LONGEST_ENVID:
        raise Refusal("501", f"ENVID has 1 to {LONGEST_ENVID} characters", "5.5.4")


def _auth(session: SmtpSession, envelope: Envelope, value: str | None) -> None:
    """Who first submitted it, says the client (RFC 4954 section 5): checked for its form, and not believed."""
    if value is None:
        raise Refusal("501", "AUTH is an address in xtext, or <>", "5.5.4")
    if value != "<>":
        decode_xtext(value, "AUTH")


MAIL_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "SIZE": Parameter("SIZE", _size),
        "BODY": Parameter("8BITMIME", _body),
        "SMTPUTF8": Parameter("SMTPUTF8", _smtputf8),
        "RET": Parameter("DSN", _ret),
        "ENVID": Parameter("DSN", _envid),
        "AUTH": Parameter("AUTH", _auth),
    }
)


@TABLE.command("MAIL", {GREETED}, "FROM:<address> [parameters]", rfc="RFC 5321 section 4.1.1.2")
async def mail(session: SmtpSession, argument: bytes) -> bytes:
    """Begin a transaction with its sender."""
    require_login(session)
    path = parse(argument, b"FROM", "MAIL FROM:<address> [parameters]")
    envelope = Envelope()
    for keyword, value in path.parameters.items():
        parameter = MAIL_PARAMETERS.get(keyword)
        if parameter is None or not session.extended or not session.has(parameter.capability):
            raise Refusal("555", f"MAIL has no parameter {keyword[:40]} here", "5.5.4")
        parameter.take(session, envelope, value)
    _check_script(path.address, envelope, BAD_SENDER)
    session.envelope = envelope
    reply = await session.hook("MAIL", path.address, _options(path.parameters))
    if reply is None:
        envelope.mail_from, reply = path.address, b"250 2.1.0 Ok"
    elif envelope.mail_from is None:
        envelope.mail_from = path.address
    if reply.startswith(b"2"):
        session.state = SENDER
    return reply


def _options(parameters: Mapping[str, str | None]) -> list[str]:
    """Parameters as aiosmtpd shows them to hooks."""
    return [keyword if value is None else f"{keyword}={value}" for keyword, value in parameters.items()]


def require_login(session: SmtpSession) -> None:
    """Refusal 530 where submission wants a log-in first (RFC 4954 section 6, RFC 6409 section 4.3)."""
    if session.submission and session.account is None and session.context.settings.submission_login:
        raise Refusal("530", "Log in first, with AUTH", "5.7.0")


def _check_script(address: str, envelope: Envelope, code: str) -> None:
    if not envelope.smtp_utf8 and not address.isascii():  # RFC 6531 section 3.4
        raise Refusal("553", "An address like this needs SMTPUTF8", "5.6.7")


# -- RCPT


@TABLE.command("RCPT", {SENDER, RECIPIENTS}, "TO:<address> [parameters]", rfc="RFC 5321 section 4.1.1.3")
async def rcpt(session: SmtpSession, argument: bytes) -> bytes:
    """Name one recipient."""
    envelope = session.envelope
    envelope.asked += 1
    path = parse(argument, b"TO", "RCPT TO:<address> [parameters]")
    recipient = _recipient(session, path)
    if len(envelope.recipients) >= session.limits.recipients:
        raise Refusal("452", f"More than {session.limits.recipients} recipients", "4.5.3")
    reply = await session.hook("RCPT", path.address, _options(path.parameters))
    if reply is None:
        envelope.rcpt_tos.append(path.address)
        reply = b"250 2.1.5 Ok"
    if reply.startswith(b"2"):
        envelope.recipients.append(recipient)
        session.state = RECIPIENTS
    return reply


def _recipient(session: SmtpSession, path: Path) -> Recipient:
    """The recipient with its DSN parameters (RFC 3461 section 4); Refusal 501, 553, 555."""
    if not path.address:
        raise Refusal("553", "A recipient has an address", BAD_RECIPIENT)
    notify: tuple[str, ...] = ()
    original = None
    for keyword, value in path.parameters.items():
        if keyword not in ("NOTIFY", "ORCPT") or not session.extended or not session.has("DSN"):
            raise Refusal("555", f"RCPT has no parameter {keyword[:40]} here", "5.5.4")
        if keyword == "NOTIFY":
            notify = _notify(value)
        else:
            original = decode_original_recipient(value or "")
    _check_script(path.address, session.envelope, BAD_RECIPIENT)
    return Recipient(path.address, notify, original)


def _notify(value: str | None) -> tuple[str, ...]:
    """NOTIFY: NEVER, or some of SUCCESS, FAILURE, DELAY (RFC 3461 section 4.1)."""
    words = tuple((value or "").upper().split(","))
    if words != ("NEVER",) and not (set(words) <= {"SUCCESS", "FAILURE", "DELAY"} and len(set(words)) == len(words)):
        raise Refusal("501", "NOTIFY is NEVER, or some of SUCCESS, FAILURE, DELAY", "5.5.4")
    return words


# -- DATA and BDAT


@TABLE.command("DATA", {RECIPIENTS}, rfc="RFC 5321 section 4.1.1.4")
async def data(session: SmtpSession, argument: bytes) -> bytes:
    """Send the message, up to a line with a single dot; only CRLF.CRLF is such a line."""
    if argument:
        raise usage("DATA")
    if session.envelope.body == "BINARYMIME":
        raise Refusal("503", "A message of BODY=BINARYMIME comes by BDAT", "5.5.1")
    content = session.open_content()
    session.send(b"354 End data with <CR><LF>.<CR><LF>")
    with session.whole_or_not_at_all():
        async for piece in session.wire.block_pieces():
            content.write(piece)
    try:
        return await _accept(session, content)
    finally:
        session.forget_transaction()


@TABLE.command("BDAT", ANY, "size [LAST]", rfc="RFC 3030 section 2", capability="CHUNKING")
async def bdat(session: SmtpSession, argument: bytes) -> bytes:
    """Send a chunk of the message: so many octets after this line, whatever they are."""
    match = _CHUNK.match(argument)
    if match is None:
        session.ended = (
            True  # what follows may be a chunk, and nobody knows how long: it must not be taken for commands
        )
        raise usage("BDAT")
    size, last = int(match[1]), match[2] is not None
    if session.state not in (RECIPIENTS, CHUNKS):  # the chunk comes all the same: it must not be taken for commands
        await _skip(session, size)
        raise session.out_of_order("BDAT")
    session.state = CHUNKS
    content = session.envelope.receiving or session.open_content()
    with session.whole_or_not_at_all():
        async for chunk in session.wire.chunks(size):
            content.write(chunk)
    if not last:
        _check(session, content)
        return b"250 2.0.0 %d octets received" % size
    try:
        return await _accept(session, content)
    finally:
        session.forget_transaction()


async def _skip(session: SmtpSession, size: int) -> None:
    async for _ in session.wire.chunks(size):
        pass


def _check(session: SmtpSession, content: Content) -> None:
    """Refusal where the content cannot be taken."""
    if content.too_long:
        raise Refusal("552", f"{TOO_LARGE} of {session.limits.message} octets", "5.3.4")
    if content.broken is not None:
        session.context.log.error("a message could not be stored: %s", content.broken)
        raise Refusal("452", "Insufficient system storage", "4.3.1")


async def _accept(session: SmtpSession, content: Content) -> bytes:
    """Hand the whole message to the handler; the reply, in LMTP one for each recipient (RFC 2033 section 4.2)."""
    faults = session.context.faults
    if faults is not None and (another := await faults.content(session)) is not None:
        return another
    if not session.lmtp:
        return await _hand_over(session, content)
    recipients = len(session.envelope.recipients)
    try:
        return await _hand_over(session, content)
    except Refusal as refusal:
        reply = f"{refusal.status} {refusal.code} {refusal.text}"
    except Exception:
        session.context.log.exception("a message could not be delivered")
        reply = "451 4.3.0 Internal error"
    return "\r\n".join([reply] * recipients).encode()


async def _hand_over(session: SmtpSession, content: Content) -> bytes:
    _check(session, content)
    envelope = session.envelope
    try:
        envelope.blob = content.finish()
    except OSError as error:
        content.broken = error
        _check(session, content)
    if envelope.blob is not None and not hasattr(session.handler, "open_content"):
        # One of aiosmtpd's handlers, which looks for the content in these.
        envelope.content = envelope.original_content = envelope.blob.bytes()
    session.bad_commands = 0
    return await session.hook("DATA") or b"250 2.0.0 Ok"
