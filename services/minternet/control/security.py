"""Who may drive the control API: whom the request is addressed to, whose page it comes from, and its token.

A page of any other site can make a browser send requests here, and can point its own name at 127.0.0.1. So the Host must
be a name of this service (DNS rebinding), an Origin must be this one, and what changes something must not come from a
browser that does not say where from. There is no CORS: no other page can read a reply. Beyond loopback a token is asked for.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..settings import Settings
from .problems import Problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""
UNKNOWN_HOST = "urn:minternet:unknown-host"
FOREIGN_PAGE = "urn:minternet:foreign-page"

RESPONSE_FIELDS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""What every reply carries; a reply's own field of the same name is instead of it."""


class Gate:
    """What every request has to pass."""

    def __init__(self, settings: Settings, token: str | None) -> None:
        self._token = token
        names = (settings.host, settings.public_host)
        self._names = LOOPBACK | {name.lower() for name in names if name}

    def check(self, scope: Any, fields: Mapping[bytes, bytes]) -> None:
        """Host and origin; Problem 421 or 403."""
        host = fields.get(b"host", b"").decode("latin-1")
        self._check_host(host, scope)
        method, origin = scope["method"], fields.get(b"origin")
        site = fields.get(b"sec-fetch-site", b"").decode("latin-1").lower()
        if origin is not None:
            self._check_origin(origin.decode("latin-1"), f"{scope['scheme']}://{host}")
        elif method not in SAFE:
            self._check_no_browser(fields, site, f"{scope['scheme']}://{host}")
        elif site in ("cross-site", "same-site") and fields.get(b"sec-fetch-mode") != b"navigate":
            raise foreign("a page of another site asks for this")

    def check_token(self, fields: Mapping[bytes, bytes]) -> None:
        """The bearer token (RFC 6750); Problem 401."""
        if self._token is None:
            return
        scheme, _, given = fields.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token.encode()):
            error = ', error="invalid_token"' if scheme else ""
            raise Problem(
                401,
                "send `Authorization: Bearer TOKEN`; the token is in the ready file, and was printed at the start",
                headers={"www-authenticate": f'Bearer realm="minternet"{error}'},
            )

    def _check_host(self, host: str, scope: Any) -> None:
        name = host_name(host)
        listening = (scope.get("server") or ("",))[0]
        if name not in self._names and (not name or name != str(listening).lower()):
            raise Problem(
                421,
                f"this service is not called {host[:200]!r}; it answers to {', '.join(sorted(self._names))}"
                " (--public-host adds a name)",
                type=UNKNOWN_HOST,
            )

    def _check_origin(self, origin: str, own: str) -> None:
        if origin.lower() != own.lower():
            raise foreign(f"a page of {origin[:200]} may not drive this service")

    def _check_no_browser(self, fields: Mapping[bytes, bytes], site: str, own: str) -> None:
        """Browsers say Origin when they change something; one that hides it shows by other fields."""
        referer = fields.get(b"referer", b"").decode("latin-1")
        navigates = fields.get(b"sec-fetch-mode") == b"navigate"  # Node's fetch says "cors", with no site
        if site or navigates or (referer and origin_of(referer) != own.lower()):
            raise foreign("a browser has to say which page changes something here (Origin)")


def foreign(detail: str) -> Problem:
    """403 for a request that another site's page caused."""
    return Problem(403, detail, type=FOREIGN_PAGE)


def host_name(host: str) -> str:
    """The name in a Host field: without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).rstrip(".").lower()


def origin_of(url: str) -> str:
    """The origin of a URL; "" where it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()
