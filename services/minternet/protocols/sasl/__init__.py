"""SASL (RFC 4422), once for IMAP, POP3, SMTP, LMTP, NNTP and whoever else asks somebody to prove who they are.

A mechanism is a pure generator: it yields raw challenges, is sent raw responses, and returns the account. It knows
no wire and no protocol. A protocol offers `mechanisms(...)`, checks that the client named one of them, and lets
`converse` carry base64 lines between the client and the `exchange(...)`.
"""

from __future__ import annotations

import binascii
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import msgspec

from ...settings import Settings
from ...world.records import Account
from ...world.world import World
from .bearer import oauthbearer, xoauth2
from .passwords import USERNAME, cram_md5, login, plain
from .scram import ITERATIONS, scram_sha_256
from .terms import Code, Exchange, Failed, Terms, check_password

__all__ = ["Code", "Exchange", "Failed", "check_password", "converse", "exchange", "mechanisms"]


class Mechanism(msgspec.Struct, frozen=True):
    """A mechanism: how it starts, whether it shows a secret as it is, and where it is written down."""

    start: Callable[[Terms], Exchange]
    bare_secret: bool
    rfc: str


MECHANISMS: Mapping[str, Mechanism] = MappingProxyType(
    {
        "SCRAM-SHA-256": Mechanism(scram_sha_256, False, "RFC 7677"),
        "OAUTHBEARER": Mechanism(oauthbearer, True, "RFC 7628"),
        "XOAUTH2": Mechanism(xoauth2, True, "developers.google.com/gmail/imap/xoauth2-protocol"),
        "CRAM-MD5": Mechanism(cram_md5, False, "RFC 2195"),
        "PLAIN": Mechanism(plain, True, "RFC 4616"),
        "LOGIN": Mechanism(login, True, "draft-murchison-sasl-login"),
    }
)
"""All mechanisms, strongest first."""


def mechanisms(*, secure: bool, settings: Settings, hidden: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The names to advertise, strongest first.

    Without TLS, and where the settings take no passwords without it, those that show a secret as it is are left out;
    so is what is `hidden`, by its name or by `AUTH=` and its name.
    """
    return tuple(
        name
        for name, mechanism in MECHANISMS.items()
        if (secure or settings.plaintext_login or not mechanism.bare_secret)
        and hidden.isdisjoint((name, f"AUTH={name}"))
    )


def exchange(
    name: str, world: World, *, service: str, offered: tuple[str, ...] | None = None, iterations: int = ITERATIONS
) -> Exchange:
    """Start the named mechanism, in any case of letters; `Failed` "unknown", or "weak" where it is not `offered`.

    `service` is whom a token's scopes must name: `imap`, `pop3`, `smtp`, `nntp`.
    """
    mechanism = MECHANISMS.get(name.upper())
    if mechanism is None:
        raise Failed("unknown", f"there is no mechanism {name[:40]!a} here, only {' '.join(offered or MECHANISMS)}")
    if offered is not None and name.upper() not in offered:
        raise Failed("weak", f"{name.upper()} is not offered on this connection")
    return mechanism.start(Terms(world, service, iterations))


async def converse(exchange: Exchange, initial: bytes | None, ask: Callable[[bytes], Awaitable[bytes]]) -> Account:
    """Carry an exchange out in base64 lines: `ask` sends a challenge's text and returns the client's line.

    `initial` is the client's initial response as it stood in the command, None where there was none, `=` an empty
    one. A line `*` cancels. Raises `Failed`; whatever `ask` raises ends the exchange too.
    """
    try:
        challenge = next(exchange)
        if initial is None:
            response = decoded(await ask(encoded(challenge)))
        elif challenge in (b"", USERNAME):
            response = b"" if initial == b"=" else decoded(initial)
        else:
            raise Failed("malformed", "the server speaks first in this mechanism: send no initial response")
        while True:
            response = decoded(await ask(encoded(exchange.send(response))))
    except StopIteration as finished:
        account: Account = finished.value
        return account
    finally:
        exchange.close()


def encoded(challenge: bytes) -> bytes:
    """A challenge as a base64 line."""
    return binascii.b2a_base64(challenge, newline=False)


def decoded(line: bytes) -> bytes:
    """A client's base64 line; `Failed` where it cancels or is not base64 to the letter."""
    if line == b"*":
        raise Failed("cancelled", "the client cancelled")
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise Failed("malformed", "the response is not base64") from None
