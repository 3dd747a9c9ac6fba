"""What the mechanisms share: the failure they raise, what they are told, and how they look somebody up."""

from __future__ import annotations

import hmac
from collections.abc import Generator
from typing import Literal

import msgspec

from ...world.records import Account
from ...world.world import World
from .prepare import Prohibited, saslprep

Code = Literal["invalid", "malformed", "expired", "scope", "weak", "cancelled", "unknown"]
Exchange = Generator[bytes, bytes, Account]
"""A mechanism at work: yields raw challenges, is sent raw responses, returns the account or raises `Failed`."""


class Failed(Exception):
    """An exchange that did not lead to a log-in. `code` says why, the text is fit for a person.

    invalid: wrong name, password or token; malformed: the client broke the mechanism's grammar; expired, scope: a
    token that is too old or not for this service; weak: TLS is needed first; cancelled: the client sent `*`;
    unknown: no such mechanism.
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Terms(msgspec.Struct, frozen=True):
    """What an exchange is told: whose accounts, and for which service (`imap`, `pop3`, `smtp`, `nntp`)."""

    world: World
    service: str
    iterations: int


def wrong() -> Failed:
    """The same failure for a wrong name and a wrong password, so that nobody learns which."""
    return Failed("invalid", "wrong user name or password")


def text_of(octets: bytes, what: str) -> str:
    """UTF-8 text without NUL, prepared by SASLprep."""
    try:
        return saslprep(octets.decode())
    except UnicodeDecodeError:
        raise Failed("malformed", f"the {what} is not UTF-8") from None
    except Prohibited as prohibited:
        raise Failed("malformed", f"the {what} cannot be used: {prohibited}") from None


def prepared_password(account: Account | None) -> bytes:
    """The octets of the account's password as mechanisms hash them; of nobody's where there is no account."""
    if account is None:
        return b"\x00nobody has this password"
    try:
        return saslprep(account.password).encode()
    except Prohibited:
        return account.password.encode()


def check_password(world: World, login: bytes, password: bytes) -> Account:
    """The account of that login or address, or `Failed`: for LOGIN, USER and PASS, AUTHINFO USER, HTTP basic."""
    name, secret = text_of(login, "user name"), text_of(password, "password")
    account = usable(world, name)
    if not hmac.compare_digest(prepared_password(account), secret.encode()) or account is None:
        raise wrong()
    return account


def usable(world: World, name: str) -> Account | None:
    """The account of a login or address, unless it is disabled."""
    account = world.accounts.find(name)
    return None if account is None or account.disabled else account


def acting_as(terms: Terms, account: Account, authorization: str) -> Account:
    """The account, if the authorization identity is its own or empty: nobody acts for another here (RFC 4422 3.4.1)."""
    if authorization and usable(terms.world, authorization) != account:
        raise Failed("invalid", f"{account.login!a} may not act as {authorization!a}")
    return account
