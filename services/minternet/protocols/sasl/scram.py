"""SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.

The server's half needs the password's salted keys, and salting is slow on purpose (4,096 rounds, 2 ms). So the keys
of a password are made once and kept with the accounts they belong to; a log-in then costs three HMACs. The salt
follows from the name alone, so a name that nobody has gets a salt that is as steady as any other's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict

import msgspec

from .terms import Exchange, Failed, Terms, acting_as, prepared_password, text_of, usable, wrong

ITERATIONS = 4096
"""RFC 7677 section 4: at least 4,096."""
SALT_OCTETS = 16
NONCE_OCTETS = 18
KEPT_KEYS = 1000
"""Passwords whose salted keys are kept; names that nobody has count too, so they must not grow without bound."""


class Keys(msgspec.Struct, frozen=True):
    """What the server needs to know of a password (RFC 5802 section 3)."""

    salt: bytes
    stored: bytes
    server: bytes


class ClientFirst(msgspec.Struct, frozen=True):
    """The client's first message, taken apart (RFC 5802 section 7)."""

    header: bytes
    bare: bytes
    authorization: bytes
    user: bytes
    nonce: bytes


def scram_sha_256(terms: Terms) -> Exchange:
    """Both sides prove that they know the password; the server's proof goes out as a last challenge."""
    first = read_client_first((yield b""))
    name = text_of(first.user, "user name")
    account = usable(terms.world, name)
    keys = _keys_of(terms, account.login if account else name, prepared_password(account))
    nonce = first.nonce + base64.b64encode(terms.world.chance.random.randbytes(NONCE_OCTETS))
    server_first = b"r=%b,s=%b,i=%d" % (nonce, base64.b64encode(keys.salt), terms.iterations)
    without_proof, proof = _read_client_final((yield server_first), first.header, nonce)
    transcript = b"%b,%b,%b" % (first.bare, server_first, without_proof)
    if not proves(keys.stored, transcript, proof) or account is None:
        raise wrong()
    account = acting_as(terms, account, text_of(first.authorization, "authorization identity"))
    yield b"v=" + base64.b64encode(_hmac(keys.server, transcript))
    return account


def salted_keys(password: bytes, salt: bytes, iterations: int) -> Keys:
    """The keys of a prepared password."""
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
    return Keys(salt, hashlib.sha256(_hmac(salted, b"Client Key")).digest(), _hmac(salted, b"Server Key"))


def proves(stored: bytes, transcript: bytes, proof: bytes) -> bool:
    """Whether the client's proof was made with the password behind the stored key (RFC 5802 section 3)."""
    if len(proof) != len(stored):
        return False
    signature = _hmac(stored, transcript)
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored)


def read_client_first(message: bytes) -> ClientFirst:
    """`n,,n=user,r=nonce`, or `Failed`."""
    fields = message.split(b",", 3)
    if len(fields) < 4:
        raise Failed("malformed", "SCRAM's first message is `n,,n=user,r=nonce`")
    binding, authorization, user, rest = fields
    if binding.startswith(b"p="):
        raise Failed("malformed", "channel binding is not offered here: start with `n,` (RFC 5802 section 6)")
    if binding not in (b"n", b"y"):
        raise Failed("malformed", "SCRAM's first message starts with `n,` or `y,`")
    if user.startswith(b"m="):
        raise Failed("malformed", "no mandatory extension is known here (RFC 5802 section 5.1)")
    nonce = rest.split(b",")[0]
    if not user.startswith(b"n=") or not nonce.startswith(b"r=") or not _printable(nonce[2:]):
        raise Failed("malformed", "SCRAM's first message needs n=user and r=nonce, in this order")
    if authorization and not authorization.startswith(b"a="):
        raise Failed("malformed", "between the first two commas stands a=identity or nothing")
    header = b"%b,%b," % (binding, authorization)
    return ClientFirst(header, message[len(header) :], _unescaped(authorization[2:]), _unescaped(user[2:]), nonce[2:])


def _read_client_final(message: bytes, header: bytes, nonce: bytes) -> tuple[bytes, bytes]:
    """The message without its proof, and the proof, once its header and nonce are those of this exchange."""
    without_proof, comma, proof = message.rpartition(b",p=")
    fields = without_proof.split(b",")
    if not comma or len(fields) < 2:
        raise Failed("malformed", "SCRAM's final message is `c=header,r=nonce,p=proof`")
    if fields[0] != b"c=" + base64.b64encode(header):
        raise Failed("malformed", "c= is not the base64 of the first message's header")
    if fields[1] != b"r=" + nonce:
        raise Failed("malformed", "r= is not the nonce of this exchange")
    try:
        return without_proof, binascii.a2b_base64(proof, strict_mode=True)
    except binascii.Error:
        raise Failed("malformed", "the proof is not base64") from None


def _keys_of(terms: Terms, name: str, password: bytes) -> Keys:
    kept = terms.world.scratch.setdefault("scram-sha-256", OrderedDict())
    which = (name, password, terms.iterations)
    keys: Keys | None = kept.get(which)
    if keys is None:
        salt = hashlib.sha256(b"salt of " + name.encode()).digest()[:SALT_OCTETS]
        keys = kept[which] = salted_keys(password, salt, terms.iterations)
        if len(kept) > KEPT_KEYS:
            kept.popitem(last=False)
    return keys


def _unescaped(name: bytes) -> bytes:
    """A saslname: `=2C` is a comma and `=3D` an equals sign; no other `=` may stand in it."""
    plain = name.replace(b"=2C", b",").replace(b"=3D", b"\0")
    if b"=" in plain:
        raise Failed("malformed", "in a SCRAM name, `=` is written =3D and a comma =2C")
    return plain.replace(b"\0", b"=")


def _printable(text: bytes) -> bool:
    return bool(text) and all(0x21 <= octet <= 0x7E for octet in text)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
