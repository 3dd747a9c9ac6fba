"""The mechanisms that show a token: OAUTHBEARER (RFC 7628) and Google's XOAUTH2.

A token that does not do is answered by a challenge, a JSON object that says what is wrong; the client answers it with
a line of no meaning, and only then the exchange fails (RFC 7628 section 3.2.3).
"""

from __future__ import annotations

import msgspec

from ...world.records import Account
from .terms import Code, Exchange, Failed, Terms, text_of, usable

ANY_MAIL = "https://mail.google.com/"
"""The scope that Google's clients ask for: good for every mail service."""
SEPARATOR = b"\x01"


class Problem(msgspec.Struct, frozen=True):
    """Why a token does not do: the failure's code and text, RFC 7628's status and XOAUTH2's."""

    code: Code
    text: str
    status: str
    number: str


UNKNOWN = Problem("invalid", "the token is unknown", "invalid_token", "401")
EXPIRED = Problem("expired", "the token has expired", "invalid_token", "401")
OTHER_USER = Problem("invalid", "the token is not that user's", "invalid_token", "401")
WRONG_SCOPE = Problem("scope", "the token is not for this service", "insufficient_scope", "403")


def oauthbearer(terms: Terms) -> Exchange:
    """`n,a=user,^Ahost=...^Aport=...^Aauth=Bearer token^A^A` (RFC 7628 section 3.1)."""
    header, separator, rest = (yield b"").partition(SEPARATOR)
    if not separator or not header.startswith((b"n,", b"y,")) or not header.endswith(b","):
        raise Failed("malformed", "OAUTHBEARER starts with `n,a=user,` and octet 1 (RFC 7628 section 3.1)")
    user = header[2:-1]
    if user and not user.startswith(b"a="):
        raise Failed("malformed", "between the commas stands a=user or nothing")
    found = _judge(terms, text_of(user[2:].replace(b"=2C", b",").replace(b"=3D", b"="), "user name"), _fields(rest))
    if isinstance(found, Account):
        return found
    yield msgspec.json.encode({"status": found.status, "schemes": "bearer", "scope": terms.service})
    raise Failed(found.code, found.text)


def xoauth2(terms: Terms) -> Exchange:
    """`user=name^Aauth=Bearer token^A^A`."""
    fields = _fields((yield b""))
    found = _judge(terms, text_of(fields.get(b"user", b""), "user name"), fields)
    if isinstance(found, Account):
        return found
    yield msgspec.json.encode({"status": found.number, "schemes": "bearer", "scope": ANY_MAIL})
    raise Failed(found.code, found.text)


def _fields(text: bytes) -> dict[bytes, bytes]:
    """The `key=value` pairs, each ended by octet 1, all of them ended by one more."""
    if not text.endswith(SEPARATOR * 2):
        raise Failed("malformed", "each field ends in octet 1, and one more octet 1 ends the message")
    pairs = [field.partition(b"=") for field in text[:-2].split(SEPARATOR)]
    if any(not equals for _, equals, _ in pairs):
        raise Failed("malformed", "every field is key=value")
    return {key.lower(): value for key, _, value in pairs}


def _judge(terms: Terms, user: str, fields: dict[bytes, bytes]) -> Account | Problem:
    """The account that the token stands for, or what is wrong with it."""
    scheme, _, value = fields.get(b"auth", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not value.strip():
        raise Failed("malformed", "auth=Bearer and a token are missing")
    holder = terms.world.accounts.token(value.strip().decode("utf-8", "surrogateescape"))
    if holder is None or holder[0].disabled:
        return UNKNOWN
    account, token = holder
    if user and usable(terms.world, user) != account:
        return OTHER_USER
    if token.expires is not None and token.expires <= terms.world.clock.now():
        return EXPIRED
    if token.scopes and not {terms.service, ANY_MAIL} & set(token.scopes):
        return WRONG_SCOPE
    return account
