"""Signatures as Standard Webhooks has them (v1: HMAC-SHA256, symmetric)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

from .errors import WebhookError

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Octets of a key: the specification's 192 to 512 bits."""


def new_secret() -> str:
    """A secret that nobody can guess."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key that a secret stands for; WebhookError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise WebhookError(
            "secret", f"a secret is {PREFIX} and the base64 of {SHORTEST} to {LONGEST} octets; without one, one is made"
        )
    return key


def signature(key: bytes, identity: str, timestamp: int, body: bytes) -> str:
    """What `webhook-signature` says of a request."""
    signed = hmac.digest(key, b"%b.%d.%b" % (identity.encode(), timestamp, body), "sha256")
    return "v1," + base64.b64encode(signed).decode()


def masked(secret: str) -> str:
    """A secret as it is told of later: enough to know it again, too little to use."""
    return f"{PREFIX}****{secret[-4:]}"
