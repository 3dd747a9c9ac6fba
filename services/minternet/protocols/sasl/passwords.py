"""The mechanisms that prove a password: PLAIN, LOGIN, CRAM-MD5."""

from __future__ import annotations

import hmac

from .terms import Exchange, Failed, Terms, acting_as, check_password, prepared_password, text_of, usable, wrong

USERNAME = b"Username:"
PASSWORD = b"Password:"


def plain(terms: Terms) -> Exchange:
    """PLAIN (RFC 4616): `authorization NUL user NUL password`."""
    fields = (yield b"").split(b"\0")
    if len(fields) != 3:
        raise Failed("malformed", "PLAIN wants three fields set apart by NUL: authorization, user, password")
    authorization, user, password = fields
    if not user or not password:
        raise Failed("malformed", "PLAIN wants a user name and a password that are not empty")
    account = check_password(terms.world, user, password)
    return acting_as(terms, account, text_of(authorization, "authorization identity"))


def login(terms: Terms) -> Exchange:
    """LOGIN (draft-murchison-sasl-login): asks for the name, then for the password."""
    user = yield USERNAME
    password = yield PASSWORD
    return check_password(terms.world, user, password)


def cram_md5(terms: Terms) -> Exchange:
    """CRAM-MD5 (RFC 2195): `user SP hexadecimal HMAC-MD5 of the challenge`."""
    challenge = f"<{terms.world.chance.token(8)}.{int(terms.world.clock.now())}@{terms.world.hostname}>".encode()
    user, blank, digest = (yield challenge).rpartition(b" ")
    if not blank or not user:
        raise Failed("malformed", "CRAM-MD5 wants a user name, a blank and 32 hexadecimal digits")
    account = usable(terms.world, text_of(user, "user name"))
    right = cram_md5_digest(prepared_password(account), challenge)
    if not hmac.compare_digest(right, digest.lower()) or account is None:
        raise wrong()
    return account


def cram_md5_digest(password: bytes, challenge: bytes) -> bytes:
    """The 32 hexadecimal digits that answer a challenge (RFC 2195 section 2)."""
    return hmac.new(password, challenge, "md5").hexdigest().encode()
