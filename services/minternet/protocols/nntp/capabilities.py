"""The session itself: CAPABILITIES, HELP, MODE READER, QUIT, STARTTLS, COMPRESS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from ... import __version__
from .. import sasl
from ..commands import Refusal
from .arguments import keyword_of
from .session import NntpSession
from .table import ANYTIME, CLOSED, TABLE, command

OLD_LISTS = frozenset({"LIST XACTIVE"})
"""Variants of LIST that no RFC knows, and CAPABILITIES does not tell."""


LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "IMPLEMENTATION": "RFC 3977",
        "READER": "RFC 3977",
        "POST": "RFC 3977",
        "IHAVE": "RFC 3977",
        "NEWNEWS": "RFC 3977",
        "HDR": "RFC 3977",
        "OVER": "RFC 3977",
        "LIST": "RFC 3977, RFC 6048",
        "STREAMING": "RFC 4644",
        "STARTTLS": "RFC 4642",
        "AUTHINFO": "RFC 4643",
        "SASL": "RFC 4643",
        "COMPRESS": "RFC 8054",
        "XPAT": "RFC 2980",
    }
)
"""The labels that CAPABILITIES may list, and where they are from; VERSION is always there."""


@command("CAPABILITIES", "[keyword]", rfc="RFC 3977 section 5.2", states=ANYTIME, capability="CAPABILITIES")
async def capabilities(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists what this server can do now."""
    if arguments:
        keyword_of(arguments[0])  # no variant is known: the argument changes nothing (section 5.2.2)
    lines = (line for line in offered(session) if line.partition(" ")[0] not in session.hidden)
    return b"101 Capabilities follow\r\n" + "".join(f"{line}\r\n" for line in lines).encode() + b".\r\n"


def offered(session: NntpSession) -> Iterator[str]:
    """The capability lines of this moment, hidden ones among them."""
    yield "VERSION 2"
    yield f"IMPLEMENTATION minternet-{__version__}"
    yield "READER"
    yield "POST"
    yield "IHAVE"
    yield "STREAMING"
    yield "NEWNEWS"
    yield "HDR"
    yield "OVER MSGID"
    yield "XPAT"
    yield " ".join(("LIST", *list_variants(session)))
    mechanisms = mechanisms_of(session)
    if session.account is None:
        yield " ".join(("AUTHINFO", *login_ways(session, mechanisms)))
    if mechanisms and not session.wire.compressed:
        yield " ".join(("SASL", *mechanisms))
    if may_start_tls(session):
        yield "STARTTLS"
    if not session.wire.compressed:
        yield "COMPRESS DEFLATE"


def list_variants(session: NntpSession) -> Iterator[str]:
    """The keywords of LIST (RFC 3977 section 5.2.2)."""
    for row in TABLE:
        if row.name.startswith("LIST ") and row.name not in OLD_LISTS and row.capability not in session.hidden:
            yield row.name.removeprefix("LIST ")


def login_ways(session: NntpSession, mechanisms: tuple[str, ...]) -> Iterator[str]:
    """The arguments of AUTHINFO: none once compressed, for who knows what is sent could guess at the rest (RFC 8054)."""
    if not session.wire.compressed:
        if passwords_allowed(session):
            yield "USER"
        if mechanisms:
            yield "SASL"


def passwords_allowed(session: NntpSession) -> bool:
    """Whether a password may be shown as it is on this connection."""
    return session.wire.secure or session.settings.plaintext_login


def mechanisms_of(session: NntpSession) -> tuple[str, ...]:
    """The SASL mechanisms on offer."""
    if "SASL" in session.hidden:
        return ()
    return sasl.mechanisms(secure=session.wire.secure, settings=session.settings, hidden=session.hidden)


def may_start_tls(session: NntpSession) -> bool:
    """Whether STARTTLS would work now (RFC 4642 section 2.2.2, RFC 8054 section 2.2.2)."""
    wire = session.wire
    return session.context.offers_starttls and not wire.secure and not wire.compressed and session.account is None


@command("HELP", rfc="RFC 3977 section 7.2", states=ANYTIME)
async def help_(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Lists the commands."""
    rows = sorted((row for row in TABLE if row.capability not in session.hidden), key=lambda row: row.name)
    lines = "".join(f"  {row.name} {row.arguments}".rstrip() + f" - {row.help}\r\n" for row in rows)
    return b"100 Commands follow\r\n" + lines.encode() + b".\r\n"


@command("MODE READER", rfc="RFC 3977 section 5.3", states=ANYTIME)
async def mode_reader(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Says that the client reads; this server is always ready for that."""
    if session.wire.compressed:
        raise Refusal("502", "Not with compression active")  # RFC 8054 section 2.2.2
    return session.welcome("ready for readers")


@command("QUIT", rfc="RFC 3977 section 5.4", states=ANYTIME)
async def quit_(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Ends the session."""
    session.state = CLOSED
    return b"205 Goodbye\r\n"


@command("STARTTLS", rfc="RFC 4642", states=ANYTIME, capability="STARTTLS")
async def starttls(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Starts TLS; what was known of the client is forgotten."""
    if session.wire.secure:
        raise Refusal("502", "TLS is active already")
    if session.wire.compressed:
        raise Refusal("502", "Not with compression active")
    if session.account is not None:
        raise Refusal("502", "You are logged in already")
    if not session.context.offers_starttls:
        raise Refusal("580", "TLS cannot be started here")
    session.wire.send(b"382 Begin the TLS handshake\r\n")
    session.forget_group()
    session.user = None
    await session.wire.start_tls()
    return b""


@command("COMPRESS", "algorithm", rfc="RFC 8054", states=ANYTIME, capability="COMPRESS")
async def compress(session: NntpSession, arguments: list[bytes]) -> bytes:
    """Compresses what is said from here on, both ways; the algorithm is DEFLATE."""
    if arguments[0].upper() != b"DEFLATE":
        raise Refusal("503", "Only DEFLATE is there")
    if session.wire.compressed:
        raise Refusal("502", "Compression is active already")
    session.wire.send(b"206 Compression active\r\n")
    session.wire.compress()
    return b""
